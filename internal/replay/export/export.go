// Package export writes events as a .scap capture, in today's form, for the tools that read those: Falco, sysdig, Stratoshark.
//
// Readers of a capture know processes and descriptors from the lists in front of its events, and from every event since. So the events
// go to a temporary file first, and the lists are made meanwhile: of each thread what it was at its first event, of each descriptor
// what it led to when an event first used it. What changed later without an event that is there (a recording has those of its filter
// alone) is told by an event that is put in: the exec or the fork that did happen, or an open of the file that the descriptor leads to.
package export

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
)

// Settings of an exporter. Zero stands for the default.
type Settings struct {
	// Hostname is that of the recorded machine; empty: it is that which events of a capture have.
	Hostname string
	// Dir is where the temporary file is made; the default is the system's directory for them.
	Dir string
	// Enter has the begin of each call written in front of its end, for older tools, which take a call's
	// arguments from there.
	Enter bool
	// MaxProcesses and MaxDescriptors bound what is known at once. Defaults: 131,072 and 1,048,576.
	MaxProcesses, MaxDescriptors int
}

// Counters say what was written, and what was not.
type Counters struct {
	// Events are those given, Added those that were put in.
	Events, Added uint64
	// Processes and Descriptors are in the lists in front.
	Processes, Descriptors uint64
	// Unknown are events without a form in Falco's table, which were left out.
	Unknown uint64
	// Stale are events whose descriptor readers take for another one that the same number stood for before.
	Stale uint64
	// Full are processes and descriptors for which there was no room.
	Full uint64
}

// Exporter writes one capture. It is for one goroutine.
type Exporter struct {
	settings Settings
	counters Counters
	out      io.Writer
	scratch  *os.File
	buffered *bufio.Writer
	events   *scap.Writer
	forms    *forms
	encoder  encoder

	machine   scap.Machine
	addresses map[netip.Addr]struct{}
	places    places

	processes map[int32]*process
	threads   map[int32]*process
	list      []scap.Process
	lists     map[int64][]scap.Descriptor
	// order are the threads with a list of descriptors, in the order of their first.
	order []int64
	uses  []use
	// known is how many descriptors are kept.
	known int
}

// New makes an exporter that writes to out when it is closed.
func New(out io.Writer, settings Settings) (*Exporter, error) {
	if settings.MaxProcesses == 0 {
		settings.MaxProcesses = 1 << 17
	}
	if settings.MaxDescriptors == 0 {
		settings.MaxDescriptors = 1 << 20
	}
	all, err := newForms()
	if err != nil {
		return nil, err
	}
	scratch, err := os.CreateTemp(settings.Dir, "saker-export-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	buffered := bufio.NewWriterSize(scratch, 1<<18)
	return &Exporter{
		settings: settings, out: out, scratch: scratch, buffered: buffered, events: scap.NewWriter(buffered), forms: all,
		addresses: map[netip.Addr]struct{}{}, places: newPlaces(),
		processes: map[int32]*process{}, threads: map[int32]*process{}, lists: map[int64][]scap.Descriptor{},
	}, errors.Join(os.Remove(scratch.Name()))
}

// Counters are those of all events so far.
func (e *Exporter) Counters() Counters { return e.counters }

// Write takes the next event, which is not kept.
func (e *Exporter) Write(ev *event.Event) error {
	form := e.forms.of(ev)
	if form == nil {
		e.counters.Unknown++
		return nil
	}
	e.counters.Events++
	e.meet(ev)
	e.places.meet(ev)
	e.ensureProcesses(ev)
	e.ensureDescriptors(ev, form)
	e.encode(ev, form)
	e.follow(ev, form)
	return e.events.Err()
}

// meet takes over what the event says of its machine.
func (e *Exporter) meet(ev *event.Event) {
	e.machine.CPUs = max(e.machine.CPUs, uint32(ev.CPU)+1)
	if c := ev.Captured; c != nil && e.settings.Hostname == "" {
		e.settings.Hostname = strings.Clone(c.Hostname)
	}
	if e.machine.BootTime == 0 && ev.Captured == nil && uint64(ev.Time) > ev.Boot {
		e.machine.BootTime = uint64(ev.Time) - ev.Boot
	}
	for i := range ev.Params {
		if s := &ev.Params[i].Descriptor.Socket; s.Ends != nil || s.Local.IsValid() {
			e.meetAddress(s)
		}
	}
}

// maxAddresses bounds the machine's addresses that are told.
const maxAddresses = 1 << 10

// meetAddress keeps the machine's end of a socket: tools find out by the machine's addresses which end is the server's.
func (e *Exporter) meetAddress(s *event.Socket) {
	local := s.Local.Addr()
	if s.Ends != nil {
		switch {
		case s.Ends.Source.IsValid() && !s.Ends.DestinationLocal:
			local = s.Ends.Source.Addr()
		case s.Ends.Server:
			local = s.Ends.Destination.Addr()
		}
	}
	local = local.Unmap().WithZone("")
	if local.IsValid() && !local.IsUnspecified() && len(e.addresses) < maxAddresses {
		e.addresses[local] = struct{}{}
	}
}

// put writes an event that is not in the source.
func (e *Exporter) put(ev *event.Event) {
	if form := e.forms.of(ev); form != nil {
		e.counters.Added++
		e.encode(ev, form)
	}
}

// Close writes the capture: the lists, and then the events. The exporter is not used any more.
func (e *Exporter) Close() error {
	err := e.finish()
	if err != nil {
		err = fmt.Errorf("write the capture: %w", err)
	}
	return errors.Join(err, e.scratch.Close())
}

func (e *Exporter) finish() error {
	if err := errors.Join(e.events.Err(), e.buffered.Flush()); err != nil {
		return err
	}
	if _, err := e.scratch.Seek(0, io.SeekStart); err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(e.out, 1<<18)
	w := scap.NewWriter(buffered)
	w.Section()
	e.machine.Hostname = e.settings.Hostname
	w.Machine(&e.machine)
	w.Interfaces(e.interfaces())
	w.Accounts(e.places.host())
	w.Processes(e.list)
	for _, tid := range e.order {
		w.Descriptors(tid, e.lists[tid])
	}
	if len(e.order) == 0 {
		w.Descriptors(1, nil) // older readers refuse a capture without such a list
	}
	e.counters.Processes = uint64(len(e.list))
	e.places.write(w)
	if w.Err() != nil {
		return w.Err()
	}
	_, err := io.Copy(buffered, e.scratch)
	return errors.Join(err, buffered.Flush())
}

// interfaces are the machine's addresses, sorted. Their networks are not known, and of the names that of the loopback alone.
func (e *Exporter) interfaces() []scap.Interface {
	for _, a := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		e.addresses[a] = struct{}{}
	}
	var list []scap.Interface
	for _, a := range sortedAddresses(e.addresses) {
		name := "unknown"
		if a.IsLoopback() {
			name = "lo"
		}
		mask, _ := netip.AddrFromSlice(bytes.Repeat([]byte{0xff}, a.BitLen()/8))
		list = append(list, scap.Interface{Name: name, Address: a, Mask: mask})
	}
	return list
}
