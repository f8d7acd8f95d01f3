package oracle

import (
	"path"
	"strings"
)

// difference is a row: where the sensor says something else than Falco, on purpose or by circumstance. Texts are patterns of
// path.Match without its slashes; an empty one stands for a field without a value, "*" for anything.
type difference struct {
	// types and field say where; several types are joined by a blank. The field of a parameter is arg.NAME; events is the number of
	// a type's events.
	types, field  string
	falco, sensor string
	// why: the rows of docs/rules.md (Where Saker differs) say the same to who writes rules.
	why string
}

func (d *difference) fits(typ, field, falco, sensor string) bool {
	return (d.types == "*" || matchAny(d.types, typ)) && matches(d.field, field) && matches(d.falco, falco) && matches(d.sensor, sensor)
}

func matchAny(patterns, s string) bool {
	for p := range strings.FieldsSeq(patterns) {
		if matches(p, s) {
			return true
		}
	}
	return false
}

// matches tells whether a text fits a pattern. Slashes are no borders here.
func matches(pattern, s string) bool {
	if pattern == "*" {
		return true
	}
	flat := strings.NewReplacer("/", "\x01", "[", "(", "]", ")")
	ok, err := path.Match(flat.Replace(pattern), flat.Replace(s))
	return err == nil && ok
}

const (
	noAccounts = "Falco ran where no user and group is known, and forgot the ids of some processes"
	unnamed    = "the sensor knows the absolute name of what failed to open; Falco does not"
	nothing    = "Falco has a text where there is no name"
	asGiven    = "fd.nameraw is what the caller gave, in all calls; Falco makes it absolute in failed calls of open and creat"
	kernelKind = "the sensor asks the kernel what a file is; Falco takes O_DIRECTORY for a directory and all else for a file"
	remembered = "the kernel's own file or socket as it is closed; Falco shows what it remembers of the calls before"
	tmpfile    = "Falco takes O_DIRECTORY, which is a part of O_TMPFILE, for all of it"
	unnamedOf  = "what O_TMPFILE opens is a regular file; Falco shows the directory that holds it"
	failedExec = "a failed exec belongs to the caller's image; Falco shows the arguments that it was given"
	execveat   = "a successful execveat is one; Falco calls it execve"
	cwd        = "the sensor has the working directory in evt.args, too"
	noArgument = "an argument that is alone and empty counts as none, in evt.args as in proc.args"
	failedRing = "a ring that the kernel refuses to make is no event"
	features   = "names of all features that Linux 6.18 has; Falco's build lacks some, ENTER_EXT_ARG among them"
	buflen     = "no data of the caller is read or written; Falco takes the result for a length"
	machine    = "another machine, another run"
	kernelPath = "the name of what a descriptor leads to is the kernel's; Falco remembers the text of the open"
	protocol   = "the kernel knows a socket's protocol from its begin on"
	loopback   = "of a connection within a machine Falco can't tell the two ends apart"
	ownEnd     = "the kernel knows the local end of each socket"
	serving    = "who listens, or took a connection, is the server, also within a machine"
	autobind   = "listening binds a socket to a port; Falco knows of those that bind gives"
	anyAddress = "a datagram socket that no address was given to has none"
	addressed  = "each datagram to or from an address names a socket that is not connected; Falco compares with the one before"
	connecting = "connecting names a socket"
	refused    = "when the call returns, the connection was refused already, and the port is free again"
	failedNew  = "a call that fails makes no descriptor"
	failedKind = "Falco has the kind and the name NULL for what failed to be made"
	pidfdName  = "Falco makes up a path for the descriptor of a process"
	nameless   = "the file of a namespace has no path of its own"
	anyKernel  = "the kernel knows what each descriptor leads to; Falco forgets kinds that it has no word for"
	bothEnds   = "the kernel knows that the two sockets of a pair are connected"
	perMessage = "the result is what the call returned, the number of messages; Falco makes an event of each message, with its length"
	anyResult  = "each call has a result; Falco knows none of calls without parameters"
	pidResult  = "an error has its name"
	garbage    = "Falco shows memory that is no data of the call"
	limitThen  = "the limit is that of the last exec"
	fchdir     = "Falco does not follow fchdir"
	lostFlag   = "Falco loses the flag"
	otherTable = "the number is of another process's table"
	noKind     = "the kinds of the descriptors that poll is asked about are not captured"
	noPath     = "no path was given"
	onDup      = "the event is about the descriptor that fcntl was called on"
)

