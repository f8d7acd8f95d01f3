package field

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// callEvent is an event of a call with a row, with some of its parameters; the others are 0.
func callEvent(t *testing.T, name string, ret int64, named map[string]event.Param) *event.Event {
	t.Helper()
	typ, _ := event.TypeByName(name)
	row := call.New().Row(typ)
	if row == nil {
		t.Fatalf("no row for %s", name)
	}
	ev := &event.Event{Type: typ, Ret: ret, FD: row.Descriptor, Params: make([]event.Param, len(row.Params)),
		Process: &event.Process{Comm: "shell", FDLimit: 1024}}
	for i := range row.Params {
		if p, ok := named[row.Params[i].Name]; ok {
			ev.Params[i] = p
		}
	}
	return ev
}

// What the fields say of calls of the table.
func TestCalls(t *testing.T) {
	d := Syscall()
	num := func(n int64) event.Param { return event.Param{Num: n} }
	pollfd := func(fd int32, events, revents uint16) string {
		b := binary.NativeEndian.AppendUint32(nil, uint32(fd))
		return string(binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(b, events), revents))
	}
	poll := func(ret int64, of ...event.Descriptor) *event.Event {
		return callEvent(t, "poll", ret, map[string]event.Param{"fds": {Text: pollfd(3, 1, 0) + pollfd(40, 5, 4), Polled: of}})
	}
	tcp := event.Descriptor{Kind: event.KindSocket, Socket: event.Socket{
		Family: 2, Type: 1, Local: netip.MustParseAddrPort("10.0.0.9:4000"), Remote: netip.MustParseAddrPort("10.0.0.1:443"),
	}}
	listening := tcp
	listening.Socket.Remote, listening.Socket.Server = netip.MustParseAddrPort("0.0.0.0:0"), true
	file := event.Descriptor{Kind: event.KindFile, Path: "/etc/hosts"}
	pidfd := event.Descriptor{Kind: event.KindAnonymous, InodeMode: 0o100700}
	uts := event.Descriptor{Kind: event.KindNamespace, Path: "uts", ID: event.FileID{Ino: 4026531838}}
	quota := func(cmd, id, limit int64) *event.Event {
		return callEvent(t, "quotactl", 0, map[string]event.Param{"cmd": num(cmd), "id": num(id), "dqb_bhardlimit": num(limit)})
	}
	inet := func(s event.Socket) event.Param {
		s.Family, s.Type = 2, 2
		return event.Param{Num: 3, Descriptor: event.Descriptor{Kind: event.KindSocket, Socket: s}}
	}
	bound := event.Socket{Local: netip.MustParseAddrPort("127.0.0.1:53"), Remote: netip.MustParseAddrPort("0.0.0.0:0")}
	sent := bound
	sent.Remote, sent.Addressed = netip.MustParseAddrPort("10.0.0.1:9"), true
	connected := sent
	connected.Addressed = false
	of := func(name string, s event.Socket) *event.Event {
		return callEvent(t, name, 0, map[string]event.Param{"fd": inet(s)})
	}
	named := of("connect", connected)
	named.Hosts = event.Hosts{netip.MustParseAddr("10.0.0.1"): {"b.example", "a.example"}}
	failed := func(name string) *event.Event { return callEvent(t, name, -13, nil) }

	for _, tc := range []struct {
		name, field, want string
		ev                *event.Event
	}{
		{"what poll was asked", "evt.arg.fds", "3:?1 40:?5", poll(0)},
		{"what came of it", "evt.arg.fds", "3:?0 40:?4", poll(2)},
		{"kinds of the descriptors", "evt.arg.fds", "3:f1 40:45", poll(0, file, tcp)},
		{"descriptors of poll", "fdlist.nums", "3,40", poll(0)},
		{"their names", "fdlist.names", "/etc/hosts,10.0.0.9:4000->10.0.0.1:443", poll(0, file, tcp)},
		{"a name that is missing", "fdlist.names", "<NA>,/etc/hosts", poll(0, event.Descriptor{}, file)},
		{"clients", "fdlist.cips", "10.0.0.9", poll(0, file, tcp)},
		{"servers", "fdlist.sips", "10.0.0.9,10.0.0.1", poll(0, listening, tcp)},
		{"clients' ports", "fdlist.cports", "4000", poll(0, tcp, listening)},
		{"servers' ports", "fdlist.sports", "443,4000", poll(0, tcp, listening)},
		{"no connection is polled", "fdlist.sips", "<NA>", poll(0, file, file)},
		{"a process's descriptor", "fd.name", "anon_inode:[pidfd]",
			callEvent(t, "pidfd_open", 3, map[string]event.Param{"fd": {Num: 3, Descriptor: pidfd}})},
		{"a namespace", "evt.arg.fd", "<f>uts:[4026531838]", callEvent(t, "setns", 0, map[string]event.Param{"fd": {Num: 3, Descriptor: uts}})},
		{"a namespace's kind", "fd.type", "file", callEvent(t, "setns", 0, map[string]event.Param{"fd": {Num: 3, Descriptor: uts}})},
		{"descriptors of another call", "fdlist.nums", "<NA>", quota(0x80, 0, 0)},
		{"a quota's format is the id", "evt.arg.quota_fmt", "QFMT_VFS_V0", quota(1, 2, 4)},
		{"a quota's format is returned", "evt.arg.quota_fmt_out", "QFMT_VFS_V1", quota(4, 2, 4)},
		{"a command without a format", "evt.arg.quota_fmt_out", "QFMT_NOT_USED", quota(0x80, 2, 4)},
		{"a time that a command has not", "evt.arg.dqb_btime", "0s", quota(0x80, 0, 0)},
		{"a child is what its parent is", "evt.arg.res", "shell", callEvent(t, "clone", 70, map[string]event.Param{"res": num(70)})},
		{"the child of vfork is not", "evt.arg.res", "70", callEvent(t, "vfork", 70, map[string]event.Param{"res": num(70)})},
		{"a limit without end", "evt.arg.oldmax", "-1", callEvent(t, "prlimit", 0, map[string]event.Param{"oldmax": num(-1)})},
		{"a path that is empty", "evt.arg.path", "", callEvent(t, "newfstatat", 0, map[string]event.Param{"path": {Given: "/a"}})},
		{"control data", "evt.arg.msgcontrol", "NULL", callEvent(t, "recvmsg", 1, nil)},
		{"an address of mmap", "evt.rawarg.res", "4096", callEvent(t, "mmap", 4096, map[string]event.Param{"res": num(4096)})},

		{"a bound socket serves", "fd.is_server", "true", of("bind", bound)},
		{"one that sends does not", "fd.is_server", "false", of("sendto", sent)},
		{"an address names it", "fd.name_changed", "true", of("sendto", sent)},
		{"a connection has its name", "fd.name_changed", "false", of("sendto", connected)},
		{"the first name of the server", "fd.sip.name", "b.example", named},
		{"the other end is the server", "fd.rip.name", "b.example", named},
		{"a client without a name", "fd.cip.name", "<NA>", named},
		{"no names are known", "fd.sip.name", "<NA>", of("connect", connected)},
		{"either end is for conditions", "fd.ip", "<NA>", of("sendto", connected)},
		{"data of another process", "evt.buffer", "x", callEvent(t, "process_vm_readv", 1, map[string]event.Param{"data": {Text: "x", Num: 1}})},

		{"error of a socket", "evt.count.error.net", "1", failed("bind")},
		{"error of memory", "evt.count.error.memory", "1", failed("mprotect")},
		{"error of a file", "evt.count.error.file", "1", failed("unlink")},
		{"a file is no socket", "evt.count.error.net", "<NA>", failed("unlink")},
		{"another error", "evt.count.error.other", "1", failed("setuid")},
		{"a socket counts for itself", "evt.count.error.other", "<NA>", failed("bind")},
		{"limit of descriptors", "proc.fdlimit", "1024", failed("bind")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := show(t, d, tc.ev, tc.field, ""); got != tc.want {
				t.Errorf("%s of %v is %q, want %q", tc.field, tc.ev.Type, got, tc.want)
			}
		})
	}
}

func TestRelativeTimes(t *testing.T) {
	d := Syscall()
	ev := &event.Event{Type: event.TypeOpen, Boot: 5_000_000_007, First: 1_000_000_000, Previous: 3_000_000_003}
	for name, want := range map[string]string{
		"evt.reltime": "4000000007", "evt.reltime.s": "4", "evt.reltime.ns": "000000007",
		"evt.deltatime": "2000000004", "evt.deltatime.s": "2", "evt.deltatime.ns": "000000004",
	} {
		if got := show(t, d, ev, name, ""); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	ev.Previous = ev.Boot + 9 // of another CPU
	if got := show(t, d, ev, "evt.deltatime", ""); got != "0" {
		t.Errorf("evt.deltatime is %s where the event before is later, want 0", got)
	}
	if got := show(t, d, &event.Event{Boot: 5}, "evt.reltime", ""); got != "<NA>" {
		t.Errorf("evt.reltime is %s where the first event is not known", got)
	}
}
