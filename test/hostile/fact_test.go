package hostile

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// name is what a text in a record must be.
type name struct {
	Text string
	// Other is what it may be as well, because the folder above is renamed all the time, or because it can't be told in which
	// of two folders a file is; empty if there is no other.
	Other string
	// Raw is what the caller gave, if it is made of that and a folder's name.
	Raw string
	// Climbs: it was made with "..", which may leave little of a folder's name.
	Climbs bool
}

// fits tells whether a text is the name, and whether only its end is.
func (n name) fits(got string) (whole, end bool) {
	if got == n.Text || n.Other != "" && got == n.Other {
		return true, false
	}
	// Whole components from the end are left, as many as fit; or those below a folder that a rename was about to move for
	// as long as the walk tried. If that is the folder itself, nothing is left, or the caller's text alone.
	end = (len(got) > 300 || n.Climbs || n.Other != "") && strings.HasPrefix(got, "/") &&
		(strings.HasSuffix(n.Text, got) || strings.HasSuffix(n.Other, got))
	return false, end || n.Other != "" && (got == "" || got == n.Raw)
}

// fact is a system call as its caller knows it.
type fact struct {
	// Kind is open, failed exec or exec.
	Kind event.Kind
	// Tid is the thread that made the call: the child's for what a child did.
	Tid int32
	// Want is the event, but for its names.
	Want outcome
	// May are flags that it may have or not.
	May event.Flags
	// Given is File.Given or Filename, Resolved File.Resolved.
	Given, Resolved name
	// Image is set for an exec.
	Image image
	// Call describes it for whoever has to find out what is wrong.
	Call string

	// moving counts the names below a folder that is renamed all the time, cutThere those of them that lost their front.
	moving, cutThere int
}

// outcome are the parts of an event that the caller knows. It passes through a pipe, which not all that an event refers to can.
type outcome struct {
	Type  event.Type
	Tgid  int32
	Ret   int64
	DirFD int32
	Flags event.Flags
	File  event.File
}

// image is what is known of a new image.
type image struct {
	ExePath, Cwd name
	Interp       string
	Args, Env    []byte
}

// seen is a record as it was read.
type seen struct {
	kind event.Kind
	ev   *event.Event
	// The rest is of an exec.
	exePath, interp, cwd string
	args, env            []byte
}

// How much of the texts is kept at most (bpf/event.h).
const (
	maxPath = 4096
	maxArgs = 32768
	maxEnv  = 4096
)

// differences lists what a record says and is not so.
func (f *fact) differences(s *seen) []string {
	var out []string
	is := func(what string, got, want any) {
		if got != want {
			out = append(out, fmt.Sprintf("%s: %.500q, want %.500q", what, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	ev, want := s.ev, &f.Want
	is("kind", s.kind, f.Kind)
	is("type", ev.Type, want.Type)
	is("result", ev.Ret, want.Ret)
	is("dirfd", ev.DirFD, want.DirFD)
	is("tgid", ev.Tgid, want.Tgid)
	is("vpid", ev.Vpid, want.Tgid)
	is("vtid", ev.Vtid, f.Tid)
	switch {
	case ev.Process == nil:
		out = append(out, "it has no process")
	case ev.Process.Key != ev.Key || ev.Process.ExecID != ev.ExecID || ev.Process.Flags&event.FlagRepaired != 0:
		out = append(out, fmt.Sprintf("its process is %+v", ev.Process))
	}
	got, wanted := ev.File, want.File
	is("raw", got.Raw, wanted.Raw)
	is("open flags", got.OpenFlags, wanted.OpenFlags)
	mode := wanted.Mode
	if wanted.OpenFlags&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0 {
		mode = 0 // it means nothing
	}
	is("mode", got.Mode, mode)
	is("resolve", got.Resolve, wanted.Resolve)
	is("fd", got.FD, wanted.FD)
	is("inode mode", got.InodeMode, wanted.InodeMode)
	if wanted.ID.Ino != 0 {
		is("device", got.ID.Dev, wanted.ID.Dev)
		is("inode", got.ID.Ino, wanted.ID.Ino)
	}
	cut := false
	named := func(what, got string, n name) {
		whole, end := n.fits(got)
		if !whole && !(end && ev.Flags&event.FlagPathTruncated != 0) {
			out = append(out, fmt.Sprintf("%s: %.500q (%d bytes), want %.500q %.500q (%d bytes), flags %b", what, got, len(got), n.Text, n.Other,
				len(n.Text), ev.Flags))
		}
		cut = cut || !whole
		if n.Other != "" {
			f.moving++
			if !whole && len(got) <= 300 {
				f.cutThere++
			}
		}
	}
	if f.Kind == event.KindOpen {
		named("given", got.Given, f.Given)
		named("resolved", got.Resolved, f.Resolved)
	} else {
		named("filename", ev.Filename, f.Given)
	}
	if f.Kind == event.KindExec {
		named("exepath", s.exePath, f.Image.ExePath)
		named("cwd", s.cwd, f.Image.Cwd)
		is("interp", s.interp, f.Image.Interp)
		is("args", string(s.args), string(first(f.Image.Args, maxArgs)))
		is("env", string(s.env), string(first(f.Image.Env, maxEnv)))
	}
	flags := want.Flags
	if cut {
		flags |= event.FlagPathTruncated
	}
	is("flags", fmt.Sprintf("%b", ev.Flags&^f.May), fmt.Sprintf("%b", flags&^f.May))
	return out
}

func first(b []byte, n int) []byte { return b[:min(len(b), n)] }

// joined are strings as they lie in a process: each with its NUL.
func joined(all []string) []byte {
	var b bytes.Buffer
	for _, s := range all {
		b.WriteString(s)
		b.WriteByte(0)
	}
	return b.Bytes()
}
