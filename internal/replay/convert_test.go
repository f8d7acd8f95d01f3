package replay

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/export"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// machine makes the events of a machine, as the loop sees them.
type machine struct {
	t     *testing.T
	calls *call.Table
	clock *event.Clock
	// events has a copy of each.
	events []*event.Event
}

// in makes an event of a process.
func (m *machine) in(p *event.Process, typ string, ret int64) *event.Event {
	m.t.Helper()
	t, ok := event.TypeByName(typ)
	if !ok {
		m.t.Fatalf("no type %s", typ)
	}
	boot := uint64(1000 + len(m.events))
	ev := &event.Event{
		Num: uint64(len(m.events) + 1), Boot: boot, Time: m.clock.Wall(boot), Clock: m.clock, First: 1000, Previous: boot - 1, Type: t, CPU: 1,
		Tgid: p.Key.Tgid, Tid: p.Key.Tgid, Vpid: p.Vpid, Vtid: p.Vpid, Key: p.Key, ExecID: p.ExecID, Ret: ret, DirFD: event.AtFDCWD, FD: -1,
		Process: p, ContainerID: event.HostID,
	}
	if row := m.calls.Row(t); row != nil {
		ev.FD, ev.Params = row.Descriptor, make([]event.Param, len(row.Params))
		for i := range row.Params {
			if row.Params[i].IsResult() {
				ev.Params[i].Num = ret
			}
		}
	}
	m.events = append(m.events, ev)
	return ev
}

// with sets a parameter of a call.
func (m *machine) with(ev *event.Event, name string, p event.Param) {
	m.t.Helper()
	row := m.calls.Row(ev.Type)
	for i := range row.Params {
		if row.Params[i].Name == name {
			ev.Params[i] = p
			return
		}
	}
	m.t.Fatalf("%s has no parameter %s", ev.Type, name)
}

// call makes an event of a call about a descriptor.
func (m *machine) call(p *event.Process, typ string, ret, fd int64, d event.Descriptor) *event.Event {
	ev := m.in(p, typ, ret)
	ev.Params[ev.FD] = event.Param{Num: fd, Descriptor: d}
	return ev
}

func (m *machine) open(p *event.Process, name, given string, fd int64, ino uint64) {
	ev := m.in(p, "openat", fd)
	ev.File = event.File{
		Present: true, FD: fd, Raw: name, Given: given, Resolved: given, OpenFlags: unix.O_RDWR | unix.O_CLOEXEC, Mode: 0o600,
		ID: event.FileID{Dev: 8<<20 | 1, Ino: ino}, InodeMode: unix.S_IFREG,
	}
}

func file(path string, ino uint64) event.Descriptor {
	return event.Descriptor{Kind: event.KindFile, Path: path, ID: event.FileID{Dev: 8<<20 | 1, Ino: ino}, InodeMode: unix.S_IFREG}
}

func tcp(local, remote string, server bool) event.Descriptor {
	s := event.Socket{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Local: netip.MustParseAddrPort(local), Server: server}
	if remote != "" {
		s.Remote = netip.MustParseAddrPort(remote)
	}
	return event.Descriptor{Kind: event.KindSocket, Socket: s}
}

