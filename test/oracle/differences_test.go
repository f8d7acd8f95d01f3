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
	tmpfile    = "Falco takes O_DIRECTORY, which is a part of O_TMPFILE, for all of it"
	unnamedOf  = "what O_TMPFILE opens is a regular file; Falco shows the directory that holds it"
	failedExec = "a failed exec belongs to the caller's image; Falco shows the arguments that it was given"
	execveat   = "a successful execveat is one; Falco calls it execve"
	cwd        = "the sensor has the working directory in evt.args, too"
	noArgument = "an argument that is alone and empty counts as none, in evt.args as in proc.args"
	failedRing = "a ring that the kernel refuses to make is no event"
	features   = "names of all features that Linux 6.18 has; Falco's build lacks some, ENTER_EXT_ARG among them"
	buflen     = "Falco takes the result, a descriptor, for a length"
)

var differences = []difference{
	{"*", "user.name", `"<NA>"`, "*", noAccounts},
	{"*", "user.uid", "4294967295", "0", noAccounts},
	{"*", "group.gid", "4294967295", "0", noAccounts},
	{"execve execveat", "arg.uid", "0(<NA>)", "0(root)", noAccounts},
	{"execve execveat", "arg.gid", "0(<NA>)", "0(root)", noAccounts},

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
	{"execve execveat", "arg.cwd", "<NA>", "/tmp/ow/", cwd},
	{"execve", "arg.args", ".", "<NA>", noArgument},
	{"execve", "arg.filename", "/dev/fd/21/true", "", execveat},
	{"execve", "evt.type", `"execve"`, `"execveat"`, execveat},
	{"execve", "syscall.type", `"execve"`, `"execveat"`, execveat},

	{"io_uring_setup", "events", "2", "1", failedRing},
	{"io_uring_setup", "arg.features", "*", "*IORING_FEAT_ENTER_EXT_ARG*", features},
	{"io_uring_setup", "evt.buflen", "26", "", buflen},
}
