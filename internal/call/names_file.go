package call

// openNames are the flags of an open in Falco's numbers, which O_NONBLOCK and O_CLOEXEC of other calls have, too. How a file is
// opened for reading and writing is no bit for the kernel.
func openNames() *Names {
	return bits(
		name{0x8000, 0x800, "O_LARGEFILE"}, name{0x10000, 0x400, "O_DIRECTORY"}, name{0x4000, 0x200, "O_DIRECT"}, name{0x200, 0x100, "O_TRUNC"},
		name{0x101000, 0x80, "O_SYNC"}, name{0x800, 0x40, "O_NONBLOCK"}, name{0x80, 0x20, "O_EXCL"}, name{0x1000, 0x10, "O_DSYNC"},
		name{0x400, 0x8, "O_APPEND"}, name{0x40, 0x4, "O_CREAT"}, name{0x0, 0x3, "O_RDWR"},
		name{0x0, 0x2, "O_WRONLY"}, name{0x0, 0x1, "O_RDONLY"}, name{0x80000, 0x1000, "O_CLOEXEC"}, name{0x0, 0x0, "O_NONE"},
		name{0x410000, 0x2000, "O_TMPFILE"}, name{0x0, 0x4000, "O_F_CREATED"}, name{0x0, 0x8000, "FD_UPPER_LAYER"},
		name{0x0, 0x10000, "FD_LOWER_LAYER"},
	)
}

// flockNames are the operations of flock (asm-generic/fcntl.h).
func flockNames() *Names {
	return bits(
		name{0x1, 0x1, "LOCK_SH"}, name{0x2, 0x2, "LOCK_EX"}, name{0x4, 0x4, "LOCK_NB"}, name{0x8, 0x8, "LOCK_UN"},
		name{0x0, 0x0, "LOCK_NONE"},
	)
}

// mountNames are the flags of mount (linux/mount.h).
func mountNames() *Names {
	return bits(
		name{0x1, 0x1, "RDONLY"}, name{0x2, 0x2, "NOSUID"}, name{0x4, 0x4, "NODEV"}, name{0x8, 0x8, "NOEXEC"},
		name{0x10, 0x10, "SYNCHRONOUS"}, name{0x20, 0x20, "REMOUNT"}, name{0x40, 0x40, "MANDLOCK"}, name{0x80, 0x80, "DIRSYNC"},
		name{0x400, 0x400, "NOATIME"}, name{0x800, 0x800, "NODIRATIME"}, name{0x1000, 0x1000, "BIND"}, name{0x2000, 0x2000, "MOVE"},
		name{0x4000, 0x4000, "REC"}, name{0x8000, 0x8000, "SILENT"}, name{0x10000, 0x10000, "POSIXACL"},
		name{0x20000, 0x20000, "UNBINDABLE"}, name{0x40000, 0x40000, "PRIVATE"}, name{0x80000, 0x80000, "SLAVE"},
		name{0x100000, 0x100000, "SHARED"}, name{0x200000, 0x200000, "RELATIME"}, name{0x400000, 0x400000, "KERNMOUNT"},
		name{0x800000, 0x800000, "I_VERSION"}, name{0x1000000, 0x1000000, "STRICTATIME"}, name{0x2000000, 0x2000000, "LAZYTIME"},
		name{0x10000000, 0x10000000, "NOSEC"}, name{0x20000000, 0x20000000, "BORN"}, name{0x40000000, 0x40000000, "ACTIVE"},
		name{0x80000000, 0x80000000, "NOUSER"},
	)
}

// umountNames are the flags of umount2 (linux/fs.h).
func umountNames() *Names {
	return bits(
		name{0x1, 0x1, "FORCE"}, name{0x2, 0x2, "DETACH"}, name{0x4, 0x4, "EXPIRE"}, name{0x8, 0x8, "NOFOLLOW"},
	)
}