// scenario is a machine whose recording lacks an exec and the open of a file.
func scenario(t *testing.T) *machine {
	m := &machine{t: t, calls: call.New(), clock: event.NewClock(1e18)}
	init := &event.Process{Key: event.Key{Tgid: 1}, Vpid: 1, Sid: 1, Pgid: 1, Comm: "init", Exe: "/sbin/init", ExePath: "/sbin/init",
		Cmdline: "init", Cwd: "/", LoginUID: 4294967295}
	shell := &event.Process{Key: event.Key{Tgid: 50, Start: 5}, ExecID: 2, Vpid: 50, Ppid: 1, Parent: init, Sid: 50, Pgid: 50, Vpgid: 50,
		Comm: "bash", Exe: "-bash", ExePath: "/bin/bash", Cmdline: "bash", Cwd: "/srv/", LoginUID: 1000, UID: 1000, EUID: 1000, GID: 1000,
		EGID: 1000, TTY: 34817}
	image := func(tgid int32, execID uint64, parent *event.Process, words ...string) *event.Process {
		p := *shell
		p.Key, p.ExecID, p.Vpid, p.Ppid, p.Parent = event.Key{Tgid: tgid, Start: uint64(tgid)}, execID, tgid, parent.Key.Tgid, parent
		p.Exe, p.ArgList = words[0], words[1:]
		p.Comm, p.ExePath, p.Filename = words[0], "/usr/bin/"+words[0], "/usr/bin/"+words[0]
		p.Args, p.Cmdline = strings.Join(words[1:], " "), strings.Join(words, " ")
		p.Env, p.FDLimit, p.ExeID = []string{"A=b", "C=d"}, 1024, event.FileID{Ino: 77, Ctime: 5, Mtime: 6}
		return &p
	}
	forked := *shell
	forked.Key, forked.Vpid, forked.Ppid, forked.Parent = event.Key{Tgid: 100, Start: 100}, 100, 50, shell
	m.in(shell, "clone", 100)
	m.in(&forked, "clone", 0)
	cat := image(100, 3, shell, "cat", "-n", "etc/passwd")
	m.in(cat, "execve", 0).Filename = cat.Filename
	m.open(cat, "etc/passwd", "/srv/etc/passwd", 3, 11)
	m.call(cat, "read", 10, 3, file("/srv/etc/passwd", 11))
	m.with(m.events[len(m.events)-1], "data", event.Param{Num: 10, Text: "root:x:0:0"})
	ev := m.in(cat, "unlinkat", -int64(unix.ENOENT))
	ev.Params[1] = event.Param{Num: event.AtFDCWD}
	m.with(ev, "name", event.Param{Text: "tmp/x", Given: "/srv/tmp/x"})
	m.call(cat, "close", 0, 3, file("/srv/etc/passwd", 11))
	m.call(cat, "write", 5, 3, file("/var/log/other", 12)) // its open is not recorded
	m.with(m.events[len(m.events)-1], "data", event.Param{Num: 5, Text: "a\x00b"})
	m.call(cat, "listen", 0, 5, tcp("10.0.0.1:80", "", true))
	ev = m.call(cat, "accept4", 6, 6, tcp("10.0.0.1:80", "10.0.0.9:4000", true))
	m.with(ev, "flags", event.Param{Num: 1 << 12})
	ev = m.call(cat, "sendto", 7, 6, tcp("10.0.0.1:80", "10.0.0.9:4000", true))
	m.with(ev, "data", event.Param{Num: 1, Text: "x"})
	m.call(cat, "fstat", 0, 7, tcp("10.0.0.1:5000", "10.0.0.2:443", false))
	ev = m.call(cat, "connect", -int64(unix.EINPROGRESS), 8, tcp("10.0.0.1:5001", "10.0.0.3:443", false))
	m.with(ev, "addr", event.Param{Addr: netip.MustParseAddrPort("10.0.0.3:443")})
	ev = m.call(cat, "getsockopt", 0, 8, tcp("10.0.0.1:5001", "10.0.0.3:443", false))
	m.with(ev, "level", event.Param{Num: 1})
	m.with(ev, "optname", event.Param{Num: 4})
	m.with(ev, "val", event.Param{Num: 4, Text: string(binary.NativeEndian.AppendUint32(nil, uint32(unix.ECONNREFUSED)))})
	ev = m.in(cat, "poll", 1)
	m.with(ev, "fds", event.Param{
		Text: "\x08\x00\x00\x00\x01\x00\x01\x00", Polled: []event.Descriptor{tcp("10.0.0.1:5001", "10.0.0.3:443", false)},
	})
	ev = m.call(cat, "eventfd2", 9, 9, event.Descriptor{Kind: event.KindAnonymous, Path: "[eventfd]"})
	m.call(cat, "fcntl", 0, 9, ev.Params[ev.FD].Descriptor)
	m.in(cat, "getpid", 100)
	m.with(m.in(cat, "setuid", 0), "uid", event.Param{Num: 1000})
	m.in(cat, "procexit", 0).Exit = event.Exit{Code: 256, Ret: 1}
	shellAgain := *shell
	m.in(&shellAgain, "getppid", 1)
	// Its number is used again, without a word of its begin.
	web := image(100, 3, shell, "nginx", "-g", "daemon off;")
	inside := m.in(web, "mkdir", 0)
	m.with(inside, "path", event.Param{Text: "/run/nginx"})
	inside.ContainerID, inside.Container = "0123456789ab", &event.Container{
		ID: strings.Repeat("0123456789ab", 5) + "0123", Name: "web", Type: "containerd", Image: "nginx:1", ImageRepository: "nginx",
		ImageTag: "1",
		Labels:   map[string]string{"a": "b"}, Pod: &event.Pod{Name: "web-1", Namespace: "shop", UID: "u"}, Privileged: true,
		Probes: []event.Probe{
			{Kind: event.Healthcheck, Exe: "curl", Args: []string{"-f", "localhost"}}, {Kind: event.ReadinessProbe, Exe: "true"},
		},
	}
	inside.Accounts = &event.Accounts{Users: map[uint32]event.User{1000: {Name: "inside"}}, Groups: map[uint32]string{1000: "insiders"}}
	// Another image, whose exec is not recorded.
	zsh := image(50, 3, init, "zsh")
	zsh.Key = shell.Key
	m.in(zsh, "getuid", 1000)
	for _, ev := range m.events {
		if ev.Accounts == nil {
			ev.Accounts = &event.Accounts{Users: map[uint32]event.User{1000: {Name: "user", Home: "/home/user", Shell: "/bin/bash"}},
				Groups: map[uint32]string{1000: "users"}}
		}
	}
	return m
}

