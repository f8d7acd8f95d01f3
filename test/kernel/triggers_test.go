package kernel

import (
	"os"

	"golang.org/x/sys/unix"
)

// triggers run in a child process and return the facts to compare with.
var triggers = map[string]func(args []string) (any, error){
	"openat": openatTrigger,
}

// fileFacts are what fstat says of an opened file.
type fileFacts struct {
	Pid, Tid     int
	FD           int
	Dev, Ino     uint64
	Mode, Nlink  uint32
	Ctime, Mtime int64
	Cwd          string
}

func factsOf(fd int) (fileFacts, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fileFacts{}, err
	}
	cwd, err := os.Getwd()
	return fileFacts{
		Pid: os.Getpid(), Tid: unix.Gettid(), FD: fd, Dev: st.Dev, Ino: st.Ino, Mode: st.Mode, Nlink: uint32(st.Nlink),
		Ctime: st.Ctim.Nano(), Mtime: st.Mtim.Nano(), Cwd: cwd,
	}, err
}

func openatTrigger(args []string) (any, error) {
	fd, err := unix.Openat(unix.AT_FDCWD, args[0], unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return nil, err
	}
	return factsOf(fd)
}
