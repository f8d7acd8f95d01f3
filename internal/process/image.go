package process

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// image copies the record's image out of the ring: one block of memory for all of its texts.
func (t *Table) image(rec *event.Record) *event.Process {
	p := rec.Image
	var b block
	b.grow(len(p.Comm)*2 + len(p.ExePath) + len(p.Filename) + len(p.Interp) + len(p.Cwd) + len(rec.Args) + len(rec.Env) + 2)
	p.Comm = b.copy(p.Comm)
	p.ExePath = b.copy(p.ExePath)
	p.Filename = b.copy(p.Filename)
	p.Interp = b.copy(p.Interp)
	p.Cwd = b.directory(p.Cwd)
	setArgs(&p, &b, rec.Args)
	p.Env = splitNul(b.copy(rec.Env))
	p.Parent = t.parent(event.Key{Tgid: p.Ppid, Start: rec.ParentStart}, parentComm(rec))
	t.lineage(&p, rec)
	return &p
}

// lineage fills in ancestors above a parent that the table knew nothing of.
func (t *Table) lineage(p *event.Process, rec *event.Record) {
	at := p.Parent
	for i := 1; i < len(rec.Ancestors) && at != nil && at.Parent == nil; i++ {
		a := &rec.Ancestors[i]
		if known := t.byKey[at.Key]; known != nil && known.now == at && at.Flags&event.FlagRepaired == 0 {
			return
		}
		up := t.parent(a.Key, a.Comm)
		at.Ppid, at.Parent = a.Key.Tgid, up
		at = up
	}
}

func parentComm(rec *event.Record) string {
	if len(rec.Ancestors) == 0 {
		return ""
	}
	return rec.Ancestors[0].Comm
}

// setArgs splits argv. The texts are laid out as the command line, so that one copy serves proc.cmdline, proc.args and
// each argument.
func setArgs(p *event.Process, b *block, args string) {
	first, rest, more := strings.Cut(args, "\x00")
	p.Exe = b.copy(first)
	if !more || rest == "" {
		p.Cmdline = p.Comm
		return
	}
	rest = strings.TrimSuffix(rest, "\x00")
	if rest == "" { // one argument, and it is empty: Falco counts none
		p.Cmdline = p.Comm
		return
	}
	line := b.join(p.Comm, rest)
	p.Cmdline, p.Args = line, line[len(p.Comm)+1:]
	p.ArgList = make([]string, 0, strings.Count(rest, "\x00")+1)
	for start := 0; ; {
		i := strings.IndexByte(rest[start:], 0)
		if i < 0 {
			p.ArgList = append(p.ArgList, p.Args[start:])
			return
		}
		p.ArgList = append(p.ArgList, p.Args[start:start+i])
		start += i + 1
	}
}

// rename gives a process another name, and the command line that begins with it.
func rename(p *event.Process, comm string) {
	p.Comm, p.Cmdline = strings.Clone(comm), ""
	if p.Partial {
		return
	}
	p.Cmdline = p.Comm
	if len(p.ArgList) > 0 {
		p.Cmdline += " " + p.Args
	}
}

// splitNul splits NUL-terminated strings.
func splitNul(s string) []string {
	s = strings.TrimSuffix(s, "\x00")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\x00")
}

// block is memory that several texts share.
type block struct{ b strings.Builder }

func (b *block) grow(n int) { b.b.Grow(n) }

func (b *block) copy(s string) string {
	start := b.b.Len()
	b.b.WriteString(s)
	return b.b.String()[start:]
}

// directory is copy with a slash at the end, as proc.cwd shows it.
func (b *block) directory(s string) string {
	if s == "" || strings.HasSuffix(s, "/") {
		return b.copy(s)
	}
	start := b.b.Len()
	b.b.WriteString(s)
	b.b.WriteByte('/')
	return b.b.String()[start:]
}

// join appends head, a blank and tail, whose NULs become blanks.
func (b *block) join(head, tail string) string {
	start := b.b.Len()
	b.b.WriteString(head)
	b.b.WriteByte(' ')
	for tail != "" {
		part, rest, more := strings.Cut(tail, "\x00")
		b.b.WriteString(part)
		if more {
			b.b.WriteByte(' ')
			if rest == "" {
				break
			}
		}
		tail = rest
	}
	return b.b.String()[start:]
}
