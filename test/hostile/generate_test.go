package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// path is an argument: a string in memory, or what claims to be one.
type path struct {
	at       uintptr
	text     string
	readable bool
	// how says where it lies.
	how string
}

// raw is what the sensor can know of it.
func (p path) raw() string {
	if !p.readable {
		return ""
	}
	return p.text[:min(len(p.text), maxPath-1)]
}

// path makes an argument that starts from a folder, if it is relative.
func (c *caller) path(dir folder) path {
	text := c.text(dir)
	switch n := c.rnd.IntN(100); {
	case n < 8:
		return path{c.mem.atEnd(append([]byte(text), 0)), text, true, "at the end of a page"}
	case n < 11 && text != "" && len(text) < 4000:
		return path{c.mem.atEnd([]byte(text)), text, false, "across the end of a page"}
	case n < 14:
		return path{c.badPointer(), "", false, "nowhere"}
	default:
		return path{c.mem.text(text), text, true, ""}
	}
}

// badPointer points to no memory of the caller's.
func (c *caller) badPointer() uintptr {
	return pick(c, []uintptr{
		0, 1, 8, 4095, c.mem.end(), c.mem.end() + 8, 0xdead0000, 1<<47 - 1, 1 << 47, 0xffff888000000000, 0xffffffff81000000, ^uintptr(0),
		^uintptr(4095), 0x8000000000000000,
	})
}

// text makes a path: of what there is, of what there is not, and of what can't be.
func (c *caller) text(dir folder) string {
	var p string
	switch n := c.rnd.IntN(100); {
	case n < 40 && len(dir.files) > 0:
		p = pick(c, dir.files)
	case n < 80:
		p = pick(c, c.paths)
	case n < 84:
		return fmt.Sprintf("%sfile", strings.Repeat("../", c.rnd.IntN(60)))
	case n < 87:
		return c.bytes(1 + c.rnd.IntN(300))
	case n < 89:
		return "/tmp/" + c.bytes(pick(c, []int{1, 2, 254, 255, 256, 1000}))
	case n < 91:
		return "/tmp/new" + fmt.Sprint(c.rnd.IntN(64))
	case n < 92:
		return ""
	case n < 94:
		return c.fill("/plain/file", pick(c, []int{4093, 4094, 4095, 4096, 4097, 5000, 9000}), "/.")
	case n < 95:
		return c.fill("x", pick(c, []int{4094, 4095, 4096, 6000}), "./")
	case n < 96:
		return strings.Repeat(strings.Repeat("c", 1+c.rnd.IntN(255))+"/", 1+c.rnd.IntN(30))
	default:
		f := pick(c, c.folders)
		if f.bottom {
			return "/fuse/there" // a file made in it would have a name that nobody knows
		}
		return fmt.Sprintf("/proc/self/fd/%d/%s", f.fd, strings.TrimPrefix(pick(c, c.paths), "/"))
	}
	if dir.bottom && !strings.HasPrefix(p, "/") {
		return p // what it opens has a name that the kernel can't tell, so it must be plain
	}
	for c.chance(150) {
		p = c.twist(p)
	}
	return p
}

// twist says the same, or nearly, in another way.
func (c *caller) twist(p string) string {
	abs := strings.HasPrefix(p, "/")
	switch n := c.rnd.IntN(9); {
	case n == 0 && abs:
		return "/proc/self/root" + p
	case n == 1 && abs:
		return "/plain/sub/../.." + p
	case n == 2 && abs:
		return "//" + p
	case n == 3:
		return strings.ReplaceAll(p, "/", "/./")
	case n == 4:
		return strings.ReplaceAll(p, "/", "//")
	case n == 5:
		return p + "/"
	case n == 6:
		return p + "/.."
	case n == 7 && abs:
		return "/l/root/l/folder/.." + p
	case n == 8 && !abs:
		return "./" + p
	}
	return p + "/."
}

