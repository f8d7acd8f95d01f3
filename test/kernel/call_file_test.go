package kernel

import (
	"golang.org/x/sys/unix"
)

// cwd is the directory descriptor that stands for the working directory.
func cwd(name string) arg { return num(name, unix.AT_FDCWD) }

// fileCalls are the calls on paths.
var fileCalls = []callRow{
	{name: "unlink", make: func(m *maker) {
		m.file("a", "")
		m.call(0, m.path("path", "./a"))
		m.call(unix.ENOENT, m.path("path", "/nowhere/a"))
	}},
	{name: "unlinkat", make: func(m *maker) {
		d := m.folder("d")
		m.file("d/a", "")
		m.call(0, m.fd("dirfd", d), m.pathAt("name", "d", "a"), num("flags", 0))
		m.call(unix.ENOENT, cwd("dirfd"), m.path("name", "d/../a"), num("flags", unix.AT_REMOVEDIR))
		m.call(unix.EBADF, m.fd("dirfd", noFD), m.pathAs("name", "a", "a"), num("flags", 0))
	}},
	{name: "rmdir", make: func(m *maker) {
		m.folder("d")
		m.call(0, m.path("path", "d"))
		m.call(unix.ENOENT, m.path("path", "d"))
	}},
	{name: "mkdir", make: func(m *maker) {
		m.call(0, m.path("path", "d"), num("mode", 0o751))
		m.call(unix.EEXIST, m.path("path", "d"), num("mode", 0o1700))
	}},
	{name: "mkdirat", make: func(m *maker) {
		d := m.folder("d")
		m.call(0, m.fd("dirfd", d), m.pathAt("path", "d", "e"), num("mode", 0o751))
		m.call(unix.EEXIST, cwd("dirfd"), m.path("path", "d"), num("mode", 0))
	}},
	{name: "mknod", make: func(m *maker) {
		m.call(0, m.path("path", "fifo"), num("mode", unix.S_IFIFO|0o640), num("dev", 0))
		m.call(unix.EEXIST, m.path("path", "fifo"), num("mode", unix.S_IFCHR|0o4777), num("dev", 0x103))
	}},
	{name: "mknodat", make: func(m *maker) {
		d := m.folder("d")
		m.call(0, m.fd("dirfd", d), m.pathAt("path", "d", "node"), num("mode", unix.S_IFREG|0o2600), num("dev", 0))
		m.call(unix.EEXIST, cwd("dirfd"), m.path("path", "d"), num("mode", unix.S_IFBLK), num("dev", 0x801))
	}},
	{name: "rename", make: func(m *maker) {
		m.file("a", "")
		m.call(0, m.path("oldpath", "a"), m.path("newpath", m.base+"/b"))
		m.call(unix.ENOENT, m.path("oldpath", "a"), m.path("newpath", "./c"))
	}},
	{name: "renameat", make: func(m *maker) {
		d, e := m.folder("d"), m.folder("e")
		m.file("d/a", "")
		m.call(0, m.fd("olddirfd", d), m.pathAt("oldpath", "d", "a"), m.fd("newdirfd", e), m.pathAt("newpath", "e", "b"))
		m.call(unix.ENOENT, cwd("olddirfd"), m.path("oldpath", "a"), m.fd("newdirfd", e), m.pathAt("newpath", "e", "../c"))
	}},
	{name: "renameat2", make: func(m *maker) {
		d := m.folder("d")
		m.file("a", "")
		m.call(0, cwd("olddirfd"), m.path("oldpath", "a"), m.fd("newdirfd", d), m.pathAt("newpath", "d", "b"),
			num("flags", unix.RENAME_NOREPLACE))
		m.call(unix.EINVAL, m.fd("olddirfd", d), m.pathAt("oldpath", "d", "b"), cwd("newdirfd"), m.path("newpath", "c"),
			num("flags", unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE))
	}},
	{name: "link", make: func(m *maker) {
		m.file("a", "")
		m.call(0, m.path("oldpath", "a"), m.path("newpath", "b"))
		m.call(unix.ENOENT, m.path("oldpath", "absent"), m.path("newpath", "/nowhere"))
	}},
	{name: "linkat", make: func(m *maker) {
		d := m.folder("d")
		m.file("a", "")
		m.call(0, cwd("olddir"), m.path("oldpath", "a"), m.fd("newdir", d), m.pathAt("newpath", "d", "b"), num("flags", unix.AT_SYMLINK_FOLLOW))
		m.call(unix.EEXIST, m.fd("olddir", d), m.pathAt("oldpath", "d", "b"), cwd("newdir"), m.path("newpath", "a"), num("flags", 0))
	}},
	{name: "symlink", make: func(m *maker) {
		m.call(0, m.text("target", "../etc/shadow"), m.path("linkpath", "link"))
		m.call(unix.EEXIST, m.text("target", "elsewhere"), m.path("linkpath", "link"))
	}},
	{name: "symlinkat", make: func(m *maker) {
		d := m.folder("d")
		m.call(0, m.text("target", "/etc/shadow"), m.fd("linkdirfd", d), m.pathAt("linkpath", "d", "link"))
		m.call(unix.EEXIST, m.text("target", "a"), cwd("linkdirfd"), m.path("linkpath", "d"))
	}},
	{name: "chmod", make: func(m *maker) {
		m.file("a", "")
		m.call(0, m.path("filename", "a"), num("mode", 0o4751))
		m.call(unix.ENOENT, m.path("filename", "b"), num("mode", 0o7777))
	}},
	{name: "fchmodat", make: func(m *maker) {
		d := m.folder("d")
		m.file("d/a", "")
		m.call(0, m.fd("dirfd", d), m.pathAt("filename", "d", "a"), num("mode", 0o600))
		m.call(unix.ENOENT, cwd("dirfd"), m.path("filename", "a"), num("mode", 0o1))
	}},
	{name: "fchmod", make: func(m *maker) {
		m.call(0, m.fd("fd", m.open("a", unix.O_RDWR)), num("mode", 0o2710))
		m.call(unix.EBADF, m.fd("fd", noFD), num("mode", 0o7))
	}},
	{name: "chown", make: func(m *maker) {
		m.file("a", "")
		m.call(0, m.path("path", "a"), num("uid", 1), num("gid", 2))
		m.call(unix.ENOENT, m.path("path", "b"), numAs("uid", -1, 0xffffffff), num("gid", 3))
	}},
	{name: "lchown", make: func(m *maker) {
		m.note(unix.Symlink("nowhere", m.base+"/link"))
		m.call(0, m.path("path", "link"), num("uid", 1), num("gid", 2))
		m.call(unix.ENOENT, m.path("path", "b"), num("uid", 4), num("gid", 3))
	}},
	{name: "fchown", make: func(m *maker) {
		m.call(0, m.fd("fd", m.open("a", unix.O_RDONLY)), num("uid", 1), num("gid", 2))
		m.call(unix.EBADF, m.fd("fd", -1), num("uid", 4), num("gid", 3))
	}},
	{name: "fchownat", make: func(m *maker) {
		d := m.folder("d")
		m.file("d/a", "")
		m.call(0, m.fd("dirfd", d), m.pathAt("pathname", "d", "a"), num("uid", 1), num("gid", 2), numAs("flags", unix.AT_SYMLINK_NOFOLLOW, 0x400))
		m.call(0, m.fd("dirfd", d), m.pathAs("pathname", "", m.base+"/d"), num("uid", 0), num("gid", 0), num("flags", unix.AT_EMPTY_PATH))
		m.call(unix.ENOENT, cwd("dirfd"), m.path("pathname", "a"), num("uid", 5), num("gid", 6), num("flags", 0))
	}},
	{name: "access", make: func(m *maker) {
		m.file("a", "")
		m.call(0, m.path("name", "a"), num("mode", unix.R_OK|unix.W_OK))
		m.call(unix.ENOENT, m.path("name", "b"), num("mode", unix.X_OK))
	}},
	{name: "stat", make: statCall},
	{name: "lstat", make: statCall},
	{name: "stat64", make: statCall},
	{name: "lstat64", make: statCall},
	{name: "fstat", make: func(m *maker) {
		st := word(at(m.room(256)))
		m.call(0, m.fd("fd", m.open("a", unix.O_RDWR|unix.O_APPEND)), st)
		m.call(unix.EBADF, m.fd("fd", noFD), st)
	}},
	{name: "newfstatat", make: func(m *maker) {
		d, st := m.folder("d"), word(at(m.room(256)))
		m.call(0, m.fd("dirfd", d), m.pathAt("path", "d", "../d"), st, num("flags", unix.AT_SYMLINK_NOFOLLOW))
		m.call(unix.ENOENT, cwd("dirfd"), m.path("path", "absent"), st, num("flags", unix.AT_EMPTY_PATH))
	}},
	{name: "getcwd", make: func(m *maker) {
		buf := m.room(4096)
		m.call(0, seen(m.text("path", m.base)), word(at(buf)), word(uintptr(len(buf))))
		m.call(unix.ERANGE, missing("path", at(buf)), word(1))
	}},
	{name: "chdir", make: func(m *maker) {
		m.folder("d")
		m.call(0, m.text("path", "d"))
		m.call(unix.ENOENT, m.text("path", "/nowhere"))
	}},
	{name: "fchdir", make: func(m *maker) {
		m.call(0, m.fd("fd", m.folder("d")))
		m.call(unix.ENOTDIR, m.fd("fd", m.open("a", unix.O_RDONLY)))
	}},
	{name: "chroot", make: func(m *maker) {
		m.folder("d")
		m.call(unix.ENOENT, m.path("path", "absent"))
		m.note(unix.Chdir("/"))
		m.call(0, m.path("path", m.base+"/d"))
	}},
	{name: "mount", make: func(m *maker) {
		m.note(privateMounts())
		m.folder("d")
		m.call(0, m.text("dev", "none"), m.path("dir", "d"), m.text("type", "tmpfs"), num("flags", unix.MS_NOSUID|unix.MS_NODEV),
			word(at(m.bytes("size=4k"))))
		m.call(unix.ENOENT, missing("dev", 0), m.path("dir", "absent"), missing("type", 0), num("flags", unix.MS_BIND|unix.MS_REC), word(0))
	}},
	{name: "umount", make: func(m *maker) {
		m.mounted("d")
		m.call(0, m.path("name", "d"))
		m.call(unix.EINVAL, m.path("name", "d"))
	}},
	{name: "umount2", make: func(m *maker) {
		m.mounted("d")
		m.call(0, m.path("name", "d"), num("flags", unix.MNT_DETACH))
		m.call(unix.ENOENT, m.path("name", "absent"), num("flags", unix.MNT_FORCE|unix.UMOUNT_NOFOLLOW))
	}},
	{name: "fsconfig", make: func(m *maker) {
		fs := m.must(unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC))
		m.call(0, m.fd("fd", fs), num("cmd", unix.FSCONFIG_SET_STRING), m.text("key", "size"), m.text("value_charbuf", "4k"), num("aux", 0),
			and("value_bytebuf", 0))
		m.call(unix.EINVAL, m.fd("fd", fs), num("cmd", unix.FSCONFIG_SET_BINARY), m.text("key", "nothing"),
			m.data("value_bytebuf", m.bytes("\x01bin")), num("aux", 4), seen(m.text("value_charbuf", "\x01bin")))
	}},
	{name: "flock", make: func(m *maker) {
		m.call(0, m.fd("fd", m.open("a", unix.O_RDONLY)), num("operation", unix.LOCK_EX|unix.LOCK_NB))
		m.call(unix.EBADF, m.fd("fd", noFD), num("operation", unix.LOCK_UN))
	}},
	{name: "getdents", make: dentsCall},
	{name: "getdents64", make: dentsCall},
	{name: "lseek", make: func(m *maker) {
		m.call(0, m.fd("fd", m.open("a", unix.O_RDWR)), num("offset", 77), num("whence", unix.SEEK_END))
		m.call(unix.EBADF, m.fd("fd", noFD), num("offset", -1), num("whence", unix.SEEK_CUR))
	}},
	{name: "userfaultfd", make: func(m *maker) {
		m.call(0, num("flags", unix.O_CLOEXEC), m.result("res"))
		m.call(unix.EINVAL, num("flags", 0x40))
	}},
}

func statCall(m *maker) {
	m.file("a", "")
	st := word(at(m.room(256)))
	m.call(0, m.path("path", "a"), st)
	m.call(unix.ENOENT, m.path("path", "/nowhere"), st)
}

func dentsCall(m *maker) {
	buf := m.room(1024)
	m.call(0, m.fd("fd", m.folder("d")), word(at(buf)), word(uintptr(len(buf))))
	m.call(unix.EBADF, m.fd("fd", noFD), word(at(buf)), word(uintptr(len(buf))))
}

// mounted has a file system mounted on a new folder.
func (m *maker) mounted(name string) {
	m.note(privateMounts())
	m.note(unix.Close(m.folder(name)))
	m.note(unix.Mount("none", m.base+"/"+name, "tmpfs", 0, ""))
}
