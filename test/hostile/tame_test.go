package hostile

import "golang.org/x/sys/unix"

// leftOut are the rows that no hostile call is made of, beside those that this machine's table has no number for.
var leftOut = map[string]string{
	"fork":          "it takes no argument and makes a copy of the caller; test/kernel makes it",
	"vfork":         "it takes no argument and makes a child in the caller's memory; test/kernel makes it",
	"signaldeliver": "it is no system call; test/kernel delivers signals",
}

// tamed are arguments that are taken from a list, because any other value could end the caller, stop it, or take its memory and its
// descriptors away. All other arguments are made by what the row says of them, or are any number.
type tamed struct {
	// args are the arguments by their index.
	args map[int]choice
	why  string
}

// choice makes an argument.
type choice func(c *rowCaller) uint64

// of picks one of the values, most often as it is and now and then with senseless upper bits, where the kernel takes an int.
func of(values ...int64) choice {
	return func(c *rowCaller) uint64 {
		v := uint64(pick(&c.caller, values))
		if c.chance(50) && v>>32 == 0 {
			v |= 1 << 40
		}
		return v
	}
}

// exactly picks one of the values as it is, where the kernel takes a long.
func exactly(values ...int64) choice {
	return func(c *rowCaller) uint64 { return uint64(pick(&c.caller, values)) }
}

// words puts one of several pairs of words into memory: a struct timespec or rlimit.
func words(pairs ...[2]uint64) choice {
	return func(c *rowCaller) uint64 {
		p := pick(&c.caller, pairs)
		at := c.mem.words(p[0], p[1])
		if c.chance(100) {
			return uint64(c.mem.end()) - 4 // its rest is not there
		}
		return uint64(at)
	}
}

// scrap is an address that the caller can do without, or one that can't be had.
func scrap(c *rowCaller) uint64 {
	if c.chance(300) {
		return pick(&c.caller, []uint64{1 << 63, 1<<64 - 4096, 0xffff888000000000, 1 << 47})
	}
	return uint64(c.scrap) + uint64(c.rnd.IntN(scrapPages/2)*4096+pick(&c.caller, []int{0, 0, 0, 1, 8}))
}

// length is one with which scrap stays within what can be spared.
func length(c *rowCaller) uint64 {
	return pick(&c.caller, []uint64{0, 1, 4095, 4096, 4097, 65536, 1<<64 - 4096, 1<<64 - 1, 1 << 63})
}

// spare is a descriptor that may be closed.
func spare(c *rowCaller) uint64 {
	if c.chance(300) {
		return uint64(pick(&c.caller, wrongFDs))
	}
	fd, err := unix.FcntlInt(uintptr(c.anyFD()), unix.F_DUPFD, sparesFrom)
	if err != nil {
		return 1 << 20
	}
	c.undo = append(c.undo, func() { _ = unix.Close(fd) })
	return uint64(fd)
}

// target is a descriptor's number that nothing else has.
var target = of(800, 801, -1, 1<<20, 1<<31-1)

const (
	noPID = 1 << 23 // beyond the highest number of a process
	// noWait has MSG_DONTWAIT, LOCK_NB and SPLICE_F_NONBLOCK.
	noWait = unix.MSG_DONTWAIT | unix.LOCK_NB | unix.SPLICE_F_NONBLOCK
)

// paths that no call makes the caller's root or mounts over.
var nowhere = func(c *rowCaller) uint64 {
	if c.chance(200) {
		return uint64(c.badPointer())
	}
	return uint64(c.mem.text(pick(&c.caller, []string{"/nowhere", "/nowhere/else", "", "/nowhere/", "gone", c.bytes(300), c.bytes(5000)})))
}

