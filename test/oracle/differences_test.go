package oracle

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// difference is a row: where the sensor says something else than Falco, on purpose or by circumstance. Values are patterns of path.Match
// without its slashes; an empty one stands for a field without a value, NUMBER for a number above 0, in decimal or hexadecimal.
type difference struct {
	// types and fields say where, joined by blanks; each of them must be needed. The field of a parameter is arg.NAME; events is
	// the number of a type's events.
	types, fields string
	falco, sensor string
	// why: the rows of docs/rules.md (Where Saker differs) say the same to who writes rules.
	why string
}

func (d *difference) fits(typ, field, falco, sensor string) bool {
	return hasWord(d.types, typ) && hasWord(d.fields, field) && matches(d.falco, falco) && matches(d.sensor, sensor)
}

func hasWord(words, s string) bool { return slices.Contains(strings.Fields(words), s) }

var (
	number = regexp.MustCompile(`^[1-9A-F][0-9A-F]*$`)
	flat   = strings.NewReplacer("/", "\x01", "[", "(", "]", ")")
)

// matches tells whether a text fits a pattern. Slashes are no borders here.
func matches(pattern, s string) bool {
	if pattern == "NUMBER" {
		return number.MatchString(s)
	}
	ok, err := path.Match(flat.Replace(pattern), flat.Replace(s))
	return err == nil && ok
}

const (
	noAccounts  = "Falco ran where no user and group is known, and forgot the ids of some processes"
	unnamed     = "the sensor knows the absolute name of what failed to open; Falco does not"
	nothing     = "Falco has a text where there is no name"
	asGiven     = "fd.nameraw is what the caller gave, in all calls; Falco makes it absolute in failed calls of open and creat"
	kernelKind  = "the sensor asks the kernel what a file is; Falco takes O_DIRECTORY for a directory and all else for a file"
	unconnected = "a socket that only received is not connected; Falco shows who sent last"
	tmpfile     = "Falco takes O_DIRECTORY, which is a part of O_TMPFILE, for all of it"
	unnamedOf   = "what O_TMPFILE opens is a regular file; Falco shows the directory that holds it"
	failedExec  = "a failed exec belongs to the caller's image; Falco shows the arguments that it was given"
	execveat    = "a successful execveat is one; Falco calls it execve"
	cwd         = "the sensor has the working directory in evt.args, too"
	noArgument  = "an argument that is alone and empty counts as none, in evt.args as in proc.args"
	failedRing  = "a ring that the kernel refuses to make is no event"
	features    = "names of all features that Linux 6.18 has; Falco's build lacks some, ENTER_EXT_ARG among them"
	buflen      = "no data of the caller is read or written; Falco takes the result for a length"
	machine     = "another machine, another run"
	kernelPath  = "the name of what a descriptor leads to is the kernel's; Falco remembers the text of the open"
	protocol    = "the kernel knows a socket's protocol from its begin on"
	loopback    = "of a connection within a machine Falco can't tell the two ends apart"
	ownEnd      = "the kernel knows the local end of each socket"
	serving     = "who listens, or took a connection, is the server, also within a machine"
	autobind    = "listening binds a socket to a port; Falco knows of those that bind gives"
	anyAddress  = "a datagram socket that no address was given to has none"
	addressed   = "each datagram to or from an address names a socket that is not connected; Falco compares with the one before"
	connecting  = "connecting names a socket"
	failedNew   = "a call that fails makes no descriptor"
	failedKind  = "Falco has the kind and the name NULL for what failed to be made"
	pidfdName   = "Falco makes up a path for the descriptor of a process; the name is what /proc/PID/fd shows"
	nameless    = "the file of a namespace has no path of its own, but the name that /proc/PID/fd shows"
	anyKernel   = "the kernel knows what each descriptor leads to; Falco forgets kinds that it has no word for"
	bothEnds    = "the kernel knows that the two sockets of a pair are connected"
	perMessage  = "the result is what the call returned, the number of messages; Falco makes an event of each message, with its length"
	anyResult   = "each call has a result; Falco knows none of calls without parameters"
	pidResult   = "an error has its name"
	garbage     = "Falco shows memory that is no data of the call"
	limitThen   = "the limit is that of the last exec"
	lostFlag    = "Falco loses the flag"
	otherTable  = "the number is of another process's table"
	noPath      = "no path was given"
	namesToo    = "these calls name a file as the others do"
	onDup       = "the event is about the descriptor that fcntl was called on"
)

// Calls on a descriptor of a file that was opened as "a", of a folder that was opened as ".", and of the C library.
const (
	onFile = "close copy_file_range dup dup2 dup3 fchmod fchown fcntl flock fstat ioctl lseek mmap pread preadv pwrite pwritev " +
		"read readv sendfile splice write writev"
	onFolder  = "close fchdir fchmodat fchownat mkdirat mknodat newfstatat symlinkat unlinkat"
	onLibrary = "close mmap newfstatat pread read"
)

