// Package inspect holds the commands that answer and end: query, explain, lint, doctor, top and support. It never runs a sensor.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"
	"github.com/saker-sensor/saker/internal/narrow"
	"github.com/saker-sensor/saker/internal/privilege"
	"github.com/saker-sensor/saker/internal/probe"
	"github.com/saker-sensor/saker/internal/setup"
)

// Finding is one line of the doctor's report.
type Finding struct {
	Name string
	// OK: it is there. Needed: without it the sensor does not start.
	OK, Needed bool
	// Detail says what was found, or what its absence costs.
	Detail string
	// Remedy is set where OK is not.
	Remedy string
}

// Doctor looks at what this kernel and host offer. It starts nothing and changes nothing.
func Doctor(cfg config.Config) []Finding {
	findings := append([]Finding{kernelFinding()}, entry32Findings()...)
	findings = append(findings, privilegeFinding())
	findings = append(findings, capabilityFindings()...)
	findings = append(findings, btfFinding(), ringFinding())
	findings = append(findings, programFindings(cfg)...)
	findings = append(findings, cgroupFinding())
	findings = append(findings, rulesFindings(cfg)...)
	findings = append(findings, runtimeFindings(cfg)...)
	return append(findings, podFindings(cfg)...)
}

// WriteFindings prints a report; it returns an error if something needed is missing.
func WriteFindings(w io.Writer, findings []Finding) error {
	var missing []string
	for _, f := range findings {
		mark := "ok     "
		switch {
		case !f.OK && f.Needed:
			mark = "MISSING"
			missing = append(missing, f.Name)
		case !f.OK:
			mark = "absent "
		}
		fmt.Fprintf(w, "%s  %s: %s\n", mark, f.Name, f.Detail)
		if !f.OK && f.Remedy != "" {
			fmt.Fprintf(w, "         remedy: %s\n", f.Remedy)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the sensor can't run here: missing %s", strings.Join(missing, ", "))
	}
	return nil
}

func kernelFinding() Finding {
	var u unix.Utsname
	_ = unix.Uname(&u)
	release, machine := unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:])
	f := Finding{Name: "kernel", Needed: true, OK: true, Detail: release + " " + machine}
	if !slices.Contains([]string{"x86_64", "aarch64"}, machine) {
		f.OK, f.Remedy = false, "run the sensor on amd64 or arm64"
	}
	return f
}

// entry32Findings tells whether the kernel takes 32-bit system calls, on machines that may have them. Nothing is lost without them.
func entry32Findings() []Finding {
	f := Finding{Name: "32-bit system calls", OK: true, Detail: "the kernel takes them; those of interest are recorded too"}
	enabled, err := ia32.Enabled()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		f.Detail = "not known: " + err.Error()
	case !enabled:
		f.Detail = "this kernel has no 32-bit entry; none can be made"
	}
	return []Finding{f}
}

func privilegeFinding() Finding {
	f := Finding{Name: "privileges", Needed: true, OK: true, Detail: "BPF programs can be loaded"}
	if err := probe.CheckPrivileges(); err != nil {
		f.OK, f.Detail, f.Remedy = false, err.Error(),
			"run as root, or with the capabilities BPF, PERFMON, SYS_PTRACE and DAC_READ_SEARCH, before Linux 5.11 SYS_RESOURCE too"
	}
	return f
}

// capabilityFindings tells which of the needed capabilities are there, and what each that is not costs.
func capabilityFindings() []Finding {
	held, err := privilege.Held()
	if err != nil {
		return []Finding{{Name: "capabilities", Detail: err.Error(), Remedy: "let the sensor call capget(2)"}}
	}
	f := Finding{Name: "capabilities", OK: true, Detail: strings.Join(held.Names(), " ")}
	if held == 0 {
		f.Detail = "none"
	}
	findings := []Finding{f}
	for _, n := range privilege.Missing(held) {
		if !n.Vital { // privilegeFinding tells of those
			findings = append(findings, Finding{Name: n.Name, Detail: n.Loss, Remedy: "give it to the sensor; see docs/privileges.md"})
		}
	}
	return findings
}

func btfFinding() Finding {
	f := Finding{Name: "BTF", Needed: true, OK: true, Detail: probe.KernelBTF}
	if err := probe.CheckBTF(); err != nil {
		f.OK, f.Detail, f.Remedy = false, err.Error(), "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"
	}
	return f
}

func ringFinding() Finding {
	f := Finding{Name: "ring buffer", Needed: true, OK: true, Detail: "supported"}
	if err := features.HaveMapType(ebpf.RingBuf); err != nil {
		f.OK, f.Detail, f.Remedy = false, err.Error(), "boot a kernel 5.8 or newer"
		if errors.Is(err, unix.EPERM) {
			f.Detail, f.Remedy = "can't be tried without privileges", "run the doctor as root"
		}
	}
	return f
}

