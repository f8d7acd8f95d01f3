package probe

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attachment is a program on its hook. Nothing but closing every descriptor takes it off again: the kernel refuses to
// detach a tracing link (BPF_LINK_DETACH: EOPNOTSUPP).
type attachment struct {
	name string
	link link.Link
	id   link.ID
}

// Intact tells whether the probe's links and maps are what they were when they were made; the error, of one line, names
// what is not, and why: a debugger may have closed a descriptor. A ring's read position that somebody else moved is an
// error too, and so is what somebody else wrote into a table; both are put right. It belongs to the rings' reader.
func (p *Probe) Intact() error {
	found := append(p.lostLinks(), p.lostMaps()...)
	for _, r := range []struct {
		name string
		ring *Ring
	}{{"critical", p.critical}, {"bulk", p.bulk}} {
		if r.ring.restore() {
			found = append(found, fmt.Sprintf("read position of the %s ring was moved by another process", r.name))
		}
	}
	for _, name := range p.tables.restore() {
		found = append(found, fmt.Sprintf("map %s was changed by another process", name))
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	return fmt.Errorf("%s", strings.Join(found, "; "))
}

func (p *Probe) lostLinks() (found []string) {
	p.mu.Lock() // a switch closes the links that it has replaced
	defer p.mu.Unlock()
	for _, a := range p.links {
		id, err := linkID(a.link)
		if err == nil && id != a.id {
			err = fmt.Errorf("its descriptor is that of link %d", id)
		}
		if err != nil {
			found = append(found, fmt.Sprintf("link of %s is gone: %v", a.name, err))
		}
	}
	return found
}

// linkID is the id of the link behind a link's descriptor. It is read from /proc: a map in its place, asked for a link's
// description, answers with its own, and the library takes a part of that for the length of a name (2 GB were seen).
func linkID(l link.Link) (id link.ID, err error) {
	owner, ok := l.(interface{ FD() int })
	if !ok {
		return 0, fmt.Errorf("read the link's descriptor: a %T has none", l)
	}
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(owner.FD()))
	if err != nil {
		return 0, fmt.Errorf("read its descriptor: %w", err)
	}
	_, rest, ok := strings.Cut(string(text), "link_id:")
	if !ok {
		return 0, errors.New("its descriptor is no link's")
	}
	if _, err := fmt.Sscan(rest, &id); err != nil {
		return 0, fmt.Errorf("read its descriptor: %w", err)
	}
	return id, nil
}

func (p *Probe) lostMaps() (found []string) {
	for name, m := range p.all {
		info, err := m.Info()
		if err == nil {
			if id, ok := info.ID(); ok && id != p.ids[name] {
				err = fmt.Errorf("its descriptor is that of map %d", id)
			}
		}
		if err != nil {
			found = append(found, fmt.Sprintf("map %s is gone: %v", name, err))
		}
	}
	return found
}

func mapIDs(all map[string]*ebpf.Map) map[string]ebpf.MapID {
	ids := map[string]ebpf.MapID{}
	for name, m := range all {
		if info, err := m.Info(); err == nil {
			ids[name], _ = info.ID()
		}
	}
	return ids
}
