package engine

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/rules"
)

var upstreamFiles = []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"}

// upstream reads the published rule files.
func upstream(tb testing.TB) []rulefile.Source {
	tb.Helper()
	var sources []rulefile.Source
	for _, name := range upstreamFiles {
		text, err := os.ReadFile(testutil.Shared(tb, "upstream-rules/"+name))
		if err != nil {
			tb.Fatal(err)
		}
		sources = append(sources, rulefile.Source{Name: name, Content: text})
	}
	return sources
}

func mustLoadUpstream(tb testing.TB) *Ruleset {
	tb.Helper()
	rs, results := Load(upstream(tb), testOptions())
	if !results.Successful() {
		tb.Fatal(results.Text(true))
	}
	return rs
}

// BenchmarkLoad loads and compiles the 93 published rules; the aim is 50 ms.
func BenchmarkLoad(b *testing.B) {
	sources := upstream(b)
	opt := testOptions()
	b.ReportAllocs()
	for b.Loop() {
		if rs, _ := Load(sources, opt); len(rs.Rules()) == 0 {
			b.Fatal("no rules")
		}
	}
}

// BenchmarkMatchMix matches a working host's events with the published rules, all of them switched on or only those
// that are on by default; the aim is 2,000,000 events a second without an allocation.
func BenchmarkMatchMix(b *testing.B) {
	b.Run("published", func(b *testing.B) { benchmarkMix(b, mustLoadUpstream(b)) })
	b.Run("built-in", func(b *testing.B) {
		opt := testOptions()
		opt.Builtin = &rulefile.Source{Name: rules.MacrosName, Content: rules.Macros}
		rs, results := Load([]rulefile.Source{{Name: rules.DefaultName, Content: rules.Default}}, opt)
		if !results.Successful() {
			b.Fatal(results.Text(true))
		}
		benchmarkMix(b, rs)
	})
	for _, kind := range []string{"open", "exec", "exit"} {
		b.Run("published/"+kind, func(b *testing.B) {
			rs := mustLoadUpstream(b)
			var evs []*event.Event
			for _, ev := range workload() {
				if k := kindOf(ev); k == kind {
					evs = append(evs, ev)
				}
			}
			benchmarkEvents(b, rs, evs)
		})
	}
}

func benchmarkMix(b *testing.B, rs *Ruleset) { benchmarkEvents(b, rs, workload()) }

func benchmarkEvents(b *testing.B, rs *Ruleset, evs []*event.Event) {
	s := NewScratch()
	matched := 0
	yield := func(*Rule) { matched++ }
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		rs.Match(evs[i], s, yield)
		if i++; i == len(evs) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(100*float64(matched)/float64(b.N), "%matched")
}

// TestWorkloadDoesNotAllocate: the events of a working host pass all published rules without an allocation.
func TestWorkloadDoesNotAllocate(t *testing.T) {
	rs, s := mustLoadUpstream(t), NewScratch()
	evs := workload()
	run := func() {
		for _, ev := range evs {
			rs.Match(ev, s, func(*Rule) {})
		}
	}
	run()
	if n := testing.AllocsPerRun(3, run); n != 0 {
		t.Errorf("%v allocations for %d events", n, len(evs))
	}
}

func kindOf(ev *event.Event) string {
	switch {
	case ev.File.Present:
		return "open"
	case ev.Type == event.TypeProcexit:
		return "exit"
	}
	return "exec"
}

