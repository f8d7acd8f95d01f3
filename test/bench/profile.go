package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// profile samples all processors under the exec load, and keeps two reports: the sensor's threads, and what the
// kernel did for the load itself, where the sensor's programs run. Each line has the share of a function with and without
// what it calls.
func (b *bench) profile(dir string) error {
	if _, err := exec.LookPath("perf"); err != nil {
		return fmt.Errorf("find perf: %w; install Debian's linux-perf", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	rules, err := b.heaviest()
	if err != nil {
		return err
	}
	// The released binary has no symbols; and by its own name this one is told from another sensor that may run.
	b.sensor = filepath.Join(dir, "profiled")
	build := exec.Command("go", "build", "-o", b.sensor, "./cmd/sensor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the sensor with symbols: %w\n%s", err, out)
	}
	s, err := b.start(nil, rules.flags...)
	if err != nil {
		return err
	}
	s.settled()
	progress("exec of /bin/true, %s, sampled", rules.name)
	const execs = 10_000
	data := filepath.Join(dir, "perf.data")
	// The processor's own counters are often missing in a virtual machine; its clock never is.
	ns, err := command("perf", "record", "-q", "-a", "-g", "-e", "cpu-clock", "-F", "4999", "-o", data,
		"--", b.worker, "exec", strconv.Itoa(execs), "/bin/true")
	if _, end := s.stop(); err == nil {
		err = end
	}
	if err != nil {
		return err
	}
	progress("%.0f µs an exec, sampled", ns/execs/1000)
	for name, comms := range map[string]string{"sensor": "profiled", "load": "worker,true"} {
		out, err := exec.Command("perf", "report", "-i", data, "--comm", comms, "--stdio", "--children", "-g", "none",
			"--percentage", "relative", "--percent-limit", "0.5", "-F", "overhead_children,overhead,dso,symbol").Output()
		if err != nil {
			return commandError("report the profile", err)
		}
		path := filepath.Join(dir, name+".txt")
		if err := os.WriteFile(path, out, 0o644); err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}
