package field

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

// lineage is bash → sh → cat.
func lineage() *event.Process {
	init := &event.Process{Key: event.Key{Tgid: 1}, Vpid: 1, Sid: 1, Pgid: 1, Vpgid: 1, Comm: "systemd", Exe: "/sbin/init",
		ExePath: "/usr/lib/systemd/systemd", Cmdline: "systemd"}
	bash := &event.Process{
		Key: event.Key{Tgid: 100}, Vpid: 100, Ppid: 1, Parent: init, Sid: 100, Pgid: 100, Vpgid: 100, Comm: "bash", Exe: "-bash",
		ExePath: "/usr/bin/bash", Cmdline: "bash", Env: []string{"HOME=/root", "ONLY=bash"},
	}
	sh := &event.Process{
		Key: event.Key{Tgid: 200, Start: 900}, Vpid: 200, Ppid: 100, Parent: bash, Sid: 100, Pgid: 200, Vpgid: 200, Comm: "sh", Exe: "sh",
		ExePath: "/usr/bin/dash", Cmdline: "sh -c cat", Args: "-c cat", ArgList: []string{"-c", "cat"}, Env: []string{"HOME=/home/sh"},
	}
	return &event.Process{
		Key: event.Key{Tgid: 300, Start: 1000}, Vpid: 30, Ppid: 200, Parent: sh, Sid: 100, Pgid: 200, Vpgid: 200, Comm: "cat", Exe: "cat",
		ExePath: "/usr/bin/cat", Cmdline: "cat /etc/shadow -n", Args: "/etc/shadow -n", ArgList: []string{"/etc/shadow", "-n"},
		Cwd: "/root/", Env: []string{"HOME=/me", "EMPTY="}, LoginUID: 1000, EUID: 1000, UID: 7, EGID: 5, TTY: 34818, ExecTime: 1500,
		ExeID: event.FileID{Ino: 77, Ctime: 1200, Mtime: 1100}, ExeWritable: true, ExeLayer: event.LayerUpper,
		CapPermitted: 1<<0 | 1<<21, Filename: "/usr/bin/cat",
	}
}

func opened() *event.Event {
	return &event.Event{
		Num: 3, Time: 1_795_453_869_197_888_968, Boot: 2500, Type: event.TypeOpenat, CPU: 2, Tgid: 300, Tid: 301, Vpid: 30, Vtid: 31,
		Ret: 3, DirFD: event.AtFDCWD, Process: lineage(), ContainerID: event.HostID,
		Accounts: &event.Accounts{Users: map[uint32]event.User{1000: {Name: "ada", Home: "/home/ada", Shell: "/bin/zsh"}},
			Groups: map[uint32]string{5: "tty"}},
		File: event.File{
			Present: true, FD: 3, Raw: "../etc//passwd", Given: "/etc/passwd", Resolved: "/usr/etc/passwd",
			OpenFlags: kernelWronly | kernelCreat | kernelTrunc, Mode: 0o644, InodeMode: 0o100644, Created: true,
			ID: event.FileID{Dev: 253<<20 | 1, Ino: 42},
		},
	}
}

func failed() *event.Event {
	ev := opened()
	ev.Ret = -2
	ev.File = event.File{Present: true, FD: -2, Raw: "missing", Given: "/root/missing"}
	return ev
}

func executed() *event.Event {
	ev := opened()
	ev.Type, ev.Ret, ev.File, ev.Filename = event.TypeExecve, 0, event.File{}, "bin/../cat"
	return ev
}

func exited() *event.Event {
	ev := opened()
	ev.Type, ev.Ret, ev.File = event.TypeProcexit, 0, event.File{}
	ev.Exit = event.Exit{Code: 9, Sig: 9, Core: true}
	return ev
}

func ringMade(known bool) *event.Event {
	ev := opened()
	ev.Type, ev.Ret, ev.File = event.TypeIoUringSetup, 5, event.File{}
	ev.Uring = event.Uring{SQEntries: 8, CQEntries: 16, Flags: 1<<1 | 1<<6 | 1<<13}
	if known {
		ev.Uring.Known, ev.Uring.Entries, ev.Uring.ThreadIdle, ev.Uring.Features = true, 5, 1000, 3
	}
	return ev
}

