// Package state turns the events of a capture into the events that rules see. A capture has the numbers of threads and descriptors
// alone; what they stand for follows from the lists of processes and descriptors at its start and from every event since. The rules by
// which it does are Falco's, so that the fields of an event are those that Falco shows.
package state

import (
	"strings"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

// Settings of a state. Zero stands for the default.
type Settings struct {
	// MaxThreads is how many threads are known at once, MaxDescriptors how many descriptors, of all of them together. MaxBytes bounds
	// the bytes of their texts. Defaults: 131,072, 1,048,576, and 512 MiB.
	MaxThreads, MaxDescriptors, MaxBytes int
}

// Lost counts what found no room.
type Lost struct {
	Threads, Descriptors uint64
	// Malformed are parameters of another length than their type's; they count as 0 or empty.
	Malformed uint64
}

// State is what is known of the machine of a capture at one event. It is not safe for several goroutines.
type State struct {
	settings Settings
	lost     Lost
	codes    []codeInfo
	calls    map[int]event.Type

	machine    scap.Machine
	interfaces interfaces
	accounts   map[string]*event.Accounts // by the container's id, "" for the host
	containers map[string]*event.Container

	threads     map[int64]*thread
	groups      map[int64]*group
	descriptors int
	bytes       int
	serverPorts map[uint16]bool
	exited      exitedRing
	// started: the lists at the start of the capture are complete. running: so are the notices behind them about accounts and
	// containers, which rules do not see.
	started, running bool

	events          uint64
	first, previous uint64
	// leaving is the thread that the last event ended, -1 if none; closing the descriptor that it closed.
	leaving int64
	closing struct{ tid, fd int64 }

	now now
	out output
}

// codeInfo is what is known of the events of one code.
type codeInfo struct {
	schema   *schema.Event
	typ      event.Type
	category string
	syscall  bool
	// fd is the index of the parameter with the descriptor that the event uses, -1 if it is not known.
	fd int
	// apply changes the state; nil if the event does not.
	apply func(*State, *now)
}

// New makes a state that knows nothing yet.
func New(settings Settings) *State {
	if settings.MaxThreads == 0 {
		settings.MaxThreads = 1 << 17
	}
	if settings.MaxDescriptors == 0 {
		settings.MaxDescriptors = 1 << 20
	}
	if settings.MaxBytes == 0 {
		settings.MaxBytes = 512 << 20
	}
	s := &State{settings: settings, codes: codes(), calls: call.AMD64()}
	s.forget()
	return s
}

// Lost is what found no room so far.
func (s *State) Lost() Lost { return s.lost }

func (s *State) forget() {
	s.machine, s.interfaces, s.serverPorts = scap.Machine{}, interfaces{}, map[uint16]bool{}
	s.accounts, s.containers = map[string]*event.Accounts{}, map[string]*event.Container{}
	s.threads, s.groups = map[int64]*thread{}, map[int64]*group{}
	s.descriptors, s.bytes, s.started, s.running, s.leaving = 0, 0, false, false, -1
	s.exited, s.closing.tid = exitedRing{}, -1
}

// Begin begins a capture: what was known before, of a capture in front of it in the same file, is forgotten. Events go on being
// numbered.
func (s *State) Begin() { s.forget() }

// AddMachine tells of the machine, AddInterface of an address of it.
func (s *State) AddMachine(m *scap.Machine) {
	s.machine = *m
	s.machine.Hostname = strings.Clone(m.Hostname)
}

// AddInterface tells of an address of the machine.
func (s *State) AddInterface(i *scap.Interface) { s.interfaces.add(i) }

// AddUser tells of an account of the machine.
func (s *State) AddUser(u *scap.User) {
	s.addUser("", u.UID, event.User{Name: strings.Clone(u.Name), Home: strings.Clone(u.Home), Shell: strings.Clone(u.Shell)})
}

// AddGroup tells of a group of accounts.
func (s *State) AddGroup(g *scap.Group) { s.addGroup("", g.GID, strings.Clone(g.Name)) }

// AddProcess tells of a thread that ran when the capture began.
func (s *State) AddProcess(p *scap.Process) { s.add(s.threadOf(p), s.started) }

// AddDescriptor tells of a descriptor that a thread had open then.
func (s *State) AddDescriptor(tid int64, in *scap.Descriptor) {
	t := s.threads[tid]
	if t == nil {
		return
	}
	if d := s.descriptorOf(in); d != nil {
		s.open(&t.own, in.FD, d)
	}
}

// start completes what the lists at the start of the capture say.
func (s *State) start() {
	s.started = true
	for _, t := range s.threads {
		s.relate(t)
	}
	for _, t := range s.threads {
		for _, d := range t.own.fds {
			s.findRole(d)
		}
	}
}

// Apply changes the state by one event, and fills out with what rules see of it. visible tells whether they see it at all: the begin of
// a system call they do not. What out holds is valid until the next call; ev is not kept, but out aliases its parameters.
func (s *State) Apply(ev *scap.Event, out *event.Event) (visible bool) {
	if !s.started {
		s.start()
	}
	if int(ev.Code) >= len(s.codes) {
		return false
	}
	info := &s.codes[ev.Code]
	s.events++
	if s.first == 0 && info.schema.Category&schema.CategoryMetaevent == 0 {
		s.first = ev.Time
	}
	s.leave(ev.Time)
	n := &s.now
	*n = now{ev: ev, info: info, fd: nil}
	s.begin(n)
	if info.apply != nil {
		info.apply(s, n)
	}
	if !schema.IsEnter(ev.Code) && n.thread != nil {
		n.thread.entered.code = 0
	}
	s.running = s.running || !tellsOfStart(ev.Code)
	visible = s.running && (!info.syscall || !schema.IsEnter(ev.Code)) && info.schema.Category&schema.CategoryIter == 0 &&
		ev.Flags&stateOnly == 0
	if visible {
		if n.thread == nil {
			n.thread = s.threads[ev.Tid]
		}
		s.publish(n, out)
		s.previous = ev.Time
	}
	return visible
}

// stateOnly is the flag of an event that a recorder's filter left out, and that changes the state.
const stateOnly = 1 << 0

// tellsOfStart: a notice that recorders put in front of the events about what they know already.
func tellsOfStart(code uint16) bool {
	switch code {
	case schema.ContainerJSONV2E, schema.UserAddedE, schema.UserDeletedE, schema.GroupAddedE, schema.GroupDeletedE, schema.AsynceventE:
		return true
	}
	return false
}

// leave does what the last event left to do: rules saw its thread and its descriptor still.
func (s *State) leave(time uint64) {
	if s.leaving >= 0 {
		if t := s.threads[s.leaving]; t != nil {
			s.exited.note(t.tid, t.ptid, time)
		}
		s.remove(s.leaving)
		s.leaving = -1
	}
	if s.closing.tid >= 0 {
		if t := s.threads[s.closing.tid]; t != nil {
			s.close(t.table(), s.closing.fd)
		}
		s.closing.tid = -1
	}
}

// begin finds the thread and the descriptor of an event.
func (s *State) begin(n *now) {
	code, flags := n.ev.Code, n.info.schema.Flags
	if flags&schema.Skipparsereset != 0 {
		if code == schema.ProcinfoE {
			n.thread = s.threads[n.ev.Tid]
		}
		return
	}
	switch code {
	case schema.ContainerJSONV2E, schema.UserAddedE, schema.UserDeletedE, schema.GroupAddedE, schema.GroupDeletedE, schema.PlugineventE,
		schema.AsynceventE:
		n.thread = s.threads[n.ev.Tid]
		return
	case schema.CloneV20X, schema.Clone3X, schema.ForkV20X, schema.VforkV20X, schema.SchedswitchV6E, schema.ProcexitV1E:
		n.thread = s.threads[n.ev.Tid]
	default:
		n.thread = s.get(n.ev.Tid)
	}
	t := n.thread
	if t == nil || code == schema.SchedswitchV6E {
		return
	}
	if schema.IsEnter(code) {
		t.lastFD, t.lastType = -1, code
		if flags&schema.UsesFD != 0 {
			t.lastFD = n.int(enterFD(code))
			n.fd = t.find(t.lastFD)
		}
		return
	}
	n.entered = code == t.lastType+1 || code == schema.ExecveV19X && t.lastType == schema.ExecveatE
	if !n.entered {
		t.lastFD = -1
	}
	if flags&schema.UsesFD == 0 {
		return
	}
	if t.lastFD == -1 && n.info.fd >= 0 && n.has(n.info.fd) {
		t.lastFD = n.int(n.info.fd)
	}
	n.setFD(t.find(t.lastFD))
}

// enterFD is the parameter with the descriptor at the begin of a call.
func enterFD(code uint16) int {
	switch code {
	case schema.MmapE, schema.Mmap2E:
		return 4
	case schema.SpliceE:
		return 1
	}
	return 0
}
