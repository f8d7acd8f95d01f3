package kernel

import (
	"slices"

	"golang.org/x/sys/unix"
)

// memoryCalls are the calls about the caller's memory.
var memoryCalls = []callRow{
	{name: "brk", always: "it returns the end that stays", make: func(m *maker) {
		m.call(0, append(m.memorySizes(), num("addr", 0), returned("res"))...)
	}},
	{name: "mmap", make: func(m *maker) {
		m.file("a", "content")
		fd := m.open("a", unix.O_RDWR)
		const page = 4096
		m.call(0, append(m.memorySizes(), num("addr", 0), num("length", 100), num("prot", unix.PROT_READ|unix.PROT_EXEC),
			num("flags", unix.MAP_PRIVATE), m.fd("fd", fd), num("offset", page), returned("res"))...)
		m.call(unix.EINVAL, append(m.memorySizes(), num("addr", 7), num("length", 0), num("prot", 0),
			numAs("flags", unix.MAP_SHARED|unix.MAP_ANON, 9), num("fd", -1), num("offset", 0))...)
	}},
	{name: "munmap", make: func(m *maker) {
		mem := m.mapped()
		m.call(0, append(m.memorySizes(), num("addr", int64(mem)), num("length", 4096))...)
		m.call(unix.EINVAL, append(m.memorySizes(), num("addr", 1), num("length", 2))...)
	}},
	{name: "mprotect", make: func(m *maker) {
		mem := m.mapped()
		m.call(0, num("addr", int64(mem)), num("length", 4096), num("prot", unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC))
		m.call(unix.EINVAL, num("addr", 1), num("length", 4096), num("prot", unix.PROT_EXEC))
	}},
	{name: "mlock", make: lockCall},
	{name: "munlock", make: lockCall},
	{name: "mlock2", make: func(m *maker) {
		mem := m.mapped()
		m.call(0, num("addr", int64(mem)), num("len", 4096), num("flags", 1))
		m.call(unix.EINVAL, num("addr", int64(mem)), num("len", 4096), numAs("flags", 6, 0))
	}},
	{name: "mlockall", make: func(m *maker) {
		m.call(unix.EINVAL, num("flags", 0))
		m.call(unix.EINVAL, num("flags", unix.MCL_ONFAULT))
	}, never: "it would keep all of the race detector's memory"},
	{name: "munlockall", always: takesNothing, make: func(m *maker) {
		m.call(0)
	}},
}

func lockCall(m *maker) {
	mem := m.mapped()
	m.call(0, num("addr", int64(mem)), num("len", 4096))
	m.call(unix.ENOMEM, num("addr", 4096), num("len", 4096))
}