func inContainer(known bool) *event.Event {
	ev := opened()
	ev.ContainerID = "ec123142a786"
	ev.ContainerMissing = "too slow"
	if known {
		ev.ContainerMissing = ""
		ev.Container = &event.Container{
			ID: "ec123142a7860123", Name: "web", Type: "containerd", Image: "docker.io/library/nginx:1",
			ImageRepository: "docker.io/library/nginx", ImageTag: "1",
			Labels: map[string]string{"app": "web", "io.kubernetes.pod.uid": "u-1", "bare": ""}, Privileged: true, IP: "10.1.2.3",
			Mounts: []event.Mount{{Source: "/var/lib/data", Dest: "/data", Mode: "ro", Propagation: "rprivate"},
				{Source: "/proc/x", Dest: "/host/proc", RdWr: true}},
			Pod: &event.Pod{Name: "web-0", Namespace: "shop", SandboxID: "0123456789abcdef", Labels: map[string]string{"tier": "front"}},
			CNI: `{"eth0":{"IPConfigs":[{"IP":"10.1.2.3","Gateway":"10.1.2.1"}]}}`,
			Probes: []event.Probe{
				{Kind: event.LivenessProbe, Exe: "cat", Args: []string{"/etc/shadow", "-n"}},
				{Kind: event.Healthcheck, Exe: "/bin/sh", Args: []string{"-c", "exit 0"}},
			},
		}
	}
	return ev
}

// show is a field as a template prints it.
func show(t *testing.T, d *Dictionary, ev *event.Event, name, arg string) string {
	t.Helper()
	r, err := d.Lookup(name, arg, arg != "")
	if err != nil {
		t.Fatal(err)
	}
	var v Value
	return string(r.AppendText(nil, &v, r.GetPrint(ev, &v)))
}