// whenceNames are the origins of lseek (linux/fs.h).
func whenceNames() *Names {
	return choice(
		name{2, 2, "SEEK_END"}, name{1, 1, "SEEK_CUR"}, name{0, 0, "SEEK_SET"},
	)
}

// accessNames are the modes of access (linux/fs.h).
func accessNames() *Names {
	return bits(
		name{0x0, 0x0, "F_OK"}, name{0x4, 0x4, "R_OK"}, name{0x2, 0x2, "W_OK"}, name{0x1, 0x1, "X_OK"},
	)
}

// unlinkatNames are the flags of unlinkat (linux/fcntl.h).
func unlinkatNames() *Names {
	return bits(
		name{0x200, 0x200, "AT_REMOVEDIR"},
	)
}

// linkatNames are the flags of linkat (linux/fcntl.h).
func linkatNames() *Names {
	return bits(
		name{0x400, 0x400, "AT_SYMLINK_FOLLOW"}, name{0x1000, 0x1000, "AT_EMPTY_PATH"},
	)
}

// newfstatatNames are the flags of newfstatat (linux/fcntl.h).
func newfstatatNames() *Names {
	return bits(
		name{0x1000, 0x1000, "AT_EMPTY_PATH"}, name{0x800, 0x800, "AT_NO_AUTOMOUNT"}, name{0x100, 0x100, "AT_SYMLINK_NOFOLLOW"},
	)
}

// fchownatNames are the flags of fchownat (linux/fcntl.h); Falco has another number for the first.
func fchownatNames() *Names {
	return bits(
		name{0x100, 0x400, "AT_SYMLINK_NOFOLLOW"}, name{0x1000, 0x1000, "AT_EMPTY_PATH"},
	)
}

// renameat2Names are the flags of renameat2 (linux/fs.h).
func renameat2Names() *Names {
	return bits(
		name{0x1, 0x1, "RENAME_NOREPLACE"}, name{0x2, 0x2, "RENAME_EXCHANGE"}, name{0x4, 0x4, "RENAME_WHITEOUT"},
	)
}

// chmodNames are the permission bits of a file (linux/stat.h).
func chmodNames() *Names {
	return bits(
		name{0x1, 0x1, "S_IXOTH"}, name{0x2, 0x2, "S_IWOTH"}, name{0x4, 0x4, "S_IROTH"}, name{0x8, 0x8, "S_IXGRP"},
		name{0x10, 0x10, "S_IWGRP"}, name{0x20, 0x20, "S_IRGRP"}, name{0x40, 0x40, "S_IXUSR"}, name{0x80, 0x80, "S_IWUSR"},
		name{0x100, 0x100, "S_IRUSR"}, name{0x200, 0x200, "S_ISVTX"}, name{0x400, 0x400, "S_ISGID"}, name{0x800, 0x800, "S_ISUID"},
	)
}

// mknodNames are the permission bits and the type of a file (linux/stat.h). The types share bits: those of two bits come first.
func mknodNames() *Names {
	return bits(
		name{0x1, 0x1, "S_IXOTH"}, name{0x2, 0x2, "S_IWOTH"}, name{0x4, 0x4, "S_IROTH"}, name{0x8, 0x8, "S_IXGRP"},
		name{0x10, 0x10, "S_IWGRP"}, name{0x20, 0x20, "S_IRGRP"}, name{0x40, 0x40, "S_IXUSR"}, name{0x80, 0x80, "S_IWUSR"},
		name{0x100, 0x100, "S_IRUSR"}, name{0x200, 0x200, "S_ISVTX"}, name{0x400, 0x400, "S_ISGID"}, name{0x800, 0x800, "S_ISUID"},
		name{0x6000, 0x6000, "S_IFBLK"}, name{0xc000, 0xc000, "S_IFSOCK"},
		name{0x8000, 0x8000, "S_IFREG"}, name{0x2000, 0x2000, "S_IFCHR"}, name{0x1000, 0x1000, "S_IFIFO"},
	)
}

