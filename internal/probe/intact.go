package probe

import (
	"fmt"
	"slices"
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
// error too, and is put right. It belongs to the rings' reader.
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
		info, err := a.link.Info()
		if err == nil && info.ID != a.id {
			err = fmt.Errorf("its descriptor is that of link %d", info.ID)
		}
		if err != nil {
			found = append(found, fmt.Sprintf("link of %s is gone: %v", a.name, err))
		}
	}
	return found
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
