package call

// cloneNames are the flags of clone, unshare and setns (linux/sched.h).
func cloneNames() *Names {
	return bits(
		name{0x400, 0x1, "CLONE_FILES"}, name{0x200, 0x2, "CLONE_FS"}, name{0x80000000, 0x4, "CLONE_IO"},
		name{0x8000000, 0x8, "CLONE_NEWIPC"}, name{0x40000000, 0x10, "CLONE_NEWNET"}, name{0x20000, 0x20, "CLONE_NEWNS"},
		name{0x20000000, 0x40, "CLONE_NEWPID"}, name{0x4000000, 0x80, "CLONE_NEWUTS"}, name{0x8000, 0x100, "CLONE_PARENT"},
		name{0x100000, 0x200, "CLONE_PARENT_SETTID"}, name{0x2000, 0x400, "CLONE_PTRACE"}, name{0x800, 0x800, "CLONE_SIGHAND"},
		name{0x40000, 0x1000, "CLONE_SYSVSEM"}, name{0x10000, 0x2000, "CLONE_THREAD"}, name{0x800000, 0x4000, "CLONE_UNTRACED"},
		name{0x100, 0x8000, "CLONE_VM"}, name{0x10000000, 0x100000, "CLONE_NEWUSER"}, name{0x200000, 0x800000, "CLONE_CHILD_CLEARTID"},
		name{0x1000000, 0x1000000, "CLONE_CHILD_SETTID"}, name{0x80000, 0x2000000, "CLONE_SETTLS"}, name{0x4000, 0x8000000, "CLONE_VFORK"},
		name{0x2000000, 0x10000000, "CLONE_NEWCGROUP"},
	)
}

// resourceNames are the limited resources (asm-generic/resource.h).
func resourceNames() *Names {
	return choice(
		name{15, 15, "RLIMIT_RTTIME"}, name{14, 14, "RLIMIT_RTPRIO"}, name{13, 13, "RLIMIT_NICE"}, name{12, 12, "RLIMIT_MSGQUEUE"},
		name{11, 11, "RLIMIT_SIGPENDING"}, name{10, 10, "RLIMIT_LOCKS"}, name{9, 9, "RLIMIT_AS"}, name{8, 8, "RLIMIT_MEMLOCK"},
		name{7, 7, "RLIMIT_NOFILE"}, name{6, 6, "RLIMIT_NPROC"}, name{5, 5, "RLIMIT_RSS"}, name{4, 4, "RLIMIT_CORE"},
		name{3, 3, "RLIMIT_STACK"}, name{2, 2, "RLIMIT_DATA"}, name{1, 1, "RLIMIT_FSIZE"}, name{0, 0, "RLIMIT_CPU"},
	)
}

// ptraceNames are the requests of ptrace (linux/ptrace.h, and asm/ptrace-abi.h on x86).
func ptraceNames() *Names {
	return choice(
		name{33, 38, "PTRACE_SINGLEBLOCK"}, name{32, 37, "PTRACE_SYSEMU_SINGLESTEP"}, name{31, 36, "PTRACE_SYSEMU"},
		name{30, 35, "PTRACE_ARCH_PRCTL"}, name{26, 34, "PTRACE_SET_THREAD_AREA"}, name{25, 33, "PTRACE_GET_THREAD_AREA"},
		name{21, 32, "PTRACE_OLDSETOPTIONS"}, name{19, 31, "PTRACE_SETFPXREGS"}, name{18, 30, "PTRACE_GETFPXREGS"},
		name{15, 29, "PTRACE_SETFPREGS"}, name{14, 28, "PTRACE_GETFPREGS"}, name{13, 27, "PTRACE_SETREGS"}, name{12, 26, "PTRACE_GETREGS"},
		name{16907, 25, "PTRACE_SETSIGMASK"}, name{16906, 24, "PTRACE_GETSIGMASK"}, name{16905, 23, "PTRACE_PEEKSIGINFO"},
		name{16904, 22, "PTRACE_LISTEN"}, name{16903, 21, "PTRACE_INTERRUPT"}, name{16902, 20, "PTRACE_SEIZE"},
		name{16901, 19, "PTRACE_SETREGSET"}, name{16900, 18, "PTRACE_GETREGSET"}, name{16899, 17, "PTRACE_SETSIGINFO"},
		name{16898, 16, "PTRACE_GETSIGINFO"}, name{16897, 15, "PTRACE_GETEVENTMSG"}, name{16896, 14, "PTRACE_SETOPTIONS"},
		name{24, 13, "PTRACE_SYSCALL"}, name{17, 12, "PTRACE_DETACH"}, name{16, 11, "PTRACE_ATTACH"}, name{9, 10, "PTRACE_SINGLESTEP"},
		name{8, 9, "PTRACE_KILL"}, name{7, 8, "PTRACE_CONT"}, name{6, 7, "PTRACE_POKEUSR"}, name{5, 6, "PTRACE_POKEDATA"},
		name{4, 5, "PTRACE_POKETEXT"}, name{3, 4, "PTRACE_PEEKUSR"}, name{2, 3, "PTRACE_PEEKDATA"}, name{1, 2, "PTRACE_PEEKTEXT"},
		name{0, 1, "PTRACE_TRACEME"},
	)
}

// prctlNames are the options of prctl (linux/prctl.h).
func prctlNames() *Names {
	return choice(
		name{3, 3, "PR_GET_DUMPABLE"}, name{4, 4, "PR_SET_DUMPABLE"}, name{7, 7, "PR_GET_KEEPCAPS"}, name{8, 8, "PR_SET_KEEPCAPS"},
		name{15, 15, "PR_SET_NAME"}, name{16, 16, "PR_GET_NAME"}, name{21, 21, "PR_GET_SECCOMP"}, name{22, 22, "PR_SET_SECCOMP"},
		name{23, 23, "PR_CAPBSET_READ"}, name{24, 24, "PR_CAPBSET_DROP"}, name{27, 27, "PR_GET_SECUREBITS"},
		name{28, 28, "PR_SET_SECUREBITS"}, name{33, 33, "PR_MCE_KILL"}, name{33, 33, "PR_MCE_KILL"}, name{35, 35, "PR_SET_MM"},
		name{36, 36, "PR_SET_CHILD_SUBREAPER"}, name{37, 37, "PR_GET_CHILD_SUBREAPER"}, name{38, 38, "PR_SET_NO_NEW_PRIVS"},
		name{39, 39, "PR_GET_NO_NEW_PRIVS"}, name{40, 40, "PR_GET_TID_ADDRESS"}, name{41, 41, "PR_SET_THP_DISABLE"},
		name{42, 42, "PR_GET_THP_DISABLE"}, name{47, 47, "PR_CAP_AMBIENT"},
	)
}

// pidfdNames are the flags of pidfd_open (linux/pidfd.h).
func pidfdNames() *Names {
	return bits(
		name{0x800, 0x1, "PIDFD_NONBLOCK"},
	)
}