// spliceNames are the flags of splice (linux/splice.h).
func spliceNames() *Names {
	return bits(
		name{0x1, 0x1, "SPLICE_F_MOVE"}, name{0x2, 0x2, "SPLICE_F_NONBLOCK"}, name{0x4, 0x4, "SPLICE_F_MORE"},
		name{0x8, 0x8, "SPLICE_F_GIFT"},
	)
}

// memfdNames are the flags of memfd_create (linux/memfd.h).
func memfdNames() *Names {
	return bits(
		name{0x1, 0x1, "MFD_CLOEXEC"}, name{0x2, 0x2, "MFD_ALLOW_SEALING"}, name{0x4, 0x4, "MFD_HUGETLB"},
	)
}

// epollNames are the flags of epoll_create1 (linux/eventpoll.h).
func epollNames() *Names {
	return bits(
		name{0x80000, 0x1, "EPOLL_CLOEXEC"},
	)
}

// closeRangeNames are the flags of close_range (linux/close_range.h).
func closeRangeNames() *Names {
	return bits(
		name{0x2, 0x2, "CLOSE_RANGE_UNSHARE"}, name{0x4, 0x4, "CLOSE_RANGE_CLOEXEC"},
	)
}

// PollNames are the events of poll (asm-generic/poll.h).
func PollNames() *Names {
	return bits(
		name{0x1, 0x1, "POLLIN"}, name{0x2, 0x2, "POLLPRI"}, name{0x4, 0x4, "POLLOUT"}, name{0x2000, 0x8, "POLLRDHUP"},
		name{0x8, 0x10, "POLLERR"}, name{0x10, 0x20, "POLLHUP"}, name{0x20, 0x40, "POLLNVAL"}, name{0x40, 0x80, "POLLRDNORM"},
		name{0x80, 0x100, "POLLRDBAND"}, name{0x100, 0x200, "POLLWRNORM"}, name{0x200, 0x400, "POLLWRBAND"},
	)
}

// fsconfigNames are the commands of fsconfig (linux/mount.h).
func fsconfigNames() *Names {
	return choice(
		name{0, 0, "FSCONFIG_SET_FLAG"}, name{1, 1, "FSCONFIG_SET_STRING"}, name{2, 2, "FSCONFIG_SET_BINARY"},
		name{3, 3, "FSCONFIG_SET_PATH"}, name{4, 4, "FSCONFIG_SET_PATH_EMPTY"}, name{5, 5, "FSCONFIG_SET_FD"},
		name{6, 6, "FSCONFIG_CMD_CREATE"}, name{7, 7, "FSCONFIG_CMD_RECONFIGURE"},
	)
}

// fcntlNames are the commands of fcntl (linux/fcntl.h).
func fcntlNames() *Names {
	return choice(
		name{1032, 29, "F_GETPIPE_SZ"}, name{1031, 28, "F_SETPIPE_SZ"}, name{1026, 27, "F_NOTIFY"}, name{1030, 26, "F_DUPFD_CLOEXEC"},
		name{1029, 25, "F_CANCELLK"}, name{1025, 24, "F_GETLEASE"}, name{1024, 23, "F_SETLEASE"}, name{16, 22, "F_GETOWN_EX"},
		name{15, 21, "F_SETOWN_EX"}, name{11, 15, "F_GETSIG"}, name{10, 13, "F_SETSIG"}, name{9, 12, "F_GETOWN"}, name{8, 10, "F_SETOWN"},
		name{7, 9, "F_SETLKW"}, name{6, 8, "F_SETLK"}, name{5, 6, "F_GETLK"}, name{4, 5, "F_SETFL"}, name{3, 4, "F_GETFL"},
		name{2, 3, "F_SETFD"}, name{1, 2, "F_GETFD"}, name{0, 1, "F_DUPFD"}, name{36, 30, "F_OFD_GETLK"}, name{37, 31, "F_OFD_SETLK"},
		name{38, 32, "F_OFD_SETLKW"},
	)
}