// fill makes a path of n bytes of a filling and, in the end, another path.
func (c *caller) fill(end string, n int, filling string) string {
	text := strings.Repeat(filling, n/len(filling)+1)
	return text[:n-len(end)] + end
}

// bytes are any but NUL.
func (c *caller) bytes(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + c.rnd.IntN(255))
	}
	return string(b)
}

// dir is a directory descriptor: of a folder, of none, of something else.
func (c *caller) dir() folder {
	switch n := c.rnd.IntN(100); {
	case n < 50:
		return folder{fd: unix.AT_FDCWD, name: c.cwd.name, files: c.cwd.files, bottom: c.cwd.bottom}
	case n < 90:
		return pick(c, c.folders)
	case n < 94:
		return folder{fd: pick(c, c.nothing)}
	default:
		return folder{fd: pick(c, []int{-1, -99, -101, 5000, 1 << 20, 1<<31 - 1, -1 << 31})}
	}
}

// openFlags are sensible, odd or senseless.
func (c *caller) openFlags() uint32 {
	if c.chance(20) {
		return c.rnd.Uint32() &^ unix.O_CREAT
	}
	flags := pick(c, []uint32{unix.O_RDONLY, unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR, 3})
	for _, f := range []struct {
		flag   uint32
		chance int
	}{
		{unix.O_CREAT, 100}, {unix.O_EXCL, 50}, {unix.O_TRUNC, 50}, {unix.O_APPEND, 50}, {unix.O_NONBLOCK, 100}, {unix.O_DIRECTORY, 50},
		{unix.O_NOFOLLOW, 50},
		{unix.O_PATH, 100}, {unix.O_TMPFILE, 20}, {unix.O_CLOEXEC, 300}, {unix.O_SYNC, 20}, {unix.O_DIRECT, 20}, {unix.O_NOATIME, 20},
		{unix.O_NOCTTY, 50}, {1 << 30, 10},
	} {
		if c.chance(f.chance) {
			flags |= f.flag
		}
	}
	return flags
}

// resolveCached is RESOLVE_CACHED (linux/openat2.h).
const resolveCached = 0x20

// sizeofHow is that of struct open_how.
const sizeofHow = 24

// how makes openat2's struct. file gets what the sensor can know of it.
func (c *caller) how(flags, mode uint32, file *event.File) (at, size uintptr) {
	var b [64]byte
	high, wide := uint64(0), uint64(mode)
	if c.chance(30) {
		high = c.rnd.Uint64() << 32
	}
	if flags&(unix.O_CREAT|unix.O_TMPFILE&^unix.O_DIRECTORY) == 0 && c.chance(800) {
		mode, wide = 0, 0 // else the kernel refuses it
	}
	resolve := uint64(0)
	for _, bit := range []uint64{unix.RESOLVE_NO_XDEV, unix.RESOLVE_NO_MAGICLINKS, unix.RESOLVE_NO_SYMLINKS, unix.RESOLVE_BENEATH,
		unix.RESOLVE_IN_ROOT, resolveCached} {
		if c.chance(60) {
			resolve |= bit
		}
	}
	if c.chance(20) {
		resolve = c.rnd.Uint64()
	}
	binary.NativeEndian.PutUint64(b[0:], high|uint64(flags))
	binary.NativeEndian.PutUint64(b[8:], wide)
	binary.NativeEndian.PutUint64(b[16:], resolve)
	file.Mode, file.Resolve = mode, resolve
	size = sizeofHow
	switch n := c.rnd.IntN(100); {
	case n < 4:
		size = pick(c, []uintptr{0, 1, 8, 23, 25, 32, 64, 4096, 4097, 1 << 20, ^uintptr(0)})
	case n < 6:
		b[40], size = 1, 64
	case n < 8:
		size, at = 16, c.mem.end()-16 // the rest of it is not there
		file.OpenFlags, file.Mode, file.Resolve = 0, 0, 0
		return at, size
	case n < 10:
		file.OpenFlags, file.Mode, file.Resolve = 0, 0, 0
		return c.badPointer(), size
	}
	return c.mem.put(b[:]), size
}
