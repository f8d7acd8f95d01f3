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
	{"Program run that is not part of the image", want{"proc.exepath": "/root/payload"},
		in("/bin/cp /bin/busybox /root/payload; /root/payload true"), in("/bin/cp /bin/busybox /root/payload; /bin/busybox true")},
	{"Command line of a miner", want{"proc.name": "xmrigx"},
		in("/bin/xmrigx -o stratum+tcp://192.0.2.7:80"), in("/bin/xmrigx -o tcp://192.0.2.7:80")},
	{"Key or cloud credential read by a tool in a container", want{"fd.name": "/root/.ssh/id_rsa"},
		in("/bin/cat /root/.ssh/id_rsa"), in(": > /root/.ssh/id_rsa.pub; /bin/cat /root/.ssh/id_rsa.pub")},
	{"Namespaces of another process entered from a container", want{"evt.arg.nstype": "CLONE_NEWUTS", "proc.name": "act"},
		in("ACT setns uts"), in("ACT setns net")},
	{"User namespace made in a container", want{"evt.arg.flags": "CLONE_NEWUSER", "proc.name": "unshare"},
		in("/bin/unshare -U /bin/true"), in("/bin/unshare -u /bin/true")},
	{"File system mounted by a user other than root", want{"evt.arg.type": "tmpfs", "user.uid": "1"},
		attempt{script: "/bin/unshare -U -r -m /bin/mount -t tmpfs none /mnt", uid: 1}, in("/bin/mount -t tmpfs none /mnt")},
	{"Disk or kernel file system mounted in a container", want{"evt.arg.type": "devtmpfs", "evt.arg.dir": "/mnt"},
		in("/bin/mount -t devtmpfs none /mnt; /bin/umount /mnt"), in("/bin/mount -t tmpfs none /mnt; /bin/umount /mnt")},
	{"Disk or kernel file system mounted in a container", want{"evt.arg.dev": "/proc/1/root"},
		in("/bin/mount -o bind /proc/1/root /mnt; /bin/umount /mnt"), in("/bin/mount -o bind /tmp /mnt; /bin/umount /mnt")},
	{"Disk or kernel file system mounted in a container", want{"evt.arg.type": "devtmpfs"},
		in("/bin/mount -t devtmpfs none /mnt; /bin/umount /mnt"), in("/bin/mount -o bind /dev/null /tmp; /bin/umount /tmp")},
	{"Device node of a disk made in a container", want{"evt.arg.path": "/tmp/disk"},
		in("/bin/mknod /tmp/disk b 8 0"), in("/bin/mknod /tmp/null c 1 3")},
	{"Disk or memory of the host opened in a container", want{"fd.name": "/dev/sdq"}, in(": > /dev/sdq"), in(": > /dev/sq")},
	{"Process traced or written to in a container", want{"evt.arg.request": "PTRACE_ATTACH"}, in("ACT ptrace"), in("ACT traceme")},
	{"Kernel module loaded from a container", want{"proc.name": "act"}, in("ACT init-module"), in("IN/modprobe act init-module")},
	{"Program for the kernel loaded from a container", want{"proc.name": "act"}, in("ACT bpf-program"), in("ACT bpf 5")},
	{"Page faults handled by a user", want{"user.uid": "1"}, onHost("ACT spawn-as 1 $DIR/act act userfaultfd"), onHost("ACT userfaultfd")},
	{"Start-up file of the host written from a container", want{"fd.name.source": "/etc/profile.d/saker-trial.sh"},
		in(": > /host/etc/profile.d/saker-trial.sh; /bin/rm /host/etc/profile.d/saker-trial.sh"),
		in("/bin/mkdir -p /etc/profile.d; : > /etc/profile.d/saker-trial.sh")},
	{"Runtime's program overwritten from a container", want{"fd.nameraw": "/proc/self/exe", "evt.res": "ETXTBSY"},
		in(": >> /proc/self/exe"), in("/bin/cat /proc/self/exe")},
	{"Runtime's program overwritten from a container", want{"evt.res": "SUCCESS", "proc.name": "act"},
		in("ACT create $DIR/runc 644; ACT overwrite $DIR/runc"), in("ACT create $DIR/crun 644")},
	{"Root of another process opened in a container", want{"fd.nameraw": "/proc/1/root/etc/passwd"},
		in("/bin/cat /proc/1/root/etc/passwd"), in("/bin/cat /proc/self/root/etc/passwd")},
	{"Root of the host entered in a container", want{"evt.arg.path": "/host"},
		in("/bin/chroot /host /bin/true"), in("/bin/chroot /mnt /bin/true")},
	{"File system attached in a container", want{"proc.name": "act"}, in("ACT attach $DIR"), in("ACT clone-tree $DIR")},
	{"Kernel key read in a container", want{"evt.arg.operation": "KEYCTL_READ"}, in("ACT key read"), in("ACT key describe")},
	{"Performance counters opened in a container", want{"proc.name": "act"}, in("ACT perf 1"), in("ACT perf 99")},
	{"Connection to a port of mining pools", want{"proc.name": "act"},
		in("ACT talk " + public + ":3333 " + public + ":3333"), in("ACT talk " + public + ":3335 " + public + ":3335")},
	{"Shell bound to a network connection", want{"evt.rawres": "0", "proc.name": "bash"},
		in("IN/bash act dup " + public + ":3001 0"), in("IN/bash act dup " + public + ":3002 7")},
	{"Shell bound to a network connection", want{"evt.rawres": "1", "proc.name": "python3"},
		in("IN/python3 act dup " + public + ":3003 1"), in("IN/java act dup " + public + ":3004 1")},
	{"Shell bound to a network connection", want{"evt.rawres": "0", "proc.name": "bash"},
		in("IN/bash act dup-free " + public + ":3005"), in("IN/java act dup-free " + public + ":3006")},
	{"Write to a schedule", want{"fs.path.target": "/etc/cron.d/trial"},
		in("/bin/mkdir -p /etc/cron.d; : > /tmp/trial; /bin/mv /tmp/trial /etc/cron.d/trial"),
		in(": > /tmp/trial; /bin/mv /tmp/trial /mnt/trial")},
	{"Write to the preload list", want{"fs.path.target": "/etc/ld.so.preload"},
		in(": > /tmp/preload; /bin/mv /tmp/preload /etc/ld.so.preload; /bin/rm /etc/ld.so.preload"),
		in(": > /tmp/preload; /bin/mv /tmp/preload /etc/ld.so.preloaded")},
	{"Write to the authorized keys", want{"fs.path.target": "/root/.ssh/authorized_keys"},
		in(": > /tmp/keys; /bin/mv /tmp/keys /root/.ssh/authorized_keys"), in(": > /tmp/keys; /bin/mv /tmp/keys /root/.ssh/keys")},
	{"Socket of a container runtime used by a tool", want{"proc.name": "wget", "fd.name": "*"},
		in("IN/wget act unix $DIR/docker.sock"), in("IN/java act unix $DIR/docker.sock")},
	{"Metadata service asked by a tool in a container", want{"proc.name": "wget"},
		in("IN/wget act udp " + metadata + ":80"), in("IN/wget act udp " + metadataNear + ":80")},
	{"Trace of a login removed", want{"fs.path.name": "/root/.bash_history"},
		in("/bin/rm /root/.bash_history"), in("/bin/rm /root/.bash_histori")},
	{"Trace of a login emptied", want{"fd.name": "/root/.zsh_history"}, in(": > /root/.zsh_history"), in(": >> /root/.zsh_history")},
	{"Trace of a login emptied", want{"fs.path.source": "/root/.ash_history", "evt.type": "symlink*"},
		in("/bin/ln -s /dev/null /root/.ash_history"), in("/bin/ln -s /dev/null /root/.null")},
	{"Set-user-ID bit set in a container", want{"proc.name": "chmod"},
		in(": > /tmp/s; /bin/chmod 4755 /tmp/s"), in(": > /tmp/s2; /bin/chmod 755 /tmp/s2")},
}
