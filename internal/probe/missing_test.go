package probe

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/testutil/kernelbtf"
)

// programNames are those of the object, but for the one that is run once.
func programNames(t *testing.T, spec *ebpf.CollectionSpec) []string {
	t.Helper()
	var names []string
	for name := range spec.Programs {
		if name != bpfgen.SensorProgWhoami {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// objectSpec is the object as Load has it before it asks the kernel.
func objectSpec(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := bpfgen.LoadSensor()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := configure(spec, Settings{Types: allCalls(), CriticalBytes: 1 << 16, BulkBytes: 1 << 16}, 0); err != nil {
		t.Fatal(err)
	}
	delete(spec.Programs, bpfgen.SensorProgWhoami)
	return spec
}

// unloadable makes a program one that no verifier takes: it reads a register that was never written.
func unloadable(p *ebpf.ProgramSpec) {
	p.Instructions = asm.Instructions{asm.Mov.Reg(asm.R0, asm.R9), asm.Return()}
}

// Each program is known with what is lost without it.
func TestProgramsAreKnown(t *testing.T) {
	var known []string
	for _, p := range programs {
		known = append(known, p.name)
		if p.cost == "" {
			t.Errorf("%s: nothing says what is lost without it", p.name)
		}
		t.Attr("lost/"+p.name, p.cost) // test/matrix collects it
	}
	slices.Sort(known)
	spec, err := bpfgen.LoadSensor()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(programNames(t, spec), known); diff != "" {
		t.Errorf("programs (-object +known):\n%s", diff)
	}
}

// A program that the verifier refuses stops no other one, whichever it is: here each beside one that is taken.
func TestRefusedProgram(t *testing.T) {
	needRoot(t)
	for _, name := range programNames(t, objectSpec(t)) {
		test := name
		if name == bpfgen.SensorProgIoUringSubmitReq || name == bpfgen.SensorProgIoUringSubmitSqe {
			test = "io_uring_submit" // which of the two it is depends on the kernel
		}
		t.Run(test, func(t *testing.T) {
			other := bpfgen.SensorProgSchedProcessExit
			if name == other {
				other = bpfgen.SensorProgCgroupRmdir
			}
			spec := objectSpec(t)
			maps.DeleteFunc(spec.Programs, func(p string, _ *ebpf.ProgramSpec) bool { return p != name && p != other })
			unloadable(spec.Programs[name])
			refused(t, spec, []string{name}, []string{other})
		})
	}
}

// Several are refused, and all others are loaded.
func TestRefusedPrograms(t *testing.T) {
	needRoot(t)
	spec := objectSpec(t)
	bad := []string{bpfgen.SensorProgSchedProcessExec, bpfgen.SensorProgSysExit}
	rest := slices.DeleteFunc(programNames(t, spec), func(name string) bool { return slices.Contains(bad, name) })
	for _, name := range bad {
		unloadable(spec.Programs[name])
	}
	refused(t, spec, bad, rest)
}

// refused fails unless exactly these programs are refused, by the verifier, and exactly the others are loaded.
func refused(t *testing.T, spec *ebpf.CollectionSpec, bad, rest []string) {
	t.Helper()
	p := &Probe{}
	coll, err := p.collect(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	var missing []string
	for _, m := range p.missing {
		missing = append(missing, m.Program)
		if !errors.As(m.Reason, new(*ebpf.VerifierError)) {
			t.Errorf("%s: %v, want the verifier's refusal", m.Program, m.Reason)
		}
	}
	if diff := cmp.Diff(bad, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rest, slices.Sorted(maps.Keys(coll.Programs))); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
}

// Where the kernel takes none of them there is nothing to run.
func TestRefusedAltogether(t *testing.T) {
	needRoot(t)
	spec := objectSpec(t)
	for _, p := range spec.Programs {
		unloadable(p)
	}
	coll, err := (&Probe{}).collect(spec, nil)
	if err == nil {
		coll.Close()
		t.Fatal("no program is there, and nothing was missed")
	}
	if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(first, "the kernel's verifier refuses them") {
		t.Errorf("the first line is %q", first)
	}
}

// seenFacts are what a probe sees on a kernel that lacks something.
type seenFacts struct {
	Missing []string
	// Opens are the records of a process that opened floodPath ten times.
	Opens int
	// Iterator is why there is no iterator.
	Iterator string
}

// seeOpens loads, attaches and looks at what a child of its own opens.
func seeOpens([]string) error {
	p, err := Load(Settings{Types: allCalls(), BulkBytes: 64 << 20})
	if err != nil {
		return err
	}
	if err := p.Attach(); err != nil {
		return err
	}
	var facts seenFacts
	for _, m := range p.Missing() {
		facts.Missing = append(facts.Missing, m.Program)
	}
	if out, err := child("open", "10").CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(out)))
	}
	for raw, ok := p.Bulk().Next(); ok; raw, ok = p.Bulk().Next() {
		if isFlood(raw) {
			facts.Opens++
		}
	}
	if err := p.Tasks(func([]byte) error { return nil }); err != nil {
		facts.Iterator = err.Error()
	}
	return errors.Join(json.NewEncoder(os.Stdout).Encode(facts), p.Close())
}

// On a kernel without a tracepoint, or without the task iterator, the rest is captured as ever.
func TestLackingKernel(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name    string
		lacking []string
		want    seenFacts
	}{
		{"exec", []string{"btf_trace_sched_process_exec"}, seenFacts{Missing: []string{"sched_process_exec"}, Opens: 10}},
		{"iterator", []string{"bpf_iter_task"}, seenFacts{Missing: []string{"task_iter"}, Opens: 10, Iterator: ErrNoIterator.Error()}},
		{"system calls", []string{"btf_trace_sys_exit"}, seenFacts{Missing: []string{"sys_exit"}}},
		{"process life",
			[]string{"btf_trace_sched_process_fork", "btf_trace_sched_process_exit", "btf_trace_sched_process_exec",
				"btf_trace_cgroup_mkdir", "btf_trace_cgroup_rmdir"},
			seenFacts{Missing: []string{"cgroup_mkdir", "cgroup_rmdir", "sched_process_fork", "sched_process_exit", "sched_process_exec"},
				Opens: 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			args := append(kernelbtf.Lacking(t, tt.lacking...), exe)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = child("see").Env
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var seen seenFacts
			if err := json.Unmarshal(out, &seen); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if diff := cmp.Diff(tt.want, seen); diff != "" {
				t.Errorf("(-want +seen):\n%s", diff)
			}
		})
	}
}
