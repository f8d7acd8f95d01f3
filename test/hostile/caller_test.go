package hostile

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"
)

// runCaller makes the calls. args: a folder, the seed, how many.
func runCaller(args []string) error {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	calls, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	w, err := newWorld(args[0])
	if err != nil {
		return err
	}
	w.entry32, _ = ia32.Enabled() // without it, the calls are made by the usual entry alone
	go shuffle()
	done := make(chan error, threads)
	for i := range threads {
		go func() {
			c := &caller{world: w, rnd: rand.New(rand.NewPCG(seed, uint64(i))), number: i}
			done <- c.run(calls/threads+1, os.NewFile(uintptr(3+i), "facts"))
		}()
	}
	var errs []error
	for range threads {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

// caller is one thread that makes calls, and notes what is true of them.
type caller struct {
	*world
	rnd    *rand.Rand
	number int
	pid    int32
	tid    int32
	// calls counts them.
	calls int
	mem   *arena
	cwd   folder
	facts *gob.Encoder
}

func (c *caller) run(calls int, to *os.File) error {
	runtime.LockOSThread()
	// A working directory of its own.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	var err error
	if c.mem, err = newArena(); err != nil {
		return err
	}
	c.pid, c.tid = int32(os.Getpid()), int32(unix.Gettid())
	out := bufio.NewWriterSize(to, 1<<16)
	c.facts = gob.NewEncoder(out)
	c.cwd = c.folders[0]
	if err := unix.Fchdir(c.cwd.fd); err != nil {
		return err
	}
	if _, err := unix.Open(begin, 0, 0); err == nil {
		return fmt.Errorf("%s is there", begin)
	}
	for c.calls = 1; c.calls <= calls; c.calls++ {
		if err := c.step(); err != nil {
			return fmt.Errorf("thread %d, call %d: %w", c.number, c.calls, err)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return to.Close()
}

// chance is true p times of 1000.
func (c *caller) chance(p int) bool { return c.rnd.IntN(1000) < p }

func pick[T any](c *caller, of []T) T { return of[c.rnd.IntN(len(of))] }

// step makes one call.
func (c *caller) step() error {
	c.mem.used = 0
	if c.chance(20) {
		c.chdir()
	}
	switch n := c.rnd.IntN(1000); {
	case n < 12:
		return c.child()
	case n < 60:
		return c.failExec()
	case n < 90:
		return c.openByHandle()
	default:
		return c.open()
	}
}

// chdir goes to another folder, if it is one.
func (c *caller) chdir() {
	f := pick(c, c.folders)
	if unix.Fchdir(f.fd) == nil {
		c.cwd = f
	}
}

// make makes a call by one of the entries, and returns its result.
func (c *caller) make(typ event.Type, a [5]uintptr) (ret int64, flags event.Flags) {
	if c.entry32 && c.chance(150) && low(a) {
		return int80(compat[typ], a), event.FlagCompat
	}
	nr := native[typ]
	if x32 != 0 && c.chance(10) {
		nr |= x32
	}
	r, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], 0)
	if errno != 0 {
		return -int64(errno), 0
	}
	return int64(r), 0
}

// low tells whether the arguments mean the same to the 32-bit entry.
func low(a [5]uintptr) bool {
	for _, v := range a {
		if v>>32 != 0 {
			return false
		}
	}
	return true
}

func (c *caller) fact(kind event.Kind, typ event.Type, ret int64, flags event.Flags) *fact {
	f := &fact{Kind: kind, Tid: c.tid}
	f.Want = outcome{Type: typ, Tgid: c.pid, Ret: ret, DirFD: event.AtFDCWD, Flags: flags}
	if ret < 0 {
		f.Want.Flags |= event.FlagUnverified
	}
	return f
}

// send passes a fact on.
func (c *caller) send(f *fact, call string, args ...any) error {
	f.Call = fmt.Sprintf("thread %d, call %d: %v", c.number, c.calls, f.Want.Type) + fmt.Sprintf(call,
		args...) + fmt.Sprintf(" = %d, in %.300q", f.Want.Ret, c.cwd.Text)
	return c.facts.Encode(f)
}

// open makes a call of those that take a path.
func (c *caller) open() error {
	var types []event.Type
	for _, t := range []event.Type{event.TypeOpenat, event.TypeOpenat, event.TypeOpen, event.TypeOpenat2, event.TypeCreat} {
		if native[t] != 0 {
			types = append(types, t)
		}
	}
	typ := pick(c, types)
	dir := folder{fd: unix.AT_FDCWD, name: c.cwd.name, files: c.cwd.files, bottom: c.cwd.bottom}
	if typ == event.TypeOpenat || typ == event.TypeOpenat2 {
		dir = c.dir()
	}
	p := c.path(dir)
	flags, mode := c.openFlags(), c.rnd.Uint32()
	if c.chance(800) {
		mode &= 0o7777
	}
	file := event.File{Present: true, OpenFlags: flags, Mode: mode}
	fd := uintptr(uint32(dir.fd))
	if c.chance(30) {
		fd |= uintptr(c.rnd.Uint64() << 32) // an int to the kernel
	}
	var args [5]uintptr
	switch typ {
	case event.TypeOpen:
		args = [5]uintptr{p.at, uintptr(flags), uintptr(mode)}
	case event.TypeCreat:
		args = [5]uintptr{p.at, uintptr(mode)}
		file.OpenFlags = unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC
	case event.TypeOpenat:
		args = [5]uintptr{fd, p.at, uintptr(flags), uintptr(mode)}
	default:
		how, size := c.how(flags, mode, &file)
		args = [5]uintptr{fd, p.at, how, size}
	}
	ret, entry := c.make(typ, args)
	f := c.fact(event.KindOpen, typ, ret, entry)
	if typ == event.TypeOpenat || typ == event.TypeOpenat2 {
		f.Want.DirFD = int32(dir.fd)
		if !p.readable || strings.HasPrefix(p.raw(), "/") {
			f.directory(dir)
		}
	}
	f.Want.File = file
	c.named(f, p, dir)
	f.Want.File.Raw = p.raw()
	if err := c.opened(f, dir); err != nil {
		return err
	}
	return c.send(f, "(%d, %.300q %s, %#o, %#o, %#x)", dir.fd, p.text, p.how, flags, mode, file.Resolve)
}

// directory says what is told of a directory descriptor that no name starts from: whether its own one was cut.
func (f *fact) directory(dir folder) {
	const steps = 200 // as many as the kernel's walk goes up
	switch {
	case dir.fd == unix.AT_FDCWD:
	case strings.Count(dir.Text, "/") > steps || len(dir.Text) >= maxPath:
		f.Want.Flags |= event.FlagDirTruncated
	case dir.Other != "":
		f.May |= event.FlagDirTruncated // it is renamed all the time
	}
}

// named says which name the caller gave, absolute by its text.
func (c *caller) named(f *fact, p path, dir folder) {
	switch {
	case !p.readable:
		f.Want.Flags |= event.FlagRawTruncated
		return
	case len(p.text) >= maxPath:
		f.Want.Flags |= event.FlagRawTruncated
	case len(p.text) == maxPath-1:
		f.May |= event.FlagRawTruncated // it just fits, which can't be told from one that does not
	}
	raw := p.raw()
	switch {
	case strings.HasPrefix(raw, "/"):
		f.Given.Text = filepath.Clean(raw)
	case dir.Text == "":
		f.Given.Text = raw
	default:
		f.Given.Text, f.Given.Climbs = filepath.Clean(dir.Text+"/"+raw), strings.Contains(raw, "..")
		if dir.bottom || dir.Other != "" && f.Given.Climbs {
			f.May |= event.FlagPathTruncated // of the folder, of which the name may keep nothing
		}
		if dir.Other != "" {
			f.Given.Other, f.Given.Raw = filepath.Clean(dir.Other+"/"+raw), raw
		}
	}
}

// opened asks the kernel about the file that a call with a directory has opened, and closes it.
func (c *caller) opened(f *fact, dir folder) error {
	file := &f.Want.File
	file.FD = f.Want.Ret
	if f.Want.Ret < 0 {
		return nil
	}
	fd := int(f.Want.Ret)
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	var fs unix.Statfs_t
	_ = unix.Fstatfs(fd, &fs) // FUSE has no answer
	file.InodeMode = st.Mode
	if fs.Type != unix.OVERLAYFS_SUPER_MAGIC { // whose inode numbers depend on what was written
		file.ID = event.FileID{Dev: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Ino: st.Ino}
	}
	var buf [2 * maxPath]byte
	n, err := unix.Readlink("/proc/self/fd/"+strconv.Itoa(fd), buf[:])
	if errors.Is(err, unix.ENAMETOOLONG) {
		f.Resolved = c.tooDeep(f, dir, &st)
		return nil
	}
	if err != nil {
		return err
	}
	text := string(buf[:n])
	if st.Nlink == 0 {
		text = strings.TrimSuffix(text, " (deleted)")
	}
	switch {
	case strings.HasPrefix(text, "/memfd:"):
		text = text[1:]
		f.Want.Flags |= event.FlagOutsideRoot
	case !strings.HasPrefix(text, "/"):
		// It stands in no directory: what /proc shows is made up. A few have a name of their own.
		kind, own, _ := strings.Cut(text, ":")
		text = map[string]string{"anon_inode": own, "socket": "UNIX-STREAM"}[kind]
		f.Want.Flags |= event.FlagOutsideRoot
	}
	f.Resolved = name{Text: text, Other: moved(text)}
	return nil
}

// tooDeep is the name of a file that /proc can't tell: one of those known, or one that this call made.
func (c *caller) tooDeep(f *fact, dir folder, st *unix.Stat_t) name {
	if path := c.deepest[[2]uint64{st.Dev, st.Ino}]; path != "" {
		return name{Text: path}
	}
	switch {
	case f.Want.File.OpenFlags&unix.O_TMPFILE == unix.O_TMPFILE:
		base := fmt.Sprintf("/#%d", st.Ino)
		return name{Text: c.tooLong + base, Other: filepath.Dir(c.tooLong) + base}
	case f.Want.File.Resolve&unix.RESOLVE_IN_ROOT != 0:
		return name{Text: dir.name.Text + filepath.Clean("/"+f.Want.File.Raw)}
	default:
		return f.Given // no symbolic link leads there
	}
}

// openByHandle makes the call that takes no path.
func (c *caller) openByHandle() error {
	dir := c.dir()
	handle := append([]byte(nil), pick(c, c.handles)...)
	for c.chance(300) {
		handle[c.rnd.IntN(len(handle))] = byte(c.rnd.Uint32())
	}
	at := c.mem.put(handle)
	if c.chance(100) {
		at = c.badPointer()
	}
	flags := c.openFlags()
	ret, entry := c.make(event.TypeOpenByHandleAt, [5]uintptr{uintptr(uint32(dir.fd)), at, uintptr(flags)})
	f := c.fact(event.KindOpen, event.TypeOpenByHandleAt, ret, entry)
	f.Want.DirFD = int32(dir.fd)
	f.directory(dir)
	f.Want.File = event.File{Present: true, OpenFlags: flags}
	if err := c.opened(f, dir); err != nil {
		return err
	}
	f.Given = f.Resolved // it has no other
	return c.send(f, "(%d, %x, %#o)", dir.fd, handle, flags)
}