// programFindings loads every program and lets go of it again; it names what the rules lose with those that are refused.
func programFindings(cfg config.Config) []Finding {
	f := Finding{Name: "programs", Needed: true, OK: true, Detail: "the kernel accepts all of them"}
	var types event.TypeSet
	for _, t := range event.AllTypes() {
		if t.Captured() {
			types.Add(t)
		}
	}
	p, err := probe.Load(probe.Settings{Types: types, EntryCopies: true, CriticalBytes: 1 << 16, BulkBytes: 1 << 16})
	if err != nil {
		f.OK, f.Detail, f.Remedy = false, setup.OneLine(err), "mend what is reported above; else report this kernel to the project"
		return []Finding{f}
	}
	defer func() { _ = p.Close() }()
	missing := p.Missing()
	if len(missing) > 0 {
		f.Detail = fmt.Sprintf("the kernel accepts all but %d", len(missing))
	}
	out := []Finding{f, entryFinding(p.EntriesSeen())}
	var rules []narrow.Rule
	if set, results := setup.Rules(cfg); results.Successful() { // else rulesFindings says so
		if n, err := setup.Narrow(cfg, set); err == nil {
			rules = n.Rules
		}
	}
	for _, l := range setup.Coverage(missing, rules) {
		out = append(out, lostFinding(&l))
	}
	return out
}

// entryFinding tells where paths are kept from the begin of calls on: both ways see the same, at different cost.
func entryFinding(calls int, why error) Finding {
	f := Finding{Name: "begin of calls", OK: true, Detail: fmt.Sprintf("%d calls have a tracepoint each; the others cost nothing", calls)}
	if calls == 0 {
		f.Detail = "every call passes a program: " + setup.OneLine(why)
	}
	return f
}

func cgroupFinding() Finding {
	f := Finding{Name: "cgroups", OK: true}
	h, err := cgroup.FindHierarchy(config.HostRoot())
	switch {
	case err != nil:
		f.OK, f.Detail, f.Remedy = false, err.Error(), "mount /sys/fs/cgroup; without it no container is recognised"
	case h.V2:
		f.Detail = "version 2 at " + h.Mount
	default:
		f.Detail = fmt.Sprintf("version 1 or hybrid: the %s hierarchy at %s is followed", h.Controller, h.Mount)
	}
	return f
}

// rulesFindings say whether the rules load, and which of them lack events.
func rulesFindings(cfg config.Config) []Finding {
	f := Finding{Name: "rules", Needed: true, OK: true}
	rules, results := setup.Rules(cfg)
	if !results.Successful() {
		f.OK, f.Detail, f.Remedy = false, "they do not load", "see sensor -V FILE"
		return []Finding{f}
	}
	f.Detail = fmt.Sprintf("%d loaded", len(rules.Rules()))
	blind := setup.FindBlindRules(rules)
	if blind.Text() == "" {
		return []Finding{f}
	}
	return []Finding{f, {
		Name: "events of rules", Detail: blind.Text(), Remedy: "none in this version; disable these rules, or don't count on them",
	}}
}

// runtimeFindings asks each container runtime that has a socket.
func runtimeFindings(cfg config.Config) []Finding {
	all := setup.Runtimes(&cfg.Engines)
	if len(all) == 0 {
		return []Finding{{Name: "container runtimes", OK: true, Detail: "switched off by container_engines"}}
	}
	permit := func(string) error { return nil }
	if cfg.Privileges.Drop {
		permit = func(socket string) error { return privilege.MayWrite(privilege.Kept, socket) }
	}
	versions, errs := make([]string, len(all)), make([]error, len(all))
	var asked sync.WaitGroup
	for i, r := range all {
		asked.Go(func() { versions[i], errs[i] = enrich.Ask(context.Background(), r, config.HostRoot(), permit) })
	}
	asked.Wait()
	var out []Finding
	var places []string
	for i, r := range all {
		err := errs[i]
		switch {
		case err == nil:
			out = append(out, Finding{Name: string(r.Kind), OK: true, Detail: versions[i] + " answers at " + r.Socket})
		case errors.Is(err, os.ErrNotExist):
			places = append(places, r.Socket)
		default:
			remedy := "restart the runtime, or name the right socket or none in container_engines." + string(r.Kind)
			if errors.Is(err, os.ErrPermission) {
				remedy = "let root own the socket, or have the sensor keep CAP_DAC_OVERRIDE with privileges.drop: false"
			}
			out = append(out, Finding{Name: string(r.Kind), Detail: r.Socket + ": " + setup.OneLine(err),
				Remedy: remedy + "; its containers have no name or image meanwhile"})
		}
	}
	if len(out) == 0 {
		out = append(out, Finding{
			Name: "container runtimes", Detail: "no socket at " + strings.Join(places,
				", ") + "; containers are recognised by their cgroup, without name or image",
			Remedy: "none needed on a host without containers; else name it with -o container_engines.containerd.sockets[0]=PATH",
		})
	}
	return out
}

// lostFinding is the line about a program that the kernel refuses.
func lostFinding(l *setup.Lost) Finding {
	f := Finding{
		Name:   "program " + l.Program,
		Detail: fmt.Sprintf("the kernel refuses it (%s); lost: %s", l.Reason, l.Cost),
		Remedy: "none needed for these rules",
	}
	if n := len(l.Rules); n > 0 {
		f.Detail += fmt.Sprintf("; rules that lose events: %d (%s)", n, strings.Join(l.Rules, ", "))
		f.Remedy = "boot one of the kernels that the README names; if it is one, report this to the project"
	}
	return f
}
