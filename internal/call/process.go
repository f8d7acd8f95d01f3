package call

import "github.com/saker-sensor/saker/internal/value"

// forked are the parameters that all calls have which make a process. Most are what is known of the process that returns from the
// call: the parent, and then the child.
func forked(flags Param) []Param {
	of := func(name string, t value.Type, f value.Format) Param { return made(name, t, f, OfProcess) }
	return []Param{
		num("res", value.PID, value.Dec, result), of("exe", value.CharBuf, value.Plain), of("args", value.ByteBuf, value.Plain),
		of("tid", value.PID, value.Dec), of("pid", value.PID, value.Dec), of("ptid", value.PID, value.Dec), of("cwd", value.CharBuf, value.Plain),
		of("fdlimit", value.Int64, value.Dec), of("pgft_maj", value.Uint64, value.Dec), of("pgft_min", value.Uint64, value.Dec),
		memory("vm_size", 0), memory("vm_rss", 1), memory("vm_swap", 2), of("comm", value.CharBuf, value.Plain),
		of("cgroups", value.ByteBuf, value.Plain), flags, of("uid", value.Uint32, value.Dec), of("gid", value.Uint32, value.Dec),
		of("vtid", value.PID, value.Dec), of("vpid", value.PID, value.Dec), of("pidns_init_start_ts", value.Uint64, value.Dec),
	}
}

// Forks tells whether the call makes a process or a thread that is what its parent is, when the parent returns. The child of vfork has
// executed a program by then, or ended.
func (r *Row) Forks() bool {
	switch r.Name {
	case "clone", "clone3", "fork":
		return true
	}
	return false
}

// processRows are the calls about processes, signals and credentials.
func processRows() []Row {
	clone, limits := cloneNames(), resourceNames().orElse(0xff)
	sig := func(arg uint8) Param { return num("sig", value.SigType, value.Dec, arg) }
	uid := func(name string, arg uint8) Param { return num(name, value.UID, value.Dec, arg) }
	gid := func(name string, arg uint8) Param { return num(name, value.GID, value.Dec, arg) }
	uidAt := func(name string, arg uint8) Param { return at(name, value.UID, value.Dec, arg, 0, 4) }
	gidAt := func(name string, arg uint8) Param { return at(name, value.GID, value.Dec, arg, 0, 4) }
	resource := func(arg uint8) Param { return num("resource", value.EnumFlags8, value.Dec, arg).named(limits) }
	limit := func(name string, arg uint8, offset uint16) Param {
		return at(name, value.Int64, value.Dec, arg, offset, 8)
	}
	return []Row{
		row("clone", 223, Process, forked(flags32("flags", 0, clone))...),
		row("fork", 225, Process, forked(made("flags", value.Flags32, value.Hex, AsSent))...),
		row("vfork", 227, Process, forked(made("flags", value.Flags32, value.Hex, AsSent))...),
		row("clone3", 335, Process, forked(at("flags", value.Flags32, value.Hex, 0, 0, 8).named(clone))...),
		row("setns", 241, Process, res(), fd("fd", 0).plain(), flags32("nstype", 1, clone)).about("fd"),
		row("unshare", 285, Process, res(), flags32("flags", 0, clone)),
		row("ptrace", 169, Process, res(), hex("addr", 2).as(Trace), hex("data", 3).as(Trace),
			num("request", value.EnumFlags16, value.Dec, 0).named(ptraceNames()), pid("pid", 1)),
		row("process_vm_readv", 421, IPC, num("res", value.Int64, value.Dec, result), pid("pid", 0), vector(1, 2).received()),
		row("process_vm_writev", 423, IPC, num("res", value.Int64, value.Dec, result), pid("pid", 0), vector(1, 2)),
		row("pidfd_open", 409, Process, fd("fd", result), pid("pid", 0), flags32("flags", 1, pidfdNames())).about("fd"),
		row("pidfd_getfd", 407, Process, fd("fd", result), fd("pid_fd", 0), num("target_fd", value.FD, value.Dec, 1),
			num("flags", value.Uint32, value.Hex, 2)).about("fd"),
		// No system call, but a tracepoint; Falco knows its begin alone.
		row("signaldeliver", 232, Signal, pid("spid", 0), pid("dpid", 1), sig(2)).bulk(),
		row("kill", 129, Signal, res(), pid("pid", 0), sig(1)),
		row("tkill", 131, Signal, res(), pid("tid", 0), sig(1)),
		row("tgkill", 133, Signal, res(), pid("pid", 0), pid("tid", 1), sig(2)),
		row("nanosleep", 135, Sleep, res(), timespec("interval", 0)).waits(),
		row("getrlimit", 141, Process, res(), limit("cur", 1, 0).longs(), limit("max", 1, 8).longs(), resource(0)),
		row("setrlimit", 143, Process, res(), limit("cur", 1, 0).longs(), limit("max", 1, 8).longs(), resource(0)),
		row("prlimit", 145, Process, res(), limit("newcur", 2, 0), limit("newmax", 2, 8), limit("oldcur", 3, 0), limit("oldmax", 3, 8),
			num("pid", value.Int64, value.Dec, 0), resource(1)),
		row("setsid", 275, Process, res().typed(value.PID)),
		row("setpgid", 295, Process, res(), pid("pid", 0), pid("pgid", 1)),
		row("seccomp", 299, Other, res(), u64("op", 0), hex("flags", 1)),
		row("capset", 353, Process, res(), capability("cap_inheritable", 0), capability("cap_permitted", 1), capability("cap_effective", 2)),
		row("prctl", 401, Process, res(), num("option", value.EnumFlags32, value.Dec, 0).named(prctlNames().kept()),
			str("arg2_str", 1).as(OptionText),
			num("arg2_int", value.Int64, value.Dec, 1).as(OptionNumber)),
		row("setuid", 199, User, res(), uid("uid", 0)),
		row("setgid", 201, User, res(), gid("gid", 0)),
		row("setreuid", 427, User, res(), uid("ruid", 0), uid("euid", 1)),
		row("setregid", 429, User, res(), uid("rgid", 0), uid("egid", 1)),
		row("setresuid", 193, User, res(), uid("ruid", 0), uid("euid", 1), uid("suid", 2)),
		row("setresgid", 195, User, res(), gid("rgid", 0), gid("egid", 1), gid("sgid", 2)),
		row("getuid", 203, User, uid("uid", result)),
		row("geteuid", 205, User, uid("euid", result)),
		row("getgid", 207, User, gid("gid", result)),
		row("getegid", 209, User, gid("egid", result)),
		row("getresuid", 211, User, res(), uidAt("ruid", 0), uidAt("euid", 1), uidAt("suid", 2)),
		row("getresgid", 213, User, res(), gidAt("rgid", 0), gidAt("egid", 1), gidAt("sgid", 2)),
	}
}