// workload is a mix as a node of a cluster yields it, by hand but of the usual proportions: mostly opens for reading of
// libraries, /proc and configuration; some writes, failed opens and links; execs and exits of services, shells and
// probes, on the host and in containers. It is the same each time.
func workload() []*event.Event {
	w := workloadBuilder{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()}
	systemd := w.process(nil, "systemd", "/usr/lib/systemd/systemd", "--switched-root")
	kubelet := w.process(systemd, "kubelet", "/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml", "--node-ip=10.0.0.4")
	shim := w.process(systemd, "containerd-shim", "/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "f00")
	sshd := w.process(systemd, "sshd", "/usr/sbin/sshd", "-D")
	bash := w.process(w.process(sshd, "sshd", "/usr/sbin/sshd", "-R"), "bash", "/usr/bin/bash")
	bash.TTY = 34816
	cron := w.process(systemd, "cron", "/usr/sbin/cron", "-f")
	nginx := w.process(shim, "nginx", "/usr/sbin/nginx", "-g", "daemon off;")
	app := w.process(shim, "java", "/opt/java/bin/java", "-Xmx2g", "-cp", "/app/lib/*", "com.example.Main")
	python := w.process(w.process(shim, "sh", "/bin/dash", "-c", "python3 manage.py runserver"), "python3", "/usr/bin/python3.11", "manage.py")

	w.container = &event.Container{ID: "3ad7b26ded6d3ad7b26ded6d", Name: "shop", Type: "containerd",
		Image: "docker.io/library/shop:1.2", ImageRepository: "docker.io/library/shop", ImageTag: "1.2",
		Pod: &event.Pod{Name: "shop-1", Namespace: "checkout", UID: "u-1"}}

	for i := range 40 {
		w.inside = false
		for _, lib := range []string{"libc.so.6", "libm.so.6", "libpthread.so.0", "libz.so.1"} {
			w.open(bash, "/lib/x86_64-linux-gnu/"+lib, "/usr/lib/x86_64-linux-gnu/"+lib, 0)
		}
		w.open(kubelet, fmt.Sprintf("/proc/%d/stat", 1000+i), "", 0)
		w.open(kubelet, fmt.Sprintf("/sys/fs/cgroup/kubepods.slice/pod%d/memory.current", i), "", 0)
		w.open(kubelet, fmt.Sprintf("/var/lib/kubelet/pods/%d/volumes/token", i), "", 0)
		w.open(systemd, "/run/systemd/units/log-level-max", "", 0)
		w.open(cron, "/etc/localtime", "/usr/share/zoneinfo/Etc/UTC", 0)
		w.open(sshd, "/etc/passwd", "", 0)
		w.open(bash, fmt.Sprintf("/tmp/build-%d/out.o", i), "", 0o1102)
		w.open(bash, "/dev/null", "", 0o1)
		w.failed(bash, "/etc/ld.so.preload")
		w.failed(bash, fmt.Sprintf("/usr/local/lib/python3/site-packages/mod%d.so", i))
		git := w.process(bash, "git", "/usr/bin/git", "status", "--porcelain")
		w.exec(git)
		w.open(git, fmt.Sprintf("/home/me/src/.git/objects/%02x/0123456789", i), "", 0)
		w.exit(git)
		ls := w.process(cron, "run-parts", "/usr/bin/run-parts", "--report", "/etc/cron.hourly")
		w.exec(ls)
		w.exit(ls)
		if i%10 == 0 {
			cat := w.process(bash, "cat", "/usr/bin/cat", "/etc/shadow")
			w.exec(cat)
			w.open(cat, "/etc/shadow", "", 0)
			w.exit(cat)
		}

		w.inside = true
		w.open(nginx, fmt.Sprintf("/usr/share/nginx/html/img/%d.png", i), "", 0)
		w.open(nginx, "/var/log/nginx/access.log", "/dev/stdout", 0o2101)
		w.open(app, fmt.Sprintf("/app/data/shard-%d.db", i), "", 0o2)
		w.open(app, "/proc/self/stat", "/proc/1234/stat", 0)
		w.open(app, fmt.Sprintf("/tmp/hsperfdata_root/%d", i), "", 0o102)
		for k := range 8 {
			w.open(python, fmt.Sprintf("/usr/lib/python3.11/site-packages/pkg/mod%d.py", k), "", 0)
			w.open(python, fmt.Sprintf("/usr/lib/python3.11/site-packages/pkg/__pycache__/mod%d.pyc", k), "", 0)
		}
		probe := w.process(shim, "curl", "/usr/bin/curl", "-fsS", "http://localhost:8080/healthz")
		w.exec(probe)
		w.open(probe, "/etc/ssl/openssl.cnf", "", 0)
		w.open(probe, "/etc/resolv.conf", "", 0)
		w.exit(probe)
	}
	return w.events
}

var workloadEnv = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
	"HOSTNAME=shop-1-5d9c7b8f6-x2x7k", "KUBERNETES_SERVICE_HOST=10.96.0.1", "KUBERNETES_SERVICE_PORT=443",
	"KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443", "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D", "PWD=/", "SHLVL=1"}

type workloadBuilder struct {
	now       int64
	events    []*event.Event
	pids      int32
	container *event.Container
	inside    bool
}

func (w *workloadBuilder) process(parent *event.Process, comm, path string, args ...string) *event.Process {
	w.pids++
	p := &event.Process{Key: event.Key{Tgid: 100 + w.pids, Start: uint64(w.pids)}, Vpid: 10 + w.pids, Pgid: 100 + w.pids, Sid: 100,
		Comm: comm, Exe: path, ExePath: path, Filename: path, Cwd: "/", LoginUID: ^uint32(0), ExeLayer: event.LayerLower,
		Parent: parent, ExecTime: uint64(w.now), Env: workloadEnv, ArgList: args}
	p.Cmdline = comm
	for i, a := range args {
		if i > 0 {
			p.Args += " "
		}
		p.Args += a
		p.Cmdline += " " + a
	}
	if parent != nil {
		p.Ppid = parent.Key.Tgid
	}
	return p
}

func (w *workloadBuilder) add(ev event.Event, p *event.Process) {
	w.now += 1000
	ev.Num, ev.Time = uint64(len(w.events)+1), w.now
	ev.Tgid, ev.Tid, ev.Vpid, ev.Vtid, ev.Key = p.Key.Tgid, p.Key.Tgid, p.Vpid, p.Vpid, p.Key
	ev.Process, ev.ContainerID, ev.DirFD = p, event.HostID, event.AtFDCWD
	if w.inside {
		ev.Container, ev.ContainerID = w.container, event.ShortID(w.container.ID)
	}
	w.events = append(w.events, &ev)
}

func (w *workloadBuilder) open(p *event.Process, path, resolved string, flags uint32) {
	if resolved == "" {
		resolved = path
	}
	w.add(event.Event{Type: event.TypeOpenat, Ret: 5, File: event.File{Present: true, FD: 5, Raw: path, Given: path,
		Resolved: resolved, OpenFlags: flags, Mode: 0o644, InodeMode: 0o100644}}, p)
}

func (w *workloadBuilder) failed(p *event.Process, path string) {
	w.add(event.Event{Type: event.TypeOpenat, Ret: -2, File: event.File{Present: true, FD: -2, Raw: path, Given: path}}, p)
}

func (w *workloadBuilder) exec(p *event.Process) {
	w.add(event.Event{Type: event.TypeExecve, Filename: p.ExePath}, p)
}

func (w *workloadBuilder) exit(p *event.Process) {
	w.add(event.Event{Type: event.TypeProcexit}, p)
}
