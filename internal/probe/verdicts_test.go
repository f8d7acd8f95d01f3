package probe

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/narrow"
)

// openByLine opens an absent file ten times for each line of its input, and prints a line when it has.
func openByLine([]string) error {
	path := floodPath(os.Getppid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		for range 10 {
			_, _ = unix.Openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
		}
		fmt.Println("done")
	}
	return nil
}

// opener is a process that opens when it is told.
type opener struct {
	t     *testing.T
	probe *Probe
	cmd   *exec.Cmd
	ask   func()
}

func startOpener(t *testing.T, p *Probe) *opener {
	t.Helper()
	o := &opener{t: t, probe: p, cmd: child("open by line")}
	in, err := o.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = o.cmd.Wait() })
	answers := bufio.NewScanner(out)
	o.ask = func() {
		if _, err := fmt.Fprintln(in, "open"); err != nil || !answers.Scan() {
			t.Fatalf("ask for opens: %v, %v", err, answers.Err())
		}
	}
	return o
}

// opens has the process open ten times, and returns the headers of the records of that.
func (o *opener) opens() (headers []bpfgen.SensorRecordHeader) {
	o.t.Helper()
	o.ask()
	for raw, ok := o.probe.Bulk().Next(); ok; raw, ok = o.probe.Bulk().Next() {
		if h := *(*bpfgen.SensorRecordHeader)(unsafe.Pointer(&raw[0])); h.Tgid == uint32(o.cmd.Process.Pid) && isFlood(raw) {
			headers = append(headers, h)
		}
	}
	return headers
}

// processOf is what the kernel's side will look for.
func processOf(p *Probe, h *bpfgen.SensorRecordHeader) narrow.Process {
	return narrow.Process{
		Tgid: int32(h.Tgid), Ppid: int32(h.Ppid), Start: h.StartTime, ExecID: h.ExecId, EUID: h.Euid, EGID: h.Egid, CgroupID: h.CgroupId,
		Changes: p.FamilyChanges(), Generation: h.Generation,
	}
}

func set(p *Probe, process narrow.Process, mask uint64) {
	v := process.Verdict(mask, false)
	p.SetVerdict(process.Tgid, v.Tag, v.Mask, v.Flags)
}

// A verdict holds for the process that it is about, as it was then, and for nobody else.
func TestVerdicts(t *testing.T) {
	p := loaded(t, Settings{BulkBytes: 64 << 20})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	o := startOpener(t, p)
	before := o.opens()
	if len(before) != 10 {
		t.Fatalf("%d records of 10 opens without a verdict", len(before))
	}
	process := processOf(p, &before[0])
	set(p, process, 0)
	if n := len(o.opens()); n != 0 {
		// Another process with children may have ended just now; then the verdict is void.
		if again := processOf(p, &before[0]); again == process {
			t.Fatalf("%d records of opens that no rule can match", n)
		}
	}
	for name, other := range map[string]func(*narrow.Process){
		"another process of this tgid": func(p *narrow.Process) { p.Start++ },
		"another image":                func(p *narrow.Process) { p.ExecID++ },
		"another parent":               func(p *narrow.Process) { p.Ppid++ },
		"another user":                 func(p *narrow.Process) { p.EUID++ },
		"another group":                func(p *narrow.Process) { p.EGID++ },
		"another cgroup":               func(p *narrow.Process) { p.CgroupID++ },
		"other ancestors":              func(p *narrow.Process) { p.Changes++ },
		"other rules":                  func(p *narrow.Process) { p.Generation++ },
	} {
		not := processOf(p, &before[0])
		other(&not)
		set(p, not, 0)
		if n := len(o.opens()); n != 10 {
			t.Errorf("%s: its verdict left %d records of 10 opens", name, n)
		}
	}
	// A process with a child executes another image.
	changes := p.FamilyChanges()
	if out, err := exec.Command("sh", "-c", "sleep 0.01 & exec true").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if p.FamilyChanges() == changes {
		t.Error("a parent that executed another image was not counted")
	}
}

// What another process writes into the tables silences nothing, and is told.
func TestTablesAreWatched(t *testing.T) {
	p := loaded(t, Settings{BulkBytes: 64 << 20})
	if err := p.Attach(); err != nil {
		t.Fatal(err)
	}
	o := startOpener(t, p)
	before := o.opens()
	set(p, processOf(p, &before[0]), event.AllRules)
	points := make([]event.MountPoint, bpfgen.SensorSizesMOUNT_POINTS)
	points[3] = event.MountPoint{Dev: 3, Hash: 7, Used: true}
	p.SetMountPoints(points)
	if err := p.Intact(); err != nil {
		t.Fatal(err)
	}
	slot := uint32(o.cmd.Process.Pid) % bpfgenVerdicts
	var v bpfgen.SensorVerdict
	if err := p.maps.Verdicts.Lookup(slot, &v); err != nil {
		t.Fatal(err)
	}
	v.Mask = 0
	for name, write := range map[string]func() error{
		"verdicts": func() error { return p.maps.Verdicts.Put(slot, v) },
		"mount_points": func() error {
			return p.maps.MountPoints.Put(uint32(3), bpfgen.SensorMountPoint{Hash: 8, Dev: 3, State: uint32(bpfgen.SensorMountStateMOUNT_KNOWN)})
		},
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
		if n := len(o.opens()); n != 10 {
			t.Errorf("%s: what was written left %d records of 10 opens", name, n)
		}
		err := p.Intact()
		if err == nil || !strings.Contains(err.Error(), "map "+name+" was changed by another process") {
			t.Errorf("%s: got %v", name, err)
		}
		if err := p.Intact(); err != nil {
			t.Errorf("%s: it was put right: %v", name, err)
		}
	}
}

const bpfgenVerdicts = uint32(bpfgen.SensorSizesVERDICTS)
