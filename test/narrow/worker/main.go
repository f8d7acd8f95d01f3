// Command worker opens, makes, links, renames and removes files below a folder, by names of all kinds, as a seed says: worker FOLDER SEED
// COUNT. It makes sockets and processes, too. What fails, fails.
package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

type worker struct {
	*rand.Rand
	root string
}

func main() {
	seed, _ := strconv.ParseUint(os.Args[2], 10, 64)
	count, _ := strconv.Atoi(os.Args[3])
	w := worker{rand.New(rand.NewPCG(seed, 1)), os.Args[1]}
	for range count {
		w.step()
	}
}

func (w worker) pick(from ...string) string { return from[w.IntN(len(from))] }

// name is a file's below the root: absolute or relative, in its normal form or not, by a symbolic link or not.
func (w worker) name() string {
	dir := w.pick("", "etc", "etc/pam.d", "log", "home/.ssh", "link", "bound", "bin", "whole")
	name := filepath.Join(dir, w.pick(
		"shadow", "passwd", "id_rsa", "release_agent", "plain", "syslog.tail", "sub", "hard", "soft", "abcdefgh", "none"))
	switch w.IntN(5) {
	case 0:
		name = filepath.Dir(name) + "/../" + filepath.Base(filepath.Dir(name)) + "/" + filepath.Base(name)
	case 1:
		name = strings.Replace(name, "/", "//", 1)
	case 2:
		name = "./" + name
	}
	switch w.IntN(3) {
	case 0:
		_ = os.Chdir(w.root)
		return name
	case 1:
		_ = os.Chdir(filepath.Join(w.root, w.pick("etc", "log", "home")))
		return "../" + name
	}
	return w.root + "/" + name
}

func (w worker) step() {
	flags := [...]int{
		unix.O_RDONLY, unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR | unix.O_CREAT, unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC,
	}[w.IntN(5)]
	switch w.IntN(14) {
	case 0:
		_ = unix.Unlink(w.name())
	case 1:
		_ = unix.Rename(w.name(), w.name())
	case 2:
		_ = unix.Link(w.name(), w.name())
	case 3:
		_ = unix.Symlink(w.root+"/etc/shadow", w.name())
	case 4:
		_ = unix.Mkdir(w.name(), 0o700)
	case 5:
		w.socket()
	case 6:
		if w.IntN(8) == 0 {
			cmd := exec.Command("/proc/self/exe", w.root, strconv.FormatUint(w.Uint64(), 10), "20")
			cmd.Args[0] = w.pick("cat", "nginx", "sshd")
			_ = cmd.Run()
		}
	case 7:
		folder := filepath.Join(w.root, w.pick("etc", "home", "link"))
		if dir, err := unix.Open(folder, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
			w.open(dir, w.pick("shadow", "passwd", "../etc/shadow", "./plain", ".ssh/id_rsa", "none"), flags)
			_ = unix.Close(dir)
		}
	default:
		w.open(unix.AT_FDCWD, w.name(), flags)
	}
}

func (w worker) open(dir int, name string, flags int) {
	if fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC, 0o600); err == nil {
		_ = unix.Close(fd)
	}
}

func (w worker) socket() {
	family := [...]int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_PACKET}[w.IntN(4)]
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	if family == unix.AF_INET {
		_ = unix.Connect(fd, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 0, 0, byte(1 + w.IntN(3))}})
	}
	if other, err := unix.Dup(fd); err == nil {
		_ = unix.Close(other)
	}
	_ = unix.Close(fd)
}
