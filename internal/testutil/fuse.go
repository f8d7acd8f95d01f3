package testutil

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// FUSE is a file system made by hand, served by this process: one folder, in which every name that begins with "there"
// is an empty file and no other exists. With it a system call can be held in the middle.
type FUSE struct {
	// OnLookup is called before a name is answered; the call that asked waits meanwhile. May be nil.
	OnLookup func(name string)

	dev   *os.File
	names map[string]uint64
}

// What is spoken on /dev/fuse (linux/fuse.h): the operations that are answered, and the protocol's version.
const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseOpen    = 14
	fuseRelease = 18
	fuseFlush   = 25
	fuseInit    = 26
	fuseOpendir = 27
	fuseReaddir = 28
	fuseReldir  = 29
	fuseBatch   = 42

	fuseMajor, fuseMinor = 7, 31
	fuseInHeader         = 40
)

// MountFUSE mounts it at a folder of the caller's mount namespace, and serves it until the process ends or the mount
// is gone.
func (f *FUSE) MountFUSE(dir string) error {
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open /dev/fuse: %w", err)
	}
	f.dev, f.names = dev, map[string]uint64{}
	options := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other", dev.Fd())
	if err := syscall.Mount("saker", dir, "fuse", 0, options); err != nil {
		return errors.Join(fmt.Errorf("mount a FUSE file system: %w", err), dev.Close())
	}
	go f.serve()
	return nil
}

func (f *FUSE) serve() {
	buf := make([]byte, 1<<17)
	for {
		n, err := syscall.Read(int(f.dev.Fd()), buf)
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ENOENT) {
			continue
		}
		if err != nil || n < fuseInHeader {
			return // unmounted
		}
		f.answer(buf[:n])
	}
}

func (f *FUSE) answer(req []byte) {
	le := binary.LittleEndian
	op, unique, node := le.Uint32(req[4:]), le.Uint64(req[8:]), le.Uint64(req[16:])
	switch op {
	case fuseInit:
		out := make([]byte, 64)
		le.PutUint32(out, fuseMajor)
		le.PutUint32(out[4:], fuseMinor)
		le.PutUint32(out[20:], 1<<16) // max_write
		f.reply(unique, 0, out)
	case fuseLookup:
		name, _, _ := strings.Cut(string(req[fuseInHeader:]), "\x00")
		if f.OnLookup != nil {
			f.OnLookup(name)
		}
		if !strings.HasPrefix(name, "there") {
			f.reply(unique, syscall.ENOENT, nil)
			return
		}
		if f.names[name] == 0 {
			f.names[name] = uint64(len(f.names) + 2)
		}
		out := make([]byte, 40, 128) // no time for which the answer may be kept: each call asks anew
		le.PutUint64(out, f.names[name])
		f.reply(unique, 0, append(out, fuseAttr(f.names[name])...))
	case fuseGetattr:
		f.reply(unique, 0, append(make([]byte, 16), fuseAttr(node)...))
	case fuseOpen, fuseOpendir:
		f.reply(unique, 0, make([]byte, 16))
	case fuseRelease, fuseReldir, fuseFlush, fuseReaddir:
		f.reply(unique, 0, nil)
	case fuseForget, fuseBatch: // not answered
	default:
		f.reply(unique, syscall.ENOSYS, nil)
	}
}

// fuseAttr is struct fuse_attr of a node.
func fuseAttr(node uint64) []byte {
	attr := make([]byte, 88)
	le := binary.LittleEndian
	mode := uint32(syscall.S_IFREG | 0o755)
	if node == 1 {
		mode = syscall.S_IFDIR | 0o755
	}
	le.PutUint64(attr, node)
	le.PutUint32(attr[60:], mode)
	le.PutUint32(attr[64:], 1) // nlink
	return attr
}

func (f *FUSE) reply(unique uint64, errno syscall.Errno, out []byte) {
	le := binary.LittleEndian
	msg := make([]byte, 16, 16+len(out))
	le.PutUint32(msg, uint32(16+len(out)))
	le.PutUint32(msg[4:], uint32(-int32(errno)))
	le.PutUint64(msg[8:], unique)
	_, _ = syscall.Write(int(f.dev.Fd()), append(msg, out...)) // the caller may be gone
}