var differences = []difference{
	{"clone open openat procexit setresuid setreuid setregid", "user.name", `"<NA>"`, `"?*"`, noAccounts},
	{"kill setgid setuid", "user.name", `"<NA>"`, `"man"`, noAccounts},
	{"clone openat procexit setresuid setreuid setregid", "user.uid", "4294967295", "0", noAccounts},
	{"clone openat procexit setregid", "group.gid", "4294967295", "0", noAccounts},
	{"execve execveat getuid setuid", "arg.uid", "0(<NA>)", "0(root)", noAccounts},
	{"getresuid setresuid", "arg.ruid arg.euid arg.suid", "0(<NA>)", "0(root)", noAccounts},
	{"geteuid", "arg.euid", "0(<NA>)", "0(root)", noAccounts},
	{"setuid", "arg.uid", "6(<NA>)", "6(man)", noAccounts},
	{"setresuid", "arg.ruid arg.euid arg.suid", "6(<NA>)", "6(man)", noAccounts},
	{"execve execveat getgid setgid", "arg.gid", "0(<NA>)", "0(root)", noAccounts},
	{"getresgid", "arg.rgid arg.egid arg.sgid", "0(<NA>)", "0(root)", noAccounts},
	{"getegid", "arg.egid", "0(<NA>)", "0(root)", noAccounts},
	{"setgid", "arg.gid", "5(<NA>)", "5(tty)", noAccounts},
	{"setresgid", "arg.rgid arg.egid arg.sgid", "5(<NA>)", "5(tty)", noAccounts},

	{"openat openat2", "fs.path.name", `"<UNKNOWN>"`, `"/tmp/ow/*"`, unnamed},
	{"openat", "fs.path.name", `"<UNKNOWN>"`, `"b"`, unnamed},
	{"openat", "fd.name", `"<UNKNOWN>b"`, `"b"`, nothing},
	{"openat", "arg.name", "b(b)", "b", nothing},
	{"open_by_handle_at", "fd.directory", `"/"`, "", nothing},
	{"open_by_handle_at", "fd.name fd.nameraw", `"<NA>"`, "", nothing},
	{"open creat", "fd.nameraw", `"/tmp/ow/nosuch/file"`, `"nosuch/file"`, asGiven},

	{"open", "arg.fd", "21(<f>/bin)", "21(<d>/bin)", kernelKind},
	{"open", "fd.directory", `"/"`, `"/bin"`, kernelKind},
	{"open", "fd.filename", `"bin"`, "", kernelKind},
	{"open", "fd.type", `"file"`, `"directory"`, kernelKind},
	{"open", "fd.typechar", `"f"`, `"d"`, kernelKind},
	{"openat", "arg.flags", "9217(O_DIRECTORY|O_RDONLY|O_TMPFILE)", "1025(O_DIRECTORY|O_RDONLY)", tmpfile},
	{"openat", "arg.mode", "07700", "0", tmpfile},
	{"openat", "evt.is_open_create evt.is_open_exec", "true", "false", tmpfile},
	{"openat", "arg.fd", "4(<d>/tmp/ow)", "4(<f>/tmp/ow)", unnamedOf},
	{"openat close", "fd.type", `"directory"`, `"file"`, unnamedOf},
	{"openat close", "fd.typechar", `"d"`, `"f"`, unnamedOf},
	{"close", "arg.fd", "4(<d>/tmp/ow)", "4(<f>/tmp/ow/#*)", unnamedOf},
	{"close", "fd.name fd.directory", `"/tmp/ow"`, `"/tmp/ow/#*"`, unnamedOf},
	{"close", "fd.nameraw", `"."`, `"/tmp/ow/#*"`, unnamedOf},

	{"execve", "arg.exe", "true", "/tmp/oraclecalls", failedExec},
	{"execve", "arg.args", "one.two words.", "/tmp/ow.", failedExec},
	{"execveat", "arg.exe", "echo", "/tmp/oraclecalls", failedExec},
	{"execveat", "arg.args", "NULL", "/tmp/ow.", failedExec},
	{"execve execveat clone clone3 vfork", "arg.cwd", "<NA>", "/tmp/ow/", cwd},
	{"execve", "arg.args", ".", "<NA>", noArgument},
	{"execve", "arg.filename", "/dev/fd/21/true", "", execveat},
	{"execve", "evt.type syscall.type", `"execve"`, `"execveat"`, execveat},

	{"io_uring_setup", "events", "2", "1", failedRing},
	{"io_uring_setup", "arg.features", "1791(IORING_FEAT_*)", "*|IORING_FEAT_ENTER_EXT_ARG*", features},
	{"close sendfile fcntl", "evt.buflen", "0", "", buflen},
	{"io_uring_setup", "evt.buflen", "26", "", buflen},
	{"dup", "evt.buflen", "5", "", buflen},
	{"dup2", "evt.buflen", "70", "", buflen},
	{"dup3", "evt.buflen", "71", "", buflen},
	{"fcntl", "evt.buflen", "80", "", buflen},
	{"fcntl", "evt.buflen", "32770", "", buflen},

	{"brk mmap munmap mprotect mlock mlock2 munlock", "arg.addr", "NUMBER", "NUMBER", machine},
	{"mmap munmap", "arg.length", "43531", "NUMBER", machine},
	{"fcntl", "arg.arg", "434EA9", "NUMBER", machine},
	{"ioctl", "arg.argument", "7FFDA4AF5660", "NUMBER", machine},
	{"prctl", "arg.arg2_int", "4411049", "NUMBER", machine},
	{"init_module", "arg.img", ".PQ).C..", "?*", machine},
	{"keyctl", "evt.rawres arg.res", "672880195", "NUMBER", machine},
	{"semget", "evt.rawres arg.res", "6", "NUMBER", machine},
	{"getcwd", "evt.rawres arg.res", "8", "NUMBER", machine},
	{"close", "arg.fd", "?(<f>/tmp/*/std*)", "?(<f>/tmp/std*)", machine},
	{"close", "fd.name", `"/tmp/*/std*"`, `"/tmp/std*"`, machine},
	{"close", "fd.directory", `"/tmp/*"`, `"/tmp"`, machine},

	{onFile, "fd.nameraw", `"a"`, `"/tmp/ow/a"`, kernelPath},
	{"close", "fd.nameraw", `"b"`, `"/tmp/ow/b"`, kernelPath},
	{"close", "fd.nameraw", `"c"`, `"/tmp/ow/c"`, kernelPath},
	{"close", "fd.nameraw", `"d"`, `"/tmp/ow/d"`, kernelPath},
	{"close", "fd.nameraw", `""`, `"/tmp/std*"`, kernelPath},
	{onFolder, "fd.nameraw", `"."`, `"/tmp/ow"`, kernelPath},
	{"pidfd_getfd", "fd.nameraw", `""`, `"/dev/null"`, kernelPath},
	{onLibrary, "fd.name fd.nameraw fd.directory", `"/lib/*"`, `"/usr/lib/*"`, kernelPath},
	{"close mmap pread read", "arg.fd", "8(<f>/lib/*)", "8(<f>/usr/lib/*)", kernelPath},
	{"newfstatat", "arg.dirfd", "8(<f>/lib/*)", "8(<f>/usr/lib/*)", kernelPath},
	{"setns", "fd.name", `"/proc/self/ns/uts"`, `"uts:(*)"`, nameless},
	{"setns", "fd.directory", `"/proc/self/ns"`, "", nameless},
	{"setns", "fd.filename", `"uts"`, "", nameless},
	{"setns", "fd.nameraw", `"/proc/self/ns/uts"`, `""`, nameless},
	{"setns", "arg.fd", "23(<f>/proc/self/ns/uts)", "23(<f>uts:(*))", nameless},
	{"pidfd_open", "fd.name", `"/proc/*"`, `"anon_inode:(pidfd)"`, pidfdName},
	{"pidfd_open", "fd.name_changed", "true", "false", pidfdName},
	{"pidfd_open", "arg.fd", "21(<P>/proc/*)", "21(<P>anon_inode:(pidfd))", pidfdName},
	{"pidfd_getfd", "arg.pid_fd", "21(<P>/proc/*)", "21(<P>anon_inode:(pidfd))", pidfdName},
	{"pidfd_getfd", "arg.target_fd", "0(<f>/dev/null)", "0", otherTable},
	{"fsconfig", "fd.connected fd.is_server fd.name_changed", "", "false", anyKernel},
	{"fsconfig", "fd.l4proto fd.type", "", `"<NA>"`, anyKernel},
	{"fsconfig", "fd.directory", `"/"`, "", anyKernel},
	{"fsconfig", "arg.fd", "24", "24(<o>)", anyKernel},

	{"bind close connect listen setsockopt socket", "fd.l4proto", `"<NA>"`, `"tcp"`, protocol},
	{"socket", "fd.l4proto", `"<NA>"`, `"udp"`, protocol},
	{"setsockopt socket", "arg.fd", "?(<4>)", "?(<4t>)", protocol},
	{"socket", "arg.fd", "?(<4>)", "?(<4u>)", protocol},
	{"bind close connect socket", "arg.fd", "?(<6>)", "?(<6t>)", protocol},
	{"close connect getsockopt read sendmmsg sendmsg sendto shutdown", "fd.lport", "34567", "PORT", loopback},
	{"close connect getsockopt read sendmmsg sendmsg sendto shutdown", "fd.rport", "PORT", "34567", loopback},
	{"bind close listen", "fd.lport", "", "34567", ownEnd},
	{"bind close listen", "fd.lip", "", `"127.0.0.1"`, ownEnd},
	{"accept accept4 close listen recvfrom recvmsg recvmmsg write", "fd.is_server", "false", "true", serving},
	{"close listen", "fd.lip fd.sip", "", `"::"`, autobind},
	{"close listen", "fd.lport fd.sport", "", "PORT", autobind},
	{"close listen", "fd.name", `""`, `":::*"`, autobind},
	{"close listen", "arg.fd", "3(<6>)", "3(<6t>:::*)", autobind},
	{"sendto sendmsg sendmmsg", "fd.cip fd.lip", `"127.0.0.1"`, `"0.0.0.0"`, anyAddress},
	{"sendto sendmsg sendmmsg", "fd.name", `"127.0.0.1:PORT->127.0.0.1:34567"`, `"0.0.0.0:PORT->127.0.0.1:34567"`, anyAddress},
	{"sendto sendmsg sendmmsg", "arg.fd", "3(<4u>127.0.0.1:PORT->127.0.0.1:34567)", "3(<4u>0.0.0.0:PORT->127.0.0.1:34567)", anyAddress},
	{"sendmsg sendmmsg recvmsg recvmmsg", "fd.name_changed", "false", "true", addressed},
	{"recvfrom", "fd.connected", "false", "true", addressed},
	{"close", "fd.connected", "true", "false", unconnected},
	{"close", "fd.rip fd.cip", `"127.0.0.1"`, "", unconnected},
	{"close", "fd.rport fd.cport", "PORT", "", unconnected},
	{"close", "fd.name", `"127.0.0.1:PORT->127.0.0.1:34567"`, `"127.0.0.1:34567"`, unconnected},
	{"close", "arg.fd", "4(<4u>127.0.0.1:PORT->127.0.0.1:34567)", "4(<4u>127.0.0.1:34567)", unconnected},
	{"connect", "fd.name_changed", "false", "true", connecting},
	{"connect close", "fd.lport", "1", "PORT", loopback},
	{"connect close", "fd.rport", "PORT", "1", loopback},
	{"accept accept4", "fd.name fd.nameraw", `"NULL"`, `""`, failedKind},
	{"accept accept4 socket", "fd.typechar", `"4"`, `"o"`, failedKind},
	{"socketpair", "fd.name", `""`, `"ADDRESS->ADDRESS"`, bothEnds},
	{"socketpair", "fd.connected", "false", "true", bothEnds},
	{"socketpair", "arg.fd1 arg.fd2", "?(<u>)", "?(<u>ADDRESS->ADDRESS)", bothEnds},
	{"sendmmsg recvmmsg", "evt.rawres evt.buflen arg.res", "5", "1", perMessage},

	{"dup dup2 dup3", "fd.num", "9999", "-1", failedNew},
	{"memfd_create", "fd.num", "-22", "-1", failedNew},
	{"memfd_create", "fd.connected fd.is_server fd.name_changed", "false", "", failedNew},
	{"memfd_create", "fd.l4proto fd.type", `"<NA>"`, "", failedNew},
	{"memfd_create", "fd.directory", "", `"/"`, failedNew},
	{"memfd_create", "fd.typechar", `"?"`, `"o"`, failedNew},
	{"fcntl", "fd.num", "80", "4", onDup},
	{"getpeername getsockname", "evt.failed", "", "false", anyResult},
	{"getpeername getsockname", "evt.rawres", "", "0", anyResult},
	{"getpeername getsockname", "evt.res", "", `"SUCCESS"`, anyResult},
	{"setsid", "evt.res", `"-1"`, `"EPERM"`, pidResult},
	{"ptrace", "evt.buffer", `"0.*"`, "", garbage},
	{"read", "evt.buffer", `"NULL.56"`, "", garbage},
	{"recvfrom", "evt.buffer", `"NUL"`, "", garbage},
	{"clone", "arg.fdlimit", "1024", "20000", limitThen},
	{"fchownat", "arg.flags", "0", "1024(AT_SYMLINK_NOFOLLOW)", lostFlag},
	{"mknod mknodat chroot", "fs.path.name", "", `"/*"`, namesToo},
	{"mknod mknodat chroot", "fs.path.nameraw", "", `"*"`, namesToo},
	{"quotactl", "fs.path.name", `"/tmp/ow/<NA>"`, "", noPath},
	{"quotactl", "fs.path.nameraw", `"<NA>"`, "", noPath},
	{"symlinkat", "arg.linkpath", "s3(s3)", "s3", nothing},
}
