package probe

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cilium/ebpf"

	"github.com/saker-sensor/saker/internal/bpfgen"
)

// Renewal is the programs with other settings, loaded and not attached. They write into the maps of the running ones.
type Renewal struct {
	programs map[string]*ebpf.Program
	missing  []Missing
	wanted   wanted
	// Generation marks the records of these programs.
	Generation uint8
}

// Renew loads the programs anew for other settings; the rings stay as large as they are. It may run beside the rings'
// reader. What it returns goes to [Probe.Switch], or is closed.
func (p *Probe) Renew(s Settings) (*Renewal, error) {
	spec, err := bpfgen.LoadSensor()
	if err != nil {
		return nil, fmt.Errorf("read the embedded programs: %w", err)
	}
	next := &Probe{generation: p.generation + 1}
	if next.wanted, err = prepare(spec, s, next.generation, p.tracepoints); err != nil {
		return nil, err
	}
	delete(spec.Programs, bpfgen.SensorProgTaskIter) // it is for the start
	shared, err := p.shared(spec)
	if err != nil {
		return nil, err
	}
	coll, err := next.collect(spec, shared)
	if err != nil {
		return nil, err
	}
	r := &Renewal{programs: coll.Programs, missing: next.missing, wanted: next.wanted, Generation: next.generation}
	coll.Programs = nil
	coll.Close()
	return r, nil
}

// shared are the maps that the programs of all generations have in common: all but the constants, which are what differs,
// and a map that is to have another size, whose contents are then lost.
func (p *Probe) shared(spec *ebpf.CollectionSpec) (map[string]*ebpf.Map, error) {
	shared := map[string]*ebpf.Map{}
	for name, m := range p.all {
		want := spec.Maps[name]
		if want == nil {
			return nil, fmt.Errorf("renew the programs: map %s is unknown", name)
		}
		if name == bpfgen.SensorMapCritical || name == bpfgen.SensorMapBulk {
			want.MaxEntries = m.MaxEntries()
		}
		if want.MaxEntries == m.MaxEntries() {
			shared[name] = m
		}
	}
	return shared, nil
}

// Close lets go of programs that are not wanted any more.
func (r *Renewal) Close() error {
	var errs []error
	for _, prog := range r.programs {
		errs = append(errs, prog.Close())
	}
	return errors.Join(errs...)
}

// Switch attaches the renewed programs and then detaches those that ran, so that no event is missed. Meanwhile both
// record: an event may come twice, once from each generation, the old one first; see [Duplicates]. It may run beside the rings'
// reader, which knows of the new generation by then. If the new programs can't be attached, the old ones go on.
func (p *Probe) Switch(r *Renewal) error {
	links, missing, err := attach(r.programs, p.tracepoints, r.wanted.entries)
	if err != nil {
		return errors.Join(fmt.Errorf("attach the renewed programs: %w", err), r.Close())
	}
	p.mu.Lock()
	oldLinks, oldPrograms := p.links, p.programs
	p.links, p.programs, p.missing = links, r.programs, append(r.missing, missing...)
	p.wanted, p.generation = r.wanted, r.Generation
	p.mu.Unlock()
	time.Sleep(overlap)
	errs := []error{detach(oldLinks)}
	for _, prog := range oldPrograms {
		errs = append(errs, prog.Close())
	}
	return errors.Join(errs...)
}

// ownMaps are the object's maps but for its constants.
func ownMaps(coll *ebpf.Collection) map[string]*ebpf.Map {
	own := maps.Clone(coll.Maps)
	maps.DeleteFunc(own, func(name string, _ *ebpf.Map) bool { return name[0] == '.' })
	return own
}
