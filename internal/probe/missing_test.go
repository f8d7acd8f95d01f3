package probe

import (
	"encoding/json"
	"errors"
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
	if _, err := configure(spec, Settings{Types: allCalls(), CriticalBytes: 1 << 16, BulkBytes: 1 << 16}); err != nil {
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

// A program that the verifier refuses stops no other one, whichever it is.
func TestRefusedProgram(t *testing.T) {
	needRoot(t)
	names := programNames(t, objectSpec(t))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			spec := objectSpec(t)
			unloadable(spec.Programs[name])
			p := &Probe{}
			coll, err := p.collect(spec)
			if err != nil {
				t.Fatal(err)
			}
			defer coll.Close()
			if len(p.missing) != 1 || p.missing[0].Program != name || !errors.As(p.missing[0].Reason, new(*ebpf.VerifierError)) {
				t.Errorf("missing: %+v, want %s alone, refused by the verifier", p.missing, name)
			}
			if coll.Programs[name] != nil || len(coll.Programs) != len(names)-1 {
				t.Errorf("%d programs are loaded, want all of %d but %s", len(coll.Programs), len(names), name)
			}
		})
	}
}

// Where the kernel takes none of them there is nothing to run.
func TestRefusedAltogether(t *testing.T) {
	needRoot(t)
	spec := objectSpec(t)
	for _, p := range spec.Programs {
		unloadable(p)
	}
	coll, err := (&Probe{}).collect(spec)
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
		{"process life", []string{"btf_trace_sched_process_fork", "btf_trace_sched_process_exit", "btf_trace_sched_process_exec", "btf_trace_cgroup_mkdir", "btf_trace_cgroup_rmdir"},
			seenFacts{Missing: []string{"cgroup_mkdir", "cgroup_rmdir", "sched_process_fork", "sched_process_exit", "sched_process_exec"}, Opens: 10}},
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
