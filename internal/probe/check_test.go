package probe

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

func checkUnprivileged([]string) error {
	runtime.LockOSThread()
	if err := keepCapabilities(); err != nil {
		return err
	}
	return Check()
}

func checkOneCapability([]string) error {
	runtime.LockOSThread()
	if err := keepCapabilities(unix.CAP_BPF); err != nil {
		return err
	}
	return Check()
}

// loadUnprivileged loads with no more than what Check asks for, and with CAP_SYS_RESOURCE if there is an argument.
func loadUnprivileged(args []string) error {
	runtime.LockOSThread()
	// The usual limit; the test process may have raised its own, which this one inherits.
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
		return err
	}
	keep := []uint{unix.CAP_BPF, unix.CAP_PERFMON}
	if len(args) > 0 {
		keep = append(keep, unix.CAP_SYS_RESOURCE)
	}
	if err := keepCapabilities(keep...); err != nil {
		return err
	}
	p, err := Load(Settings{Types: allCalls()})
	if err != nil {
		return err
	}
	if err := p.Attach(); err != nil {
		return err
	}
	return p.Close()
}

// checkWithoutBTF hides the kernel's BTF, in a mount namespace of its own.
func checkWithoutBTF([]string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("none", "/sys/kernel/btf", "tmpfs", 0, ""); err != nil {
		return err
	}
	return Check()
}

func allCalls() event.TypeSet {
	var types event.TypeSet
	for typ := range own {
		types.Add(typ)
	}
	types.Add(event.TypeIoUringSetup)
	return types
}

// Each reason not to start is one line, with what is missing and what to do.
func TestCheck(t *testing.T) {
	needRoot(t)
	if err := Check(); err != nil {
		t.Fatalf("as root: %v", err)
	}
	for _, tt := range []struct {
		name  string
		words []string
	}{
		{"unable", []string{"no privilege", "missing CAP_BPF, CAP_PERFMON", "run as root"}},
		{"half there", []string{"no privilege", "missing CAP_PERFMON", "run as root"}},
		{"without", []string{"/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF=y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := child(tt.name).CombinedOutput()
			if err == nil {
				t.Fatal("nothing was missed")
			}
			oneLine(t, string(out), tt.words...)
		})
	}
}

// What Check asks for is enough: no other capability is needed. Before 5.11 maps count as locked memory, and the limit
// is one that only CAP_SYS_RESOURCE may raise.
func TestLoadWithLeastPrivilege(t *testing.T) {
	needRoot(t)
	cmd := child("load")
	if kernelBefore(t, 5, 11) {
		out, err := child("load").CombinedOutput()
		if err == nil {
			t.Error("the limit of locked memory did not matter")
		}
		oneLine(t, string(out), "run with CAP_SYS_RESOURCE too")
		cmd = child("load", "CAP_SYS_RESOURCE")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func kernelBefore(t *testing.T, major, minor int) bool {
	t.Helper()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &a, &b); err != nil {
		t.Fatal(err)
	}
	return a < major || a == major && b < minor
}

func TestUnknownController(t *testing.T) {
	needRoot(t)
	_, err := Load(Settings{CgroupController: "nonsense"})
	if err == nil {
		t.Fatal("a controller that the kernel does not know was taken")
	}
	oneLine(t, err.Error(), `"nonsense"`)
}

// With no system call wanted there is no hook on them.
func TestNoSyscalls(t *testing.T) {
	needRoot(t)
	var types event.TypeSet
	types.Add(event.TypeProcexit)
	p, err := Load(Settings{Types: types})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Syscalls() || p.programs["sys_exit"] != nil {
		t.Error("the system call hook was loaded")
	}
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	if out, err := child("open", "10").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c, err := p.Counters()
	if err != nil {
		t.Fatal(err)
	}
	if c.BulkSent+c.BulkLost != 0 || c.CriticalSent == 0 {
		t.Errorf("counters %+v", c)
	}
}

// The programs must stay far below what a verifier accepts (a million instructions), also that of an older kernel,
// which walks more paths. One that grows beyond this has a body that branches and is not a global function.
func TestVerifiedInstructions(t *testing.T) {
	budget := 20_000
	if !typedReads(t) {
		budget = 23_000
	}
	p := loaded(t, Settings{EntryCopies: true, Masks: narrowing()})
	for _, m := range p.Missing() {
		var refused *ebpf.VerifierError
		if errors.As(m.Reason, &refused) {
			t.Errorf("%s is refused: %-60v", m.Program, refused) // the end of the verifier's log
		} else {
			t.Errorf("%s is refused: %v", m.Program, m.Reason)
		}
	}
	t.Attr("budget", strconv.Itoa(budget)) // test/matrix collects it, and what each program takes
	for name, prog := range p.programs {
		info, err := prog.Info()
		if err != nil {
			t.Fatal(err)
		}
		n, ok := info.VerifiedInstructions()
		if !ok {
			t.Skip("needs Linux 5.16: the kernel does not tell how many instructions it verified")
		}
		t.Attr("verified/"+name, strconv.FormatUint(uint64(n), 10))
		if int(n) > budget {
			t.Errorf("%s takes %d verified instructions, more than %d", name, n, budget)
		}
	}
}

// typedReads tells whether the kernel can turn a number into a typed pointer (since Linux 6.2): without that each read is the call of a
// helper, which takes the verifier more instructions (docs/adr/0005-typed-reads.md).
func typedReads(t *testing.T) bool {
	t.Helper()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var cast *btf.Func
	return spec.TypeByName("bpf_rdonly_cast", &cast) == nil
}

// narrowing are masks of which no table is left out.
func narrowing() *event.Masks {
	m := &event.Masks{NameParts: ^uint32(0), AnyName: map[event.Type]uint64{}}
	for _, typ := range event.AllTypes() {
		m.AnyName[typ] = 0
	}
	return m
}

// TestVerifiedCaller: where rules ask of who causes an event, no program is refused, and the budget is larger.
func TestVerifiedCaller(t *testing.T) {
	budget := 28_000
	if !typedReads(t) {
		budget = 32_000
	}
	ask := map[event.Type]event.CallerParts{}
	for _, typ := range event.AllTypes() {
		ask[typ] = 0xff
	}
	p := loaded(t, Settings{EntryCopies: true, Masks: narrowing(), Caller: ask})
	for _, m := range p.Missing() {
		t.Errorf("%s is refused: %v", m.Program, m.Reason)
	}
	for name, prog := range p.programs {
		info, err := prog.Info()
		if err != nil {
			t.Fatal(err)
		}
		n, ok := info.VerifiedInstructions()
		if !ok {
			t.Skip("needs Linux 5.16: the kernel does not tell how many instructions it verified")
		}
		t.Logf("%s: %d", name, n)
		if int(n) > budget {
			t.Errorf("%s takes %d verified instructions, more than %d", name, n, budget)
		}
	}
}