// tame are the rows with such arguments.
var tame = map[string]tamed{
	"kill":   {map[int]choice{0: of(0, 1, 2, noPID, -noPID, 1<<31-1), 1: of(0, 65, 99, -1, 1<<31-1)}, "a signal ends the caller"},
	"tkill":  {map[int]choice{0: of(0, 1, 2, noPID, -1), 1: of(0, 65, 99, -1, 1<<31-1)}, "a signal ends the caller"},
	"tgkill": {map[int]choice{0: of(0, 1, noPID, -1), 1: of(0, 1, 2, noPID, -1), 2: of(0, 65, 99, -1)}, "a signal ends the caller"},
	"clone": {map[int]choice{0: of(unix.CLONE_THREAD, unix.CLONE_SIGHAND, unix.CLONE_NEWNS|unix.CLONE_FS, unix.CLONE_NEWUSER|unix.CLONE_FS,
		unix.CLONE_THREAD|unix.CLONE_PIDFD)}, "only flags that contradict each other make no process"},
	"clone3": {map[int]choice{1: exactly(0, 1, 63, 1<<20, -1)}, "only a wrong size makes no process"},
	"prctl": {map[int]choice{0: of(unix.PR_GET_NAME, unix.PR_SET_NAME, unix.PR_GET_DUMPABLE, unix.PR_GET_SECCOMP, unix.PR_CAPBSET_READ,
		unix.PR_GET_TIMERSLACK, unix.PR_GET_NO_NEW_PRIVS, unix.PR_GET_TID_ADDRESS, unix.PR_MCE_KILL_GET, 99, 1<<31-1)},
		"seccomp, system call dispatch and a refused clock end the caller"},
	"ptrace": {map[int]choice{0: exactly(1, 2, 4, 7, 12, 16, 0x4200, 0x4206, 99, -1), 1: of(0, 1, noPID, -1)},
		"to be traced stops the caller"},
	"seccomp": {map[int]choice{0: of(2, 3, 4, 99, -1)}, "mode 1 ends the caller; 1 sets its filter"},
	"unshare": {map[int]choice{0: of(0, unix.CLONE_FS, unix.CLONE_SYSVSEM, unix.CLONE_NEWUSER, unix.CLONE_THREAD, 1, 1<<31-1)},
		"new namespaces by the thousand take the machine's time"},
	"setns": {map[int]choice{1: of(0, unix.CLONE_NEWNET, unix.CLONE_NEWPID, -1)}, ""},
	"setrlimit": {map[int]choice{1: words([2]uint64{2, 1}, [2]uint64{^uint64(0), 0})},
		"lower limits are for good: above its maximum none is set"},
	"prlimit": {map[int]choice{0: of(0, 1, noPID, -1), 2: words([2]uint64{2, 1}, [2]uint64{^uint64(0), 0})},
		"lower limits are for good: above its maximum none is set"},
	"nanosleep":  {map[int]choice{0: words([2]uint64{0, 0}, [2]uint64{0, 1000}, [2]uint64{0, 1 << 40}, [2]uint64{1 << 63, 0})}, "it waits"},
	"futex":      {map[int]choice{1: of(1, 129, 3, 4, 99, -1)}, "it waits"},
	"semop":      {map[int]choice{0: of(-1, 1<<20, 1<<31-1)}, "it waits"},
	"semget":     {map[int]choice{1: of(-1, 0, 1, 2, 1<<31-1), 2: of(0, 0o600, -1&^unix.IPC_CREAT)}, "semaphores take memory"},
	"select":     {map[int]choice{4: words([2]uint64{0, 0}, [2]uint64{1 << 63, 0})}, "it waits"},
	"poll":       {map[int]choice{2: of(0)}, "it waits"},
	"ppoll":      {map[int]choice{2: words([2]uint64{0, 0}, [2]uint64{0, 1 << 40})}, "it waits"},
	"epoll_wait": {map[int]choice{3: of(0)}, "it waits"},
	"flock":      {map[int]choice{1: of(unix.LOCK_SH|noWait, unix.LOCK_EX|noWait, unix.LOCK_UN, noWait, -1)}, "it waits"},
	"fcntl": {map[int]choice{1: of(unix.F_GETFD, unix.F_GETFL, unix.F_GETLK, unix.F_SETLK, unix.F_GETOWN, unix.F_GETLEASE, unix.F_SETPIPE_SZ,
		unix.F_GETPIPE_SZ, unix.F_ADD_SEALS, unix.F_GET_SEALS, unix.F_GETSIG, 99, 1<<31-1)},
		"a descriptor may be set to wait, or to send signals"},
	"ioctl": {map[int]choice{1: of(unix.TIOCINQ, unix.TCGETS, unix.TIOCGWINSZ, 0, 1<<31-1, -1)},
		"a descriptor may be set to wait, or to send signals"},
	"splice": {map[int]choice{5: of(noWait, unix.SPLICE_F_NONBLOCK, unix.SPLICE_F_NONBLOCK|1, unix.SPLICE_F_NONBLOCK|4, -1)}, "it waits"},
	"close":  {map[int]choice{0: spare}, "the caller needs some descriptors"},
	"close_range": {map[int]choice{0: of(810, 811, 900, 1<<30), 1: of(0, 811, 899, 900, -1), 2: of(0, unix.CLOSE_RANGE_CLOEXEC, 1, -1)},
		"the caller needs some descriptors"},
	"dup2":            {map[int]choice{1: target}, "the caller needs some descriptors"},
	"dup3":            {map[int]choice{1: target}, "the caller needs some descriptors"},
	"pidfd_getfd":     {map[int]choice{1: of(0, 1, 800, -1)}, ""},
	"mmap":            {map[int]choice{0: scrap, 1: length}, "the caller needs its memory"},
	"munmap":          {map[int]choice{0: scrap, 1: length}, "the caller needs its memory"},
	"mprotect":        {map[int]choice{0: scrap, 1: length}, "the caller needs its memory"},
	"mlock":           {map[int]choice{0: scrap, 1: length}, "locked memory is the machine's"},
	"mlock2":          {map[int]choice{0: scrap, 1: length}, "locked memory is the machine's"},
	"munlock":         {map[int]choice{0: scrap, 1: length}, ""},
	"mlockall":        {map[int]choice{0: of(0, 8, 99&^7, unix.MCL_ONFAULT, 1<<31-1)}, "locked memory is the machine's"},
	"chroot":          {map[int]choice{0: nowhere}, "names are compared with those of one root"},
	"mount":           {map[int]choice{1: nowhere}, "names are compared with those of one tree"},
	"umount2":         {map[int]choice{0: nowhere}, "names are compared with those of one tree"},
	"copy_file_range": {map[int]choice{4: exactly(0, 1, 4096, 1<<20)}, "it works for long"},
	"sendfile":        {map[int]choice{3: exactly(0, 1, 4096, 1<<20)}, "it works for long"},
}