// mapped is a page of memory.
func (m *maker) mapped() uintptr {
	mem, err := unix.MmapPtr(-1, 0, nil, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	m.note(err)
	return uintptr(mem)
}

// Of linux/bpf.h and linux/module.h.
const (
	bpfMapCreate   = 0
	ignoreVermagic = 2
)

// systemCalls are the calls about the kernel itself, and System V's and POSIX's ways to wait.
var systemCalls = []callRow{
	{name: "bpf", make: func(m *maker) {
		attr := m.room(120) // union bpf_attr: an array with one element of 4 bytes
		copy(attr, "\x02\x00\x00\x00\x04\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00")
		m.call(0, num("cmd", bpfMapCreate), word(at(attr)), word(uintptr(len(attr))), m.result("fd"))
		m.call(unix.EINVAL, num("cmd", 9999), word(at(attr)), word(uintptr(len(attr))), m.result("fd"))
	}},
	{name: "init_module", make: func(m *maker) {
		img := m.bytes("not an ELF file, but long enough for the header of one: 64 bytes.")
		m.call(anyErrno, m.data("img", img), num("length", int64(len(img))), m.text("uargs", "debug=1"))
	}, never: "it would load a module"},
	{name: "finit_module", make: func(m *maker) {
		m.call(anyErrno, m.fd("fd", noFD), m.text("uargs", "debug=1"), num("flags", ignoreVermagic))
	}, never: "it would load a module"},
	{name: "delete_module", make: func(m *maker) {
		m.call(anyErrno, m.text("name", "no_such_module"), numAs("flags", unix.O_NONBLOCK, 2))
	}, never: "it would unload a module"},
	{name: "keyctl", make: func(m *maker) {
		m.call(0, num("operation", unix.KEYCTL_GET_KEYRING_ID), num("arg2", unix.KEY_SPEC_THREAD_KEYRING), num("arg3", 1),
			num("arg4", 4), num("arg5", 5))
		m.call(unix.EOPNOTSUPP, num("operation", 9999), num("arg2", 2), num("arg3", 3), num("arg4", 4), num("arg5", 5))
	}},
	{name: "futex", make: func(m *maker) {
		const wait, wake, private = 0, 1, 128
		addr := int64(at(m.words(1)))
		m.call(0, num("addr", addr), num("op", wake|private), num("val", 3), word(0), word(0), word(0))
		m.call(unix.EAGAIN, num("addr", addr), num("op", wait), num("val", 2), word(0), word(0), word(0))
	}},
	{name: "semop", make: func(m *maker) {
		set := m.semaphores(2)
		const operations = "\x01\x00\x05\x00\x00\x10" + "\x00\x00\x02\x00\x00\x08" // struct sembuf: number, operation, flags
		first := []arg{and("sem_num_0", 1), and("sem_op_0", 5), and("sem_flg_0", 2)}
		second := []arg{and("sem_num_1", 0), and("sem_op_1", 2), and("sem_flg_1", 1)}
		m.call(0, slices.Concat([]arg{num("semid", int64(set)), word(at(m.bytes(operations))), num("nsops", 2)}, first, second)...)
		take := "\x00\x00\xfd\xff\x00\x08" + "\x00\x00\x00\x00\x00\x00"
		m.call(unix.EAGAIN, num("semid", int64(set)), word(at(m.bytes(take))), num("nsops", 1),
			and("sem_num_0", 0), and("sem_op_0", -3), and("sem_flg_0", 1), and("sem_num_1", 0), and("sem_op_1", 0), and("sem_flg_1", 0))
		_, _, _ = unix.RawSyscall(unix.SYS_SEMCTL, uintptr(set), 0, unix.IPC_RMID)
	}},
	{name: "semctl", make: func(m *maker) {
		set := int64(m.semaphores(1))
		const setValue, setValueOfFalco, removeOfFalco = 16, 4096, 4
		m.call(0, num("semid", set), num("semnum", 0), numAs("cmd", setValue, setValueOfFalco), num("val", 7))
		m.call(0, num("semid", set), num("semnum", 0), numAs("cmd", unix.IPC_RMID, removeOfFalco), num("val", 0))
		m.call(unix.EINVAL, num("semid", -1), num("semnum", 3), numAs("cmd", unix.IPC_RMID, removeOfFalco), num("val", 0))
	}},
	{name: "semget", make: func(m *maker) {
		const create, exclusive = 0x2000, 0x4000
		set := m.call(0, num("key", unix.IPC_PRIVATE), num("nsems", 3), numAs("semflg", unix.IPC_CREAT|0o600, create))
		_, _, _ = unix.RawSyscall(unix.SYS_SEMCTL, uintptr(set), 0, unix.IPC_RMID)
		m.call(unix.EINVAL, num("key", unix.IPC_PRIVATE), num("nsems", -1), numAs("semflg", unix.IPC_CREAT|unix.IPC_EXCL, create|exclusive))
	}},
	{name: "quotactl", make: func(m *maker) {
		const sync, syncOfFalco, userOfFalco = 0x800001, 128, 1
		limits := []string{
			"dqb_bhardlimit", "dqb_bsoftlimit", "dqb_curspace", "dqb_ihardlimit", "dqb_isoftlimit", "dqb_btime", "dqb_itime",
			"dqi_bgrace", "dqi_igrace", "dqi_flags",
		}
		var none []arg
		for _, name := range limits {
			none = append(none, and(name, 0))
		}
		command := word(sync << 8)
		more := append(none, and("cmd", syncOfFalco), and("type", userOfFalco), seen(missing("quotafilepath", 0)))
		m.call(0, append([]arg{command, missing("special", 0), num("id", 0), word(0)}, more...)...)
		m.call(anyErrno, append([]arg{command, m.text("special", "/nowhere"), num("id", 7), word(0)}, more...)...)
	}},
}

// semaphores is a new set of them.
func (m *maker) semaphores(n uintptr) int {
	set, _, errno := unix.RawSyscall(unix.SYS_SEMGET, unix.IPC_PRIVATE, n, unix.IPC_CREAT|0o600)
	m.note(ignore(errno))
	return int(set)
}