var differences = []difference{
	{"*", "user.name", `"<NA>"`, "*", noAccounts},
	{"*", "user.uid", "4294967295", "0", noAccounts},
	{"*", "group.gid", "4294967295", "0", noAccounts},
	{"*", "arg.*uid", "*(<NA>)", "*(*)", noAccounts},
	{"*", "arg.*gid", "*(<NA>)", "*(*)", noAccounts},

	{"openat openat2", "fs.path.name", `"<UNKNOWN>"`, `"*"`, unnamed},
	{"openat", "fd.name", `"<UNKNOWN>b"`, `"b"`, nothing},
	{"openat", "arg.name", "b(b)", "b", nothing},
	{"open_by_handle_at", "fd.directory", `"/"`, "", nothing},
	{"open_by_handle_at", "fd.name*", `"<NA>"`, "", nothing},
	{"open creat", "fd.nameraw", `"/tmp/ow/nosuch/file"`, `"nosuch/file"`, asGiven},

	{"open", "arg.fd", "21(<f>/bin)", "21(<d>/bin)", kernelKind},
	{"open", "fd.directory", `"/"`, `"/bin"`, kernelKind},
	{"open", "fd.filename", `"bin"`, "", kernelKind},
	{"open", "fd.type", `"file"`, `"directory"`, kernelKind},
	{"open", "fd.typechar", `"f"`, `"d"`, kernelKind},
	{"openat", "arg.flags", "9217(*|O_TMPFILE)", "1025(O_DIRECTORY|O_RDONLY)", tmpfile},
	{"openat", "arg.mode", "07700", "0", tmpfile},
	{"openat", "evt.is_open_create", "true", "false", tmpfile},
	{"openat", "evt.is_open_exec", "true", "false", tmpfile},
	{"openat", "arg.fd", "4(<d>/tmp/ow)", "4(<f>/tmp/ow)", unnamedOf},
	{"openat", "fd.type", `"directory"`, `"file"`, unnamedOf},
	{"openat", "fd.typechar", `"d"`, `"f"`, unnamedOf},

	{"execve execveat", "arg.exe", "*", "/tmp/oraclecalls", failedExec},
	{"execve execveat", "arg.args", "*", "/tmp/ow.", failedExec},
	{"execve execveat clone clone3 vfork", "arg.cwd", "<NA>", "/tmp/ow/", cwd},
	{"execve", "arg.args", ".", "<NA>", noArgument},
	{"execve", "arg.filename", "/dev/fd/21/true", "", execveat},
	{"execve", "evt.type", `"execve"`, `"execveat"`, execveat},
	{"execve", "syscall.type", `"execve"`, `"execveat"`, execveat},

	{"io_uring_setup", "events", "2", "1", failedRing},
	{"io_uring_setup", "arg.features", "*", "*IORING_FEAT_ENTER_EXT_ARG*", features},
	{"io_uring_setup dup dup2 dup3 fcntl close sendfile", "evt.buflen", "*", "", buflen},

	{"brk mmap munmap mprotect mlock mlock2 munlock", "arg.addr", "*", "*", machine},
	{"mmap munmap", "arg.length", "43531", "*", machine},
	{"fcntl", "arg.arg", "434EA9", "*", machine},
	{"ioctl", "arg.argument", "*", "*", machine},
	{"prctl", "arg.arg2_int", "4411049", "*", machine},
	{"init_module", "arg.img", "*", "*", machine},
	{"keyctl", "evt.rawres", "*", "*", machine},
	{"keyctl", "arg.res", "*", "*", machine},
	{"semget", "evt.rawres", "6", "*", machine},
	{"semget", "arg.res", "6", "*", machine},
	{"getcwd", "evt.rawres", "8", "*", machine},
	{"getcwd", "arg.res", "8", "*", machine},

	{"close", "arg.fd", "*", "*", remembered},
	{"close", "fd.*", "*", "*", remembered},
	{"close", "evt.category", "*", "*", remembered},

	{"*", "fd.nameraw", `"*"`, `"/*"`, kernelPath},
	{"*", "fd.name", `"/lib/*"`, `"/usr/lib/*"`, kernelPath},
	{"*", "fd.directory", `"/lib/*"`, `"/usr/lib/*"`, kernelPath},
	{"*", "arg.*fd", "8(<f>/lib/*)", "8(<f>/usr/lib/*)", kernelPath},
	{"setns", "fd.*", "*", "", nameless},
	{"setns", "fd.nameraw", "*", `""`, nameless},
	{"setns", "arg.fd", "23(<f>/proc/self/ns/uts)", "23(<f>)", nameless},
	{"pidfd_open", "fd.name", "*", `""`, pidfdName},
	{"pidfd_open", "fd.name_changed", "true", "false", pidfdName},
	{"pidfd_open pidfd_getfd", "arg.*fd", "21(<P>/proc/*)", "21(<P>)", pidfdName},
	{"pidfd_getfd", "arg.target_fd", "0(<f>/dev/null)", "0", otherTable},
	{"fsconfig", "fd.*", "", "*", anyKernel},
	{"fsconfig", "fd.directory", `"/"`, "", anyKernel},
	{"fsconfig", "arg.fd", "24", "24(<o>)", anyKernel},

	{"*", "fd.l4proto", `"<NA>"`, `"tcp"`, protocol},
	{"*", "fd.l4proto", `"<NA>"`, `"udp"`, protocol},
	{"*", "arg.fd", "?(<4>)", "?(<4?>)", protocol},
	{"*", "arg.fd", "?(<6>)", "?(<6t>)", protocol},
	{"*", "fd.lport", "34567", "PORT", loopback},
	{"*", "fd.rport", "PORT", "34567", loopback},
	{"bind listen", "fd.lport", "", "*", ownEnd},
	{"bind listen", "fd.lip", "", "*", ownEnd},
	{"*", "fd.is_server", "false", "true", serving},
	{"listen", "fd.s*", "", "*", autobind},
	{"listen", "fd.name", `""`, `":::*"`, autobind},
	{"listen", "arg.fd", "3(<6>)", "3(<6t>:::*)", autobind},
	{"sendto sendmsg sendmmsg", "fd.?ip", `"127.0.0.1"`, `"0.0.0.0"`, anyAddress},
	{"sendto sendmsg sendmmsg", "fd.name", `"127.0.0.1:PORT->127.0.0.1:34567"`, `"0.0.0.0:PORT->127.0.0.1:34567"`, anyAddress},
	{"sendto sendmsg sendmmsg", "arg.fd", "3(<4u>127.0.0.1:PORT->*)", "3(<4u>0.0.0.0:PORT->*)", anyAddress},
	{"sendmsg sendmmsg recvmsg recvmmsg", "fd.name_changed", "false", "true", addressed},
	{"recvfrom", "fd.connected", "false", "true", addressed},
	{"connect", "fd.name_changed", "false", "true", connecting},
	{"connect", "fd.lport", "1", "", refused},
	{"connect", "fd.rport", "PORT", "1", refused},
	{"connect", "fd.cport", "PORT", "", refused},
	{"connect", "fd.?ip", `"127.0.0.1"`, "", refused},
	{"connect", "fd.name", `"127.0.0.1:PORT->127.0.0.1:1"`, `"127.0.0.1:0->127.0.0.1:1"`, refused},
	{"connect", "arg.*", "*127.0.0.1:PORT->127.0.0.1:1*", "*127.0.0.1:0->127.0.0.1:1*", refused},
	{"accept accept4", "fd.name*", `"NULL"`, `""`, failedKind},
	{"accept accept4 socket", "fd.typechar", `"4"`, `"o"`, failedKind},
	{"socketpair", "fd.name", `""`, `"ADDRESS->ADDRESS"`, bothEnds},
	{"socketpair", "fd.connected", "false", "true", bothEnds},
	{"socketpair", "arg.fd?", "?(<u>)", "?(<u>ADDRESS->ADDRESS)", bothEnds},
	{"sendmmsg recvmmsg", "evt.rawres", "5", "1", perMessage},
	{"sendmmsg recvmmsg", "evt.buflen", "5", "1", perMessage},
	{"sendmmsg recvmmsg", "arg.res", "5", "1", perMessage},

	{"memfd_create dup dup2 dup3", "fd.num", "*", "-1", failedNew},
	{"memfd_create", "fd.*", "*", "", failedNew},
	{"memfd_create", "fd.directory", "", `"/"`, failedNew},
	{"memfd_create", "fd.typechar", `"?"`, `"o"`, failedNew},
	{"fcntl", "fd.num", "80", "4", onDup},
	{"getpeername getsockname", "evt.*", "", "*", anyResult},
	{"setsid", "evt.res", `"-1"`, `"EPERM"`, pidResult},
	{"ptrace read recvfrom", "evt.buffer", "*", "", garbage},
	{"clone", "arg.fdlimit", "1024", "20000", limitThen},
	{"chdir", "proc.cwd", `"/tmp/"`, `"/tmp/ow/"`, fchdir},
	{"fchownat", "arg.flags", "0", "1024(AT_SYMLINK_NOFOLLOW)", lostFlag},
	{"poll", "arg.fds", "0:f1", "0:?1", noKind},
	{"quotactl", "fs.path.name*", "*<NA>*", "", noPath},
	{"symlinkat", "arg.linkpath", "s3(s3)", "s3", nothing},
}
