package field

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
)

// asked is an event of which everything was asked.
func asked() *event.Event {
	ev := executed()
	ev.Process.FDLimit = 1024
	ev.Caller = &event.Caller{
		Parts: 0xff, FDs: 256, Kinds: 1<<bpfgen.SensorDescriptorKindKIND_FILE | 1<<bpfgen.SensorDescriptorKindKIND_IPV4,
		VMSize: 4000, VMRSS: 300, VMSwap: 2, Threads: 3, MajorFaults: 4, MinorFaults: 50, CPUTime: 6_000_000,
		Std: [3]event.Descriptor{
			{Kind: event.KindSocket, Socket: event.Socket{
				Family: 2, Type: 1, Local: netip.MustParseAddrPort("10.0.0.9:4000"), Remote: netip.MustParseAddrPort("10.0.0.1:443"),
			}},
			{Kind: event.KindFile, Path: "/dev/null"},
		},
		Cgroups: [5]string{"/", "/a/b", "", "/", "/c"},
	}
	return ev
}

// ofCallers are the fields for which the kernel is asked, with their values in asked().
var ofCallers = map[string]string{
	"proc.fdopencount": "256", "proc.fdusage": "25.0", "proc.vmsize": "4000", "proc.vmrss": "300", "proc.vmswap": "2",
	"proc.nthreads": "3", "proc.nchilds": "2", "proc.stdin.type": "ipv4", "proc.stdin.name": "10.0.0.9:4000->10.0.0.1:443",
	"proc.stdout.type": "file", "proc.stdout.name": "/dev/null", "proc.stderr.type": "<NA>", "proc.stderr.name": "<NA>",
	"fd.types": "(file,ipv4)", "fd.types[0]": "(ipv4)", "fd.types[2]": "<NA>", "thread.pfmajor": "4", "thread.pfminor": "50",
	"thread.totexectime": "6000000", "thread.cgroups": "cpuset=/ cpu=/a/b io=/ memory=/c", "thread.cgroup.cpu": "/a/b",
	"thread.cgroup.cpuacct": "<NA>", "thread.vmsize": "0", "thread.vmrss.b": "0",
	"evt.arg.pgft_maj": "4", "evt.arg.vm_size": "4000", "evt.rawarg.vm_swap": "2", "evt.arg.cgroups": "cpuset=/.cpu=/a/b.io=/.memory=/c.",
}

func TestCaller(t *testing.T) {
	d := Syscall()
	for name, want := range ofCallers {
		plain, arg, _ := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		ref, err := d.Lookup(plain, arg, arg != "")
		if err != nil {
			t.Fatal(err)
		}
		if ref.Asks(event.TypeExecve) == 0 {
			t.Errorf("the kernel is not asked for %s", name)
		}
		if got := show(t, d, asked(), plain, arg); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		if got := show(t, d, executed(), plain, arg); got != "<NA>" {
			t.Errorf("%s is %q although nothing is known", name, got)
		}
	}
	main := asked()
	main.Tid = main.Tgid
	for name, want := range map[string]string{"thread.vmsize": "4000", "thread.vmrss.b": "307200"} {
		if got := show(t, d, main, name, ""); got != want {
			t.Errorf("%s of the first thread is %q, want %q", name, got, want)
		}
	}
}

// TestWorkingDirectory: the kernel's answer for the event comes before what the last exec left.
func TestWorkingDirectory(t *testing.T) {
	d := Syscall()
	for _, tt := range []struct {
		caller *event.Caller
		want   string
	}{
		{nil, "/root/"},
		{&event.Caller{Parts: event.CallerThread}, "/root/"},
		{&event.Caller{Parts: event.CallerCwd, Cwd: "/srv/www"}, "/srv/www/"},
		{&event.Caller{Parts: event.CallerCwd, Cwd: "/"}, "/"},
	} {
		ev := executed()
		ev.Process.Cwd, ev.Caller = "/root/", tt.caller
		for _, field := range []string{"proc.cwd", "evt.arg.cwd"} {
			if got := show(t, d, ev, field, ""); got != tt.want {
				t.Errorf("%s is %q, want %q", field, got, tt.want)
			}
		}
	}
}

// TestAsks: the kernel is asked for no more than the field of an event of the type needs.
func TestAsks(t *testing.T) {
	d := Syscall()
	connect, _ := event.TypeByName("connect")
	clone, _ := event.TypeByName("clone")
	for _, tt := range []struct {
		field string
		typ   event.Type
		want  event.CallerParts
	}{
		{"proc.name", event.TypeExecve, 0},
		{"proc.stdin.name", connect, event.CallerStdio},
		{"evt.args", event.TypeExecve, event.CallerMemory | event.CallerThread | event.CallerCgroups | event.CallerCwd},
		{"evt.args", connect, 0},
		{"evt.args", clone, event.CallerThread | event.CallerCgroups | event.CallerCwd}, // its record has the memory
		{"evt.arg.vm_size", event.TypeExecveat, event.CallerMemory},
		{"evt.arg.vm_size", clone, 0},
		{"evt.arg.cwd", clone, event.CallerCwd},
		{"proc.cwd", connect, event.CallerCwd},
		{"evt.arg.filename", event.TypeExecve, 0},
	} {
		ref, err := d.Lookup(tt.field, "", false)
		if err != nil {
			t.Fatal(err)
		}
		if got := ref.Asks(tt.typ); got != tt.want {
			t.Errorf("%s of %v asks for %b, want %b", tt.field, tt.typ, got, tt.want)
		}
	}
	if got, want := len(kindWords), int(bpfgen.SensorDescriptorKindKINDS); got != want {
		t.Errorf("%d words for %d kinds", got, want)
	}
}