// same are the fields that an event has live and from the capture that was written of it.
func same() []string {
	return []string{
		"evt.type", "evt.rawtime", "evt.res", "evt.rawres", "evt.category", "evt.cpu", "proc.name", "proc.exe", "proc.exepath", "proc.args",
		"proc.cmdline", "proc.pid", "proc.ppid", "proc.pname", "proc.aname[2]", "proc.sid", "proc.tty", "proc.loginshellid", "user.uid",
		"user.name", "user.loginuid", "group.gid", "group.name", "fd.num", "fd.name", "fd.type", "fd.typechar", "fd.cip", "fd.sip",
		"fd.cport", "fd.sport", "fd.l4proto", "container.id", "container.name", "container.image.repository", "container.privileged",
		"container.healthcheck", "container.liveness_probe", "container.readiness_probe",
		"k8s.pod.name", "k8s.ns.name", "fs.path.name", "evt.args",
	}
}

// differing are the fields that a capture can't hold, with the reason.
func differing() map[string]string {
	noResult := "Falco's event of a call without parameters of its own has no result"
	notAsked := "what the recorder did not ask of the thread is 0: readers expect numbers"
	return map[string]string{
		"evt.args of clone": notAsked, "evt.args of execve": notAsked,
		"evt.res of getpid": noResult, "evt.rawres of getpid": noResult, "evt.args of getpid": noResult,
		"evt.res of getppid": noResult, "evt.rawres of getppid": noResult, "evt.args of getppid": noResult,
		"fd.sip of listen":   "a listening socket of a list has no role in Falco",
		"evt.args of sendto": "a tuple has the sender first, as Falco's driver writes it",
	}
}

// TestEventsRoundTrip: an event of this machine that was written as a capture has the same fields when it is read.
func TestEventsRoundTrip(t *testing.T) {
	for _, enter := range []bool{false, true} {
		t.Run(fmt.Sprintf("enter=%v", enter), func(t *testing.T) { roundTrip(t, enter) })
	}
}

func roundTrip(t *testing.T, enter bool) {
	m := scenario(t)
	var out bytes.Buffer
	e, err := export.New(&out, export.Settings{Dir: t.TempDir(), Enter: enter})
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range m.events {
		if err := e.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if c := e.Counters(); c.Events != uint64(len(m.events)) || c.Unknown != 0 || c.Full != 0 || c.Stale != 0 {
		t.Errorf("counters: %+v", c)
	}
	d := field.New(field.Settings{})
	c := OpenCapture(&out, state.Settings{})
	read := 0
	for i := 0; ; read++ {
		ev, err := c.Next()
		if errors.Is(err, io.EOF) {
			if i != len(m.events) {
				t.Errorf("%d events, want %d", i, len(m.events))
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == len(m.events) {
			t.Fatalf("more events: %s", ev.Type)
		}
		want := m.events[i]
		if ev.Type != want.Type || ev.Tid != want.Tid {
			t.Logf("put in before %s: %s of %s", want.Type, ev.Type, ev.Process.Comm)
			continue
		}
		i++
		for _, name := range same() {
			got, wanted := shows(t, d, name, ev), shows(t, d, name, want)
			if got != wanted && differing()[name+" of "+ev.Type.String()] == "" {
				t.Errorf("event %d, %s: %s is %s, want %s", i, ev.Type, name, got, wanted)
			}
		}
	}
	if added := read - len(m.events); added != int(e.Counters().Added) || added != 4 {
		t.Errorf("%d events were put in, want an open, two execs and a fork", added)
	}
}

// shows is a field's text.
func shows(t *testing.T, d *field.Dictionary, name string, ev *event.Event) string {
	t.Helper()
	name, arg, hasArg := strings.Cut(name, "[")
	ref, err := d.Lookup(name, strings.TrimSuffix(arg, "]"), hasArg)
	if err != nil {
		t.Fatal(err)
	}
	return string(value(&ref, ev))
}

// TestConvert writes files, and names what is wrong with them.
func TestConvert(t *testing.T) {
	dir := t.TempDir()
	var plain bytes.Buffer
	e, err := export.New(&plain, export.Settings{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	m := scenario(t)
	for _, ev := range m.events {
		if err := e.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	in := filepath.Join(dir, "in.scap")
	if err := os.WriteFile(in, plain.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.scap.gz")
	c, err := Convert(in, out, false)
	if err != nil || c.Events == 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	again, err := Convert(out, filepath.Join(dir, "again.scap"), false)
	if err != nil || again.Events != c.Events || again.Processes != c.Processes {
		t.Errorf("written again: %+v after %+v, %v", again, c, err)
	}
	if _, err := Convert(in, in, false); err == nil || !strings.Contains(err.Error(), "it is the file that is read") {
		t.Errorf("onto itself: %v", err)
	}
	if _, err := Convert(in, filepath.Join(dir, "no", "out"), false); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("into no directory: %v", err)
	}
	if err := os.WriteFile(in, plain.Bytes()[:plain.Len()-10], 0o600); err != nil {
		t.Fatal(err)
	}
	short, err := Convert(in, out, false)
	if err == nil || short.Events != c.Events-1 {
		t.Errorf("of a cut file: %+v after %+v, %v", short, c, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "saker-export-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if fmt.Sprint(c.Full, c.Unknown) != "0 0" {
		t.Errorf("%+v", c)
	}
}
