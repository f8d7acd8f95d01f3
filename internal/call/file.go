package call

import "github.com/saker-sensor/saker/internal/value"

// mode is an argument with permission bits.
func mode(name string, arg uint8, f value.Format) Param { return num(name, value.Uint32, f, arg) }

// fileRows are the calls on paths.
func fileRows() []Row {
	chmod, mknod := chmodNames(), mknodNames().kept()
	perm := func(arg uint8) Param { return num("mode", value.Mode, value.Oct, arg).named(chmod) }
	node := func(arg uint8) Param { return num("mode", value.Mode, value.Oct, arg).named(mknod) }
	return []Row{
		row("unlink", 301, File, res(), path("path", 0)),
		row("unlinkat", 303, File, res(), fd("dirfd", 0), pathAt("name", 1, 0), flags32("flags", 2, unlinkatNames())).about("dirfd"),
		row("rmdir", 279, File, res(), path("path", 0)),
		row("mkdir", 277, File, res(), path("path", 0), mode("mode", 1, value.Hex)),
		row("mkdirat", 305, File, res(), fd("dirfd", 0), pathAt("path", 1, 0), mode("mode", 2, value.Hex)).about("dirfd"),
		row("mknod", 415, Other, res(), path("path", 0), node(1), u32("dev", 2)),
		row("mknodat", 417, Other, res(), fd("dirfd", 0), pathAt("path", 1, 0), node(2), u32("dev", 3)).about("dirfd"),
		row("rename", 175, File, res(), path("oldpath", 0), path("newpath", 1)),
		row("renameat", 177, File, res(), fd("olddirfd", 0), pathAt("oldpath", 1, 0), fd("newdirfd", 2), pathAt("newpath", 3, 2)),
		row("renameat2", 319, File, res(), fd("olddirfd", 0), pathAt("oldpath", 1, 0), fd("newdirfd", 2), pathAt("newpath", 3, 2),
			flags32("flags", 4, renameat2Names())),
		row("link", 309, File, res(), path("oldpath", 0), path("newpath", 1)),
		row("linkat", 311, File, res(), fd("olddir", 0), pathAt("oldpath", 1, 0), fd("newdir", 2), pathAt("newpath", 3, 2),
			flags32("flags", 4, linkatNames())),
		row("symlink", 179, File, res(), str("target", 0), path("linkpath", 1)),
		row("symlinkat", 181, File, res(), str("target", 0), fd("linkdirfd", 1), pathAt("linkpath", 2, 1)).about("linkdirfd"),
		row("chmod", 315, File, res(), path("filename", 0), perm(1)),
		row("fchmodat", 313, File, res(), fd("dirfd", 0), pathAt("filename", 1, 0), perm(2)).about("dirfd"),
		row("fchmod", 317, File, res(), fd("fd", 0), perm(1)).about("fd"),
		row("chown", 379, File, res(), path("path", 0), u32("uid", 1), u32("gid", 2)),
		row("lchown", 381, File, res(), path("path", 0), u32("uid", 1), u32("gid", 2)),
		row("fchown", 383, File, res(), fd("fd", 0), u32("uid", 1), u32("gid", 2)).about("fd"),
		row("fchownat", 385, File, res(), fd("dirfd", 0), pathAt("pathname", 1, 0), u32("uid", 2), u32("gid", 3),
			flags32("flags", 4, fchownatNames())).about("dirfd"),
		row("access", 265, File, res(), path("name", 0), flags32("mode", 1, accessNames())),
		row("stat", 67, File, res(), path("path", 0)),
		row("lstat", 69, File, res(), path("path", 0)),
		row("stat64", 73, File, res(), path("path", 0)),
		row("lstat64", 75, File, res(), path("path", 0)),
		row("fstat", 71, File, res(), fd("fd", 0).plain()).about("fd"),
		row("newfstatat", 419, File, res(), fd("dirfd", 0), pathAt("path", 1, 0), flags32("flags", 3, newfstatatNames())).about("dirfd"),
		row("getcwd", 93, File, res(), str("path", 0).ifOK()),
		row("chdir", 95, File, res(), str("path", 0)),
		row("fchdir", 97, File, res(), fd("fd", 0).plain()).about("fd"),
		row("chroot", 267, Process, res(), path("path", 0)),
		row("mount", 257, File, res(), str("dev", 0), path("dir", 1), str("type", 2), flags32("flags", 3, mountNames().kept())),
		row("umount", 387, File, res(), path("name", 0)),
		row("umount2", 391, File, res(), path("name", 0), flags32("flags", 1, umountNames())),
		row("fsconfig", 373, System, res(), fd("fd", 0), num("cmd", value.EnumFlags32, value.Dec, 1).named(fsconfigNames().kept()),
			str("key", 2), data("value_bytebuf", 3, 4).as(ConfigBytes), str("value_charbuf", 3).as(ConfigText),
			num("aux", value.Int32, value.Dec, 4)).about("fd"),
		row("flock", 243, File, res(), fd("fd", 0).plain(), flags32("operation", 1, flockNames())).about("fd"),
		row("getdents", 237, File, res(), fd("fd", 0).plain()).about("fd"),
		row("getdents64", 239, File, res(), fd("fd", 0).plain()).about("fd"),
		row("lseek", 87, File, res(), fd("fd", 0), u64("offset", 1),
			num("whence", value.EnumFlags8, value.Dec, 2).named(whenceNames())).about("fd"),
		row("llseek", 89, File, res(), fd("fd", 0), u64("offset", 2),
			num("whence", value.EnumFlags8, value.Dec, 4).named(whenceNames())).about("fd"),
		row("userfaultfd", 321, File, fd("res", result).typed(value.Errno), flags32("flags", 0, fileFlagNumbers())).about("res"),
	}
}

// fileFlagNumbers shows an open's flags by Falco's numbers where Falco passes the kernel's on, as it does for userfaultfd.
func fileFlagNumbers() *Names { return openNames().kept() }