func TestValues(t *testing.T) {
	d := New(Settings{Hostname: "vm", Zone: time.FixedZone("", 3600)})
	for _, tc := range []struct {
		name string
		ev   *event.Event
		want map[string]string // NAME or NAME[ARG]
	}{
		{"open", opened(), map[string]string{
			"evt.num": "3", "evt.time": "18:11:09.197888968", "evt.time.s": "18:11:09",
			"evt.time.iso8601": "2026-11-23T17:11:09.197888968+0000",
			"evt.datetime":     "2026-11-23 18:11:09.197888968", "evt.datetime.s": "2026-11-23 18:11:09", "evt.rawtime.s": "1795453869",
			"evt.rawtime.ns": "197888968",
			"evt.type":       "openat", "syscall.type": "openat", "evt.category": "file", "evt.dir": "<", "evt.cpu": "2",
			"evt.res":    "SUCCESS",
			"evt.rawres": "3",
			"evt.failed": "false", "evt.hostname": "vm", "evt.type.is.openat": "1", "evt.type.is.307": "1", "evt.type.is.open": "0",
			"evt.is_open_read": "false", "evt.is_open_write": "true", "evt.is_open_exec": "false", "evt.is_open_create": "true",
			"evt.count.error.file": "0", "evt.count.error.other": "<NA>", "evt.asynctype": "<NA>", "evt.unverified": "false",
			"evt.truncated": "",
			"evt.args": "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=../etc//passwd(/etc/passwd) " +
				"flags=16646(O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED) mode=0644 dev=FD01 ino=42",
			"evt.arg.flags": "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED", "evt.arg[0]": "<f>/etc/passwd", "evt.arg.name": "/etc/passwd",
			"evt.arg.mode": "0644",
			"evt.arg[9]":   "<NA>", "evt.arg.res": "<NA>", "evt.rawarg.flags": "4106", "evt.rawarg.name": "../etc//passwd",
			"evt.abspath": "/etc/passwd",
			"fd.num":      "3", "fd.name": "/etc/passwd", "fd.name.given": "/etc/passwd", "fd.name.resolved": "/usr/etc/passwd",
			"fd.name.matched": "given",
			"fd.directory":    "/etc", "fd.filename": "passwd", "fd.nameraw": "../etc/passwd", "fd.type": "file", "fd.typechar": "f",
			"fd.l4proto": "<NA>",
			"fd.dev":     "FD01", "fd.dev.major": "253", "fd.dev.minor": "1", "fd.ino": "42", "fd.containername": "host:/etc/passwd",
			"fd.uid": "3013",
			"fd.sip": "<NA>", "fd.connected": "false", "fs.path.name": "/etc/passwd", "fs.path.nameraw": "../etc//passwd",
			"fs.path.source": "<NA>",
		}},
		{"failed open", failed(), map[string]string{
			"fd.num": "-1", "fd.name": "/root/missing", "fd.directory": "/root", "fd.filename": "<NA>", "fd.typechar": "f",
			"fd.type": "<NA>", "fd.l4proto": "<NA>",
			"evt.res": "ENOENT", "evt.rawres": "-2", "evt.failed": "true", "evt.arg.fd": "ENOENT", "fs.path.name": "/root/missing",
			"fd.name.resolved":     "<NA>",
			"evt.args":             "fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=missing(/root/missing) flags=1(O_RDONLY) mode=0 dev=0 ino=0",
			"evt.count.error.file": "1", "evt.is_open_read": "true", "fd.ino": "<NA>",
		}},
		{"new ring", ringMade(true), map[string]string{
			"evt.type": "io_uring_setup", "evt.category": "unknown", "evt.type.is.339": "1", "syscall.type": "io_uring_setup",
			"evt.res": "SUCCESS", "evt.rawres": "5",
			"fd.num": "5", "fd.type": "io_uring", "fd.typechar": "r", "fd.name": "", "evt.is_open_read": "false",
			"evt.is_io_uring": "false",
			"evt.args": "res=5 entries=5 sq_entries=8 cq_entries=16 " +
				"flags=16514(IORING_SETUP_SQPOLL|IORING_SETUP_R_DISABLED|IORING_SETUP_DEFER_TASKRUN) sq_thread_cpu=0 " +
				"sq_thread_idle=1000 features=3(IORING_FEAT_SINGLE_MMAP|IORING_FEAT_NODROP)",
			"evt.arg.flags": "IORING_SETUP_SQPOLL|IORING_SETUP_R_DISABLED|IORING_SETUP_DEFER_TASKRUN", "evt.rawarg.sq_entries": "8",
		}},
		{"new ring on an old kernel", ringMade(false), map[string]string{
			"evt.args": "res=5 entries=<NA> sq_entries=8 cq_entries=16 " +
				"flags=16514(IORING_SETUP_SQPOLL|IORING_SETUP_R_DISABLED|IORING_SETUP_DEFER_TASKRUN) sq_thread_cpu=<NA> " +
				"sq_thread_idle=<NA> features=<NA>",
		}},
		{"exec", executed(), map[string]string{
			"evt.category": "process", "fd.name": "<NA>", "fd.num": "<NA>", "evt.is_open_write": "false", "evt.res": "SUCCESS",
			"evt.arg.res":   "0",
			"evt.arg.flags": "EXE_WRITABLE|EXE_UPPER_LAYER", "evt.arg.exe": "cat", "evt.arg.args": "/etc/shadow.-n.",
			"evt.arg.filename": "/root/cat",
			"evt.arg.tid":      "cat", "evt.arg.ptid": "sh", "evt.arg.uid": "ada", "evt.arg.loginuid": "ada", "evt.arg.gid": "tty",
			"evt.arg.fdlimit": "<NA>", "evt.rawarg.uid": "1000",
			"evt.arg.trusted_exepath": "/usr/bin/cat", "evt.rawarg.cap_permitted": "200001", "evt.count.error.other": "0",
			"evt.args": "res=0 exe=cat args=/etc/shadow.-n. tid=301(cat) pid=300(cat) ptid=200(sh) cwd=/root/ fdlimit=<NA> " +
				"pgft_maj=<NA> pgft_min=<NA> vm_size=<NA> vm_rss=<NA> vm_swap=<NA> comm=cat cgroups=<NA> env=HOME=/me.EMPTY=. tty=34818 " +
				"vpgid=200 loginuid=1000(ada) flags=3(EXE_WRITABLE|EXE_UPPER_LAYER) cap_inheritable=0 cap_permitted=200001 " +
				"cap_effective=0 exe_ino=77 exe_ino_ctime=" +
				time.Unix(0, 1200).Format("2006-01-02 15:04:05.000000000 -0700") + " exe_ino_mtime=" + time.Unix(0,
				1100).Format("2006-01-02 15:04:05.000000000 -0700") +
				" uid=1000(ada) trusted_exepath=/usr/bin/cat pgid=200(sh) gid=5(tty) filename=bin/../cat(/root/cat)",
		}},
		{"process", opened(), map[string]string{
			"proc.name": "cat", "proc.pname": "sh", "proc.aname[0]": "cat", "proc.aname[2]": "bash", "proc.aname[4]": "<NA>",
			"proc.aname[99]": "<NA>", "proc.aname": "sh bash systemd",
			"proc.aexe": "sh -bash /sbin/init", "proc.aexepath[1]": "/usr/bin/dash", "proc.acmdline[1]": "sh -c cat", "proc.apid": "300",
			"proc.apid[1]": "200",
			"proc.args":    "/etc/shadow -n", "proc.args[0]": "/etc/shadow", "proc.args[8]": "", "proc.aargs": "/etc/shadow -n",
			"proc.aargs[1]": "-c cat", "proc.aargs[7]": "<NA>",
			"proc.cmdnargs": "2", "proc.cmdlenargs": "13", "proc.exeline": "cat /etc/shadow -n", "proc.cwd": "/root/", "proc.tty": "34818",
			"proc.env": "HOME=/me EMPTY=", "proc.env[HOME]": "/me", "proc.env[NO]": "", "proc.aenv": "HOME=/me EMPTY=",
			"proc.aenv[1]":    "HOME=/home/sh",
			"proc.aenv[HOME]": "/home/sh", "proc.aenv[ONLY]": "bash", "proc.aenv[NO]": "",
			"proc.pid": "300", "proc.ppid": "200", "proc.vpid": "30", "proc.pvpid": "200", "proc.sid": "100", "proc.sname": "bash",
			"proc.sid.exepath": "/usr/bin/bash",
			"proc.pgid.name":   "sh", "proc.vpgid.name": "sh", "proc.is_sid_leader": "false", "proc.is_pgid_leader": "false",
			"proc.loginshellid": "100",
			"proc.exe_ino":      "77", "proc.exe_ino.ctime_duration_proc_start": "300", "proc.exe_ino.ctime_duration_pidns_start": "<NA>",
			"proc.pidns_init_start_ts": "<NA>",
			"proc.duration":            "1500", "proc.ppid.duration": "1600", "proc.pid.ts": "1000", "proc.ppid.ts": "900",
			"proc.is_exe_writable": "true", "proc.is_exe_from_memfd": "false", "proc.script": "<NA>",
			"thread.cap_permitted": "CAP_CHOWN CAP_SYS_ADMIN", "thread.cap_effective": "", "thread.tid": "301", "thread.ismain": "false",
			"thread.vtid": "31", "thread.nametid": "cat301",
			"user.uid": "1000", "user.name": "ada", "user.shell": "/bin/zsh", "user.loginuid": "1000", "user.loginname": "ada",
			"group.gid": "5", "group.name": "tty", "proc.vmsize": "<NA>",
		}},
		{"exit", exited(), map[string]string{
			"evt.args": "status=9 ret=0 sig=9(SIGKILL) core=1 reaper_tid=0", "evt.arg.sig": "SIGKILL", "evt.res": "<NA>",
			"evt.rawres": "<NA>", "evt.failed": "<NA>",
			"syscall.type": "<NA>", "evt.category": "process",
		}},
		{"host", opened(), map[string]string{
			"container.id": "host", "container.name": "host", "container.type": "host", "container.full_id": "host",
			"container.image.repository": "", "container.image.tag": "",
			"container.privileged": "false", "k8s.pod.name": "<NA>", "k8s.ns.name": "<NA>", "container.mount.dest[/proc*]": "<NA>",
			"container.start_ts": "<NA>",
			"container.cni.json": "", "container.missing": "<NA>", "container.liveness_probe": "<NA>",
			"proc.is_container_liveness_probe": "false", "k8s.pod.cni.json": "<NA>",
		}},
		{"container without metadata", inContainer(false), map[string]string{
			"container.missing": "too slow", "container.cni.json": "<NA>", "proc.is_container_healthcheck": "<NA>",
			"container.healthcheck": "<NA>",
			"container.id":          "ec123142a786", "container.name": "<NA>", "container.image.repository": "<NA>",
			"container.privileged": "<NA>",
			"container.label.app":  "<NA>", "k8s.pod.name": "<NA>",
		}},
		{"container", inContainer(true), map[string]string{
			"container.id": "ec123142a786", "container.full_id": "ec123142a7860123", "container.name": "web", "container.image.tag": "1",
			"container.privileged": "true",
			"container.label.app":  "web", "container.label[app]": "web", "container.label.none": "<NA>",
			"container.labels":   "app:web, bare",
			"container.mounts":   "/var/lib/data:/data:ro:false:rprivate,/proc/x:/host/proc::true:",
			"container.mount[0]": "/var/lib/data:/data:ro:false:rprivate", "container.mount.dest[/proc*]": "/host/proc",
			"container.mount.source[/data]": "/var/lib/data",
			"container.mount.rdwr[1]":       "true", "container.mount[2]": "<NA>", "container.mount.dest[/nowhere]": "<NA>",
			"k8s.pod.name": "web-0", "k8s.ns.name": "shop", "k8s.pod.uid": "u-1", "k8s.pod.sandbox_id": "0123456789ab",
			"k8s.pod.full_sandbox_id": "0123456789abcdef",
			"k8s.pod.label.tier":      "front", "k8s.pod.labels": "tier:front", "k8s.pod.ip": "10.1.2.3", "k8s.rc.name": "<NA>",
			"container.missing": "<NA>", "container.cni.json": `{"eth0":{"IPConfigs":[{"IP":"10.1.2.3","Gateway":"10.1.2.1"}]}}`,
			"k8s.pod.cni.json":         `{"eth0":{"IPConfigs":[{"IP":"10.1.2.3","Gateway":"10.1.2.1"}]}}`,
			"container.liveness_probe": "cat /etc/shadow -n", "container.readiness_probe": "<NA>",
			"container.healthcheck":            "/bin/sh -c exit 0",
			"proc.is_container_liveness_probe": "true", "proc.is_container_readiness_probe": "false",
			"proc.is_container_healthcheck": "false",
		}},
		{"nothing known", &event.Event{Type: event.TypeExecve}, map[string]string{
			"proc.name": "<NA>", "proc.pname": "<NA>", "proc.aname": "<NA>", "proc.aname[1]": "<NA>", "proc.env[X]": "<NA>",
			"proc.aenv[X]": "<NA>", "user.name": "<NA>",
			"container.id": "<NA>", "container.name": "<NA>", "proc.sname": "<NA>", "proc.loginshellid": "<NA>", "evt.arg.exe": "<NA>",
			"evt.hostname": "vm", "proc.vpid": "<NA>",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := map[string]string{}
			for key := range tc.want {
				name, arg := splitArg(key)
				got[key] = show(t, d, tc.ev, name, arg)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// splitArg takes NAME[ARG] apart.
func splitArg(key string) (name, arg string) {
	for i := range key {
		if key[i] == '[' {
			return key[:i], key[i+1 : len(key)-1]
		}
	}
	return key, ""
}

func TestResolvedNameIsSeenWhenMatched(t *testing.T) {
	d := Syscall()
	ev := opened()
	ev.Matched = event.NameResolved
	for name, want := range map[string]string{
		"fd.name": "/usr/etc/passwd", "fd.directory": "/usr/etc", "fd.filename": "passwd", "fs.path.name": "/usr/etc/passwd",
		"fd.name.matched": "resolved", "fd.name.given": "/etc/passwd", "evt.arg.name": "/etc/passwd",
	} {
		if got := show(t, d, ev, name, ""); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestOtherNamesAreSeenWhenMatched(t *testing.T) {
	d := Syscall()
	ev := opened()
	for _, field := range []string{"fd.name.source", "fd.name.watched"} {
		if got := show(t, d, ev, field, ""); got != "<NA>" {
			t.Errorf("%s of a file that has none: %q", field, got)
		}
	}
	ev.File.Source, ev.File.Watched = "/srv/passwd", "/watched/name"
	for name, want := range map[event.Name][3]string{
		event.NameSource: {"/srv/passwd", "/srv", "source"}, event.NameWatched: {"/watched/name", "/watched", "watched"},
	} {
		ev.Matched = name
		got := [3]string{show(t, d, ev, "fd.name", ""), show(t, d, ev, "fd.directory", ""), show(t, d, ev, "fd.name.matched", "")}
		if got != want || show(t, d, ev, "fd.name.source", "") != "/srv/passwd" || show(t, d, ev, "fd.name.watched",
			"") != "/watched/name" {
			t.Errorf("%v: got %q, want %q", name, got, want)
		}
	}
}

func TestKindOfFile(t *testing.T) {
	d := Syscall()
	for _, tc := range []struct {
		name              string
		mode              uint32
		kind, char, dir   string
		filename, overlay string
	}{
		{"regular", 0o100644, "file", "f", "/a", "b", "false"},
		{"directory", 0o040755, "directory", "d", "/a/b", "<NA>", "false"},
		{"device", 0o020666, "file", "f", "/a", "b", "false"},
		{"named pipe", 0o010666, "file", "f", "/a", "b", "false"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := opened()
			ev.File = event.File{Present: true, FD: 3, Raw: "/a/b", Given: "/a/b", InodeMode: tc.mode}
			for name, want := range map[string]string{
				"fd.type": tc.kind, "fd.typechar": tc.char, "fd.directory": tc.dir, "fd.filename": tc.filename,
				"fd.is_upper_layer": tc.overlay,
			} {
				if got := show(t, d, ev, name, ""); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestUnsetIDs(t *testing.T) {
	d := Syscall()
	ev := executed()
	ev.Process.LoginUID = 4294967295
	ev.Process.EUID, ev.Process.EGID, ev.Accounts = 4242, 4242, nil
	for name, want := range map[string]string{
		"user.loginuid": "-1", "user.loginname": "<NA>", "user.name": "<NA>", "user.homedir": "<NA>", "group.name": "<NA>",
		"evt.arg.loginuid": "<NONE>", "evt.arg.uid": "4242",
	} {
		if got := show(t, d, ev, name, ""); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	ev.Process.LoginUID, ev.Process.EUID = 4294967294, 0
	for name, want := range map[string]string{"user.loginuid": "4294967294", "user.name": "root", "user.homedir": "/root",
		"user.shell": "<NA>"} {
		if got := show(t, d, ev, name, ""); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestWalksEnd(t *testing.T) {
	p := &event.Process{Key: event.Key{Tgid: 1}, Comm: "loop", Sid: 9, Pgid: 9, Vpgid: 9}
	p.Parent = p // a chain without end
	ev := &event.Event{Type: event.TypeExecve, Process: p}
	d := Syscall()
	for _, name := range []string{"proc.aname", "proc.sname", "proc.pgid.name", "proc.loginshellid", "proc.aenv", "evt.args"} {
		show(t, d, ev, name, "")
	}
	r, err := d.Lookup("proc.aname", "", false)
	if err != nil {
		t.Fatal(err)
	}
	var v Value
	if !r.Get(ev, &v) || len(v.List) != maxAncestors {
		t.Errorf("ancestors: got %d, want %d", len(v.List), maxAncestors)
	}
}

func TestTruncated(t *testing.T) {
	ev := opened()
	ev.Flags = event.FlagPathTruncated | event.FlagUnverified
	ev.Process.Flags = event.FlagEnvTruncated
	d := Syscall()
	if got, want := show(t, d, ev, "evt.truncated", ""), "path,env"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := show(t, d, ev, "evt.unverified", ""); got != "true" {
		t.Errorf("unverified: got %q", got)
	}
}

func TestNameChanged(t *testing.T) {
	open, exec := failed(), executed()
	d := Syscall()
	for _, ev := range []*event.Event{open, exec} {
		if got := show(t, d, ev, "evt.name_changed", "") + " " + show(t, d, ev, "fd.name.exit", ""); got != "false <NA>" {
			t.Errorf("%v: got %s", ev.Type, got)
		}
		ev.Flags |= event.FlagNameChanged
	}
	open.File.AtExit, exec.FilenameAtExit = "/tmp/x", "/bin/y"
	for ev, want := range map[*event.Event]string{open: "true /tmp/x", exec: "true /bin/y"} {
		if got := show(t, d, ev, "evt.name_changed", "") + " " + show(t, d, ev, "fd.name.exit", ""); got != want {
			t.Errorf("%v: got %s, want %s", ev.Type, got, want)
		}
	}
}

// TestExtractionAllocatesNothing covers the fields that conditions ask for again and again.
func TestExtractionAllocatesNothing(t *testing.T) {
	d := Syscall()
	events := map[string]*event.Event{"open": opened(), "failed": failed(), "exec": executed(), "container": inContainer(true)}
	for _, key := range []string{
		"evt.type", "evt.num", "evt.res", "evt.rawres", "evt.is_open_read", "evt.is_open_write", "evt.arg.flags", "evt.arg.name",
		"evt.rawarg.flags",
		"fd.name", "fd.directory", "fd.filename", "fd.typechar", "fd.num", "proc.name", "proc.pname", "proc.aname", "proc.aname[2]",
		"proc.cmdline",
		"proc.pcmdline", "proc.exepath", "proc.exe", "proc.args", "proc.env[HOME]", "proc.cwd", "proc.tty", "proc.vpid", "proc.sname",
		"proc.duration",
		"user.name", "user.uid", "user.loginuid", "container.id", "container.image.repository", "container.mount.dest[/proc*]",
		"container.label.app",
		"k8s.ns.name", "k8s.pod.name", "thread.cap_permitted", "proc.is_exe_upper_layer", "evt.truncated",
	} {
		name, arg := splitArg(key)
		r, err := d.Lookup(name, arg, arg != "")
		if err != nil {
			t.Fatal(err)
		}
		for kind, ev := range events {
			var v Value
			r.Get(ev, &v) // lists and remembered texts grow once
			if n := testing.AllocsPerRun(100, func() { r.Get(ev, &v) }); n != 0 {
				t.Errorf("%s on %s: %v allocations", key, kind, n)
			}
		}
	}
}

func TestSeveralGoroutines(t *testing.T) {
	d := Syscall()
	ev := opened()
	want := show(t, d, ev, "evt.args", "")
	done := make(chan string)
	for range 4 {
		go func() {
			for i := range 200 {
				e := *ev
				e.File.OpenFlags = uint32(i) << 6
				show(t, d, &e, "evt.arg.flags", "")
				if got := show(t, d, ev, "evt.args", ""); got != want {
					done <- fmt.Sprintf("got %s, want %s", got, want)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if msg := <-done; msg != "" {
			t.Error(msg)
		}
	}
}
