package rules

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/rules"
)

// liveSection begins the default rules that are tested here, with the real calls. The unit tests of the rules have the others.
const liveSection = "# --- Ways out of a container"

// TestDefaultRules: what leads out of a container, and a shell on a connection, fires the rule about it.
func TestDefaultRules(t *testing.T) {
	_, section, ok := strings.Cut(string(rules.Default), liveSection)
	if !ok {
		t.Fatalf("the default rules have no section %q", liveSection)
	}
	told := map[string]bool{}
	for _, tt := range defaults {
		told[tt.rule] = true
	}
	for _, m := range regexp.MustCompile(`(?m)^- rule: (.+)$`).FindAllStringSubmatch(section, -1) {
		if !told[m[1]] {
			t.Errorf("no trial of the rule %q", m[1])
		}
	}
	try(t, []string{filepath.Join(testutil.Root(t), "rules", rules.DefaultName)}, defaults)
}

const helpers = "Write to a helper of the kernel"

// defaults: core_pattern is opened for appending, and nothing is written. Files of other names stand for those that not every
// kernel has.
var defaults = []trial{
	{helpers, want{"fd.name": "/proc/sys/kernel/core_pattern"},
		in(": >> /proc/sys/kernel/core_pattern"), in("/bin/cat /proc/sys/kernel/core_pattern")},
	{helpers, want{"fd.name": "/tmp/sysrq-trigger"}, in(": > /tmp/sysrq-trigger"), in(": > /tmp/sysrq")},
	{helpers, want{"fd.name": "/tmp/notify_on_release"}, in(": > /tmp/notify_on_release"), in(": > /tmp/notify")},
	{"Namespaces of another process entered from a container", want{"evt.arg.nstype": "CLONE_NEWUTS", "proc.name": "act"},
		in("ACT setns uts"), in("ACT setns net")},
	{"User namespace made in a container", want{"evt.arg.flags": "CLONE_NEWUSER", "proc.name": "unshare"},
		in("/bin/unshare -U /bin/true"), in("/bin/unshare -u /bin/true")},
	{"File system mounted by a user other than root", want{"evt.arg.type": "tmpfs", "user.uid": "1"},
		attempt{script: "/bin/unshare -U -r -m /bin/mount -t tmpfs none /mnt", uid: 1}, in("/bin/mount -t tmpfs none /mnt")},
	{"Disk or kernel file system mounted in a container", want{"evt.arg.type": "devtmpfs", "evt.arg.dir": "/mnt"},
		in("/bin/mount -t devtmpfs none /mnt; /bin/umount /mnt"), in("/bin/mount -t tmpfs none /mnt; /bin/umount /mnt")},
	{"Device node of a disk made in a container", want{"evt.arg.path": "/tmp/disk"},
		in("/bin/mknod /tmp/disk b 8 0"), in("/bin/mknod /tmp/null c 1 3")},
	{"Disk or memory of the host opened in a container", want{"fd.name": "/dev/sdq"}, in(": > /dev/sdq"), in(": > /dev/sq")},
	{"Process traced or written to in a container", want{"evt.arg.request": "PTRACE_ATTACH"}, in("ACT ptrace"), in("ACT traceme")},
	{"Kernel module loaded from a container", want{"proc.name": "act"}, in("ACT init-module"), in("IN/modprobe act init-module")},
	{"Program for the kernel loaded from a container", want{"proc.name": "act"}, in("ACT bpf-program"), in("ACT bpf 5")},
	{"Page faults handled by a user", want{"user.uid": "1"}, onHost("ACT spawn-as 1 $DIR/act act userfaultfd"), onHost("ACT userfaultfd")},
	{"Shell bound to a network connection", want{"evt.rawres": "0", "proc.name": "bash"},
		in("IN/bash act dup " + public + ":3001 0"), in("IN/bash act dup " + public + ":3002 7")},
	{"Shell bound to a network connection", want{"evt.rawres": "1", "proc.name": "python3"},
		in("IN/python3 act dup " + public + ":3003 1"), in("IN/java act dup " + public + ":3004 1")},
	{"Socket of a container runtime used by a tool", want{"proc.name": "wget", "fd.name": "*"},
		in("IN/wget act unix $DIR/docker.sock"), in("IN/java act unix $DIR/docker.sock")},
	{"Metadata service asked by a tool in a container", want{"proc.name": "wget"},
		in("IN/wget act udp " + metadata + ":80"), in("IN/wget act udp " + metadataNear + ":80")},
	{"Trace of a login removed", want{"fs.path.name": "/root/.bash_history"},
		in("/bin/rm /root/.bash_history"), in("/bin/rm /root/.bash_histori")},
	{"Set-user-ID bit set in a container", want{"proc.name": "chmod"},
		in(": > /tmp/s; /bin/chmod 4755 /tmp/s"), in(": > /tmp/s2; /bin/chmod 755 /tmp/s2")},
}
