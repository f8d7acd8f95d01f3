package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// rowFacts are a system call as its caller knows it.
type rowFacts struct {
	// Row is the name of the call, Skipped why it was not made, Nr its number.
	Row, Skipped string
	Nr           uintptr
	Tid          int32
	// From and To, ns since boot, are just before and after the call.
	From, To, Ret int64
	Params        map[string]paramFacts
}

// paramFacts are a parameter as the caller knows it. Text stands for the parameter's own, which JSON can't pass on if it is not UTF-8.
// About: the number may be another one up to the half or the double of it.
type paramFacts struct {
	event.Param
	Text  []byte
	About bool
}

// maker makes the calls of one row, on a thread and in a directory of their own.
type maker struct {
	row   string
	nr    uintptr
	call6 func(nr, a, b, c, d, e, f uintptr) (r1, r2 uintptr, err unix.Errno)
	// base is the directory, proc the thread's own folder in /proc.
	base string
	proc int
	tid  int32
	// memory is what is left of the room for what the calls' pointers point to.
	memory []byte
	// servers are the sockets whose end is a server's, queues the limits of those that listen, sockets how many paths were given out.
	servers map[int]bool
	queues  map[int]uint32
	sockets int
	facts   []rowFacts
	err     error
}

// run lets a row make its calls. The thread is the row's alone, so what it does to its credentials ends with it.
func (m *maker) run(calls func(m *maker)) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if err := m.prepare(); err != nil {
			done <- err
			return
		}
		calls(m)
		done <- m.err
	}()
	return <-done
}

func (m *maker) prepare() error {
	var err error
	if _, m.tid, err = ownIDs(); err != nil {
		return err
	}
	if m.proc, err = unix.Open("/proc/thread-self", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	const room = 1 << 16
	mem, err := unix.MmapPtr(-1, 0, nil, room, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|mapLow)
	if err != nil {
		return err
	}
	m.memory, m.queues, m.servers = unsafe.Slice((*byte)(mem), room), map[int]uint32{}, map[int]bool{}
	clear(m.memory) // all of it is there before the calls
	if m.base == "" {
		return nil
	}
	return errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chdir(m.base))
}

// note keeps the first error of the preparations.
func (m *maker) note(err error) {
	if m.err == nil && err != nil {
		_, _, line, _ := runtime.Caller(2)
		m.err = fmt.Errorf("line %d: %w", line, err)
	}
}

// must is the result of a preparation.
func (m *maker) must(n int, err error) int {
	m.note(err)
	return n
}

// arg is an argument of a call, and the parameter that shows it.
type arg struct {
	// name is the parameter's; empty if none shows the argument.
	name string
	word uintptr
	// none: it is no argument, but shows what the call did.
	none bool
	// want is the parameter after the call; result is what the call returned.
	want func(result int64) paramFacts
}

// anyErrno stands for whatever error a kernel returns.
const anyErrno = unix.Errno(0xffff)

// call makes the row's call, which is to return errno, or to succeed if that is 0.
func (m *maker) call(errno unix.Errno, args ...arg) int {
	if m.err != nil {
		return -1
	}
	var words [6]uintptr
	n := 0
	for _, a := range args {
		if !a.none {
			words[n] = a.word
			n++
		}
	}
	f := rowFacts{Row: m.row, Nr: m.nr, Tid: m.tid, Params: map[string]paramFacts{}, From: bootNow()}
	ret, _, got := m.call6(m.nr, words[0], words[1], words[2], words[3], words[4], words[5])
	f.To = bootNow()
	if f.Ret = int64(ret); got != 0 {
		f.Ret = -int64(got)
	}
	if got != errno && (errno != anyErrno || got == 0) {
		m.note(fmt.Errorf("the call returned %d, want errno %d: %w", f.Ret, int(errno), got))
		return -1
	}
	for _, a := range args {
		if a.want != nil {
			p := a.want(f.Ret)
			p.Text = []byte(p.Param.Text)
			f.Params[a.name] = p
		}
	}
	m.facts = append(m.facts, f)
	return int(f.Ret)
}

func shown(p event.Param) func(int64) paramFacts {
	return func(int64) paramFacts { return paramFacts{Param: p} }
}

// word is an argument that no parameter shows.
func word(w uintptr) arg { return arg{word: w} }

// num is a number that the parameter shows as it is.
func num(name string, n int64) arg { return numAs(name, n, n) }

// numAs is a number for which the parameter has another one, Falco's.
func numAs(name string, n, want int64) arg {
	if name == "" {
		return word(uintptr(n))
	}
	return arg{name: name, word: uintptr(n), want: shown(event.Param{Num: want})}
}

// and is a number that the call has made.
func and(name string, n int64) arg {
	a := num(name, n)
	a.none = true
	return a
}

// missing is a null pointer, or one to nowhere.
func missing(name string, at uintptr) arg {
	return arg{name: name, word: at, want: shown(event.Param{Missing: true})}
}

// about is a number that the kernel changes all the time.
func about(name string, n int64) arg {
	return arg{name: name, none: true, want: func(int64) paramFacts { return paramFacts{Param: event.Param{Num: n}, About: true} }}
}

// room is memory for a call.
func (m *maker) room(n int) []byte {
	b := m.memory[:n:n]
	m.memory = m.memory[(n+7)&^7:]
	return b
}

func at(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// bytes is memory with a content.
func (m *maker) bytes(content string) []byte {
	b := m.room(len(content) + 1)
	copy(b, content)
	return b[:len(content)]
}

// words is memory with numbers of 64 bits.
func (m *maker) words(numbers ...uint64) []byte {
	b := m.room(8 * len(numbers))
	for i, n := range numbers {
		binary.NativeEndian.PutUint64(b[8*i:], n)
	}
	return b
}

// text is a string.
func (m *maker) text(name, s string) arg {
	return arg{name: name, word: at(m.bytes(s)), want: shown(event.Param{Text: s})}
}

// path is one that starts from the working directory.
func (m *maker) path(name, path string) arg { return m.pathAt(name, "", path) }

// pathAt is one that starts from a directory below the working one.
func (m *maker) pathAt(name, dir, path string) arg {
	given := path
	if !filepath.IsAbs(path) {
		given = filepath.Join(m.base, dir, path)
	}
	return m.pathAs(name, path, given)
}

func (m *maker) pathAs(name, path, given string) arg {
	return arg{name: name, word: at(m.bytes(path)), want: shown(event.Param{Text: path, Given: given})}
}

// snaplen is how many bytes of data are kept.
const snaplen = 80

// kept are bytes of which no more are kept than max.
func kept(b []byte, all, max int) paramFacts {
	return paramFacts{Param: event.Param{Text: string(b[:min(len(b), max)]), Num: int64(all), Truncated: all > max}}
}

// data are bytes that the call takes.
func (m *maker) data(name string, b []byte) arg {
	return arg{name: name, word: at(b), want: func(int64) paramFacts { return kept(b, len(b), snaplen) }}
}

// received are bytes that the call fills in, as many as it returns.
func received(name string, b []byte) arg {
	return arg{name: name, word: at(b), want: func(n int64) paramFacts {
		if n < 0 {
			return paramFacts{Param: event.Param{Missing: true}}
		}
		return kept(b[:n], int(n), snaplen)
	}}
}

// vector is an iovec of buffers, as an argument that data show; its second part is their number, as an argument that nothing shows.
func (m *maker) vector(name string, filled bool, buffers ...[]byte) []arg {
	var words []uint64
	for _, b := range buffers {
		words = append(words, uint64(at(b)), uint64(len(b)))
	}
	v := m.words(words...)
	return []arg{{name: name, word: at(v), want: joined(filled, buffers)}, word(uintptr(len(buffers)))}
}

// joined are the bytes of several buffers one after the other; filled are as many as the call returned.
func joined(filled bool, buffers [][]byte) func(n int64) paramFacts {
	return func(n int64) paramFacts {
		var all []byte
		for _, b := range buffers {
			all = append(all, b...)
		}
		if !filled {
			return kept(all, len(all), snaplen)
		}
		if n < 0 {
			return paramFacts{Param: event.Param{Missing: true}}
		}
		return kept(all[:n], int(n), snaplen)
	}
}

// later is a number that stands in memory after the call.
func later(name string, b []byte) arg {
	return arg{name: name, word: at(b), want: func(int64) paramFacts {
		n := int64(binary.NativeEndian.Uint32(b))
		if len(b) == 8 {
			n = int64(binary.NativeEndian.Uint64(b))
		}
		return paramFacts{Param: event.Param{Num: n}}
	}}
}

// seen is an argument of another kind that is no argument.
func seen(a arg) arg {
	a.none = true
	return a
}

// fd is a descriptor, with what it leads to after the call.
func (m *maker) fd(name string, fd int) arg {
	return arg{name: name, word: uintptr(fd), want: func(int64) paramFacts { return m.descriptor(fd) }}
}

// polled are the descriptors of a poll: words with a struct pollfd each.
func (m *maker) polled(name string, b []byte) arg {
	a := m.all(name, b)
	text := a.want
	a.want = func(result int64) paramFacts {
		p := text(result)
		for ; len(b) > 0; b = b[8:] {
			p.Polled = append(p.Polled, m.descriptor(int(int32(binary.NativeEndian.Uint32(b)))).Descriptor)
		}
		return p
	}
	return a
}

// was is a descriptor, with what it leads to before the call.
func (m *maker) was(name string, fd int) arg {
	p := m.descriptor(fd)
	return arg{name: name, word: uintptr(fd), want: func(int64) paramFacts { return p }}
}

// result is the descriptor that the call returns.
func (m *maker) result(name string) arg {
	return arg{name: name, none: true, want: func(n int64) paramFacts { return m.descriptor(int(n)) }}
}

// stored is a descriptor that the call puts into memory.
func (m *maker) stored(name string, b []byte) arg {
	return arg{name: name, word: at(b), none: true, want: func(result int64) paramFacts {
		if result < 0 {
			return paramFacts{Param: event.Param{Num: -1}} // Falco's number for none
		}
		return m.descriptor(int(int32(binary.NativeEndian.Uint32(b))))
	}}
}

// descriptor is what the kernel says of one.
func (m *maker) descriptor(fd int) paramFacts {
	p := paramFacts{Param: event.Param{Num: int64(fd)}}
	id, mode, nlink, err := fileOf(fd)
	if err != nil {
		return p // there is none
	}
	d := &p.Descriptor
	if mode&unix.S_IFMT == unix.S_IFSOCK {
		d.Kind, d.ID.Ino = event.KindSocket, id.Ino
		m.note(m.socket(fd, &d.Socket))
		return p
	}
	var buf [8192]byte
	n, err := unix.Readlinkat(m.proc, "fd/"+strconv.Itoa(fd), buf[:])
	m.note(err)
	link := strings.TrimSuffix(string(buf[:max(n, 0)]), " (deleted)")
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	m.note(err)
	d.ID, d.InodeMode, d.Nlink, d.OpenFlags = id, mode, nlink, genericFlags(flags)
	switch {
	case strings.HasPrefix(link, "pipe:"):
		d.Kind, d.OutsideRoot = event.KindPipe, true
	case strings.HasPrefix(link, "anon_inode:"):
		d.Kind, d.Path, d.OutsideRoot = event.KindAnonymous, strings.TrimPrefix(link, "anon_inode:"), true
		if d.Path == "[pidfd]" && !before(6, 9) {
			d.Path = "" // since it is a file of a file system of its own, the kernel makes the name up for /proc
		}
	case strings.HasPrefix(link, "/memfd:"):
		d.Kind, d.Path, d.OutsideRoot = event.KindAnonymous, strings.TrimPrefix(link, "/"), true
	case mode&unix.S_IFMT == unix.S_IFDIR:
		d.Kind, d.Path = event.KindDirectory, link
	case strings.HasSuffix(link, fmt.Sprintf(":[%d]", id.Ino)):
		d.Kind = event.KindNamespace
		d.Path, _, _ = strings.Cut(link, ":")
	default:
		d.Kind, d.Path = event.KindFile, link
	}
	return p
}

// States of sockets (net/tcp_states.h).
const (
	established = 1
	closed      = 7
	listening   = 10
)

func (m *maker) socket(fd int, s *event.Socket) error {
	option := func(which int) uint16 {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, which)
		m.note(err)
		return uint16(n)
	}
	s.Family, s.Type, s.Protocol = option(unix.SO_DOMAIN), option(unix.SO_TYPE), option(unix.SO_PROTOCOL)
	local, err := unix.Getsockname(fd)
	m.note(err)
	remote, err := unix.Getpeername(fd)
	s.State = closed
	if err == nil {
		s.State = established
	}
	if option(unix.SO_ACCEPTCONN) != 0 {
		s.State = listening
	}
	s.Server, s.QueueMax = m.servers[fd], m.queues[fd]
	if s.Family != unix.AF_UNIX {
		s.Local, s.Remote = endOf(local), endOf(remote)
		if !s.Remote.IsValid() && s.Local.IsValid() {
			s.Remote = netip.AddrPortFrom(anyOf(s.Local.Addr()), 0)
		}
		return nil
	}
	if s.Name = unixName(local); s.Name == "" && remote != nil {
		s.Name, s.PeerName = unixName(remote), true
	} else {
		s.Server = s.Name != ""
	}
	return nil
}

func endOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// anyOf is the family's address of all zeros.
func anyOf(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

func unixName(sa unix.Sockaddr) string {
	if sa, ok := sa.(*unix.SockaddrUnix); ok && sa.Name != "@" { // which stands for none
		return sa.Name
	}
	return ""
}

// open opens a file of the working directory, which is made if it is not there.
func (m *maker) open(name string, flags int) int {
	return m.must(unix.Open(filepath.Join(m.base, name), flags|unix.O_CREAT|unix.O_CLOEXEC, 0o644))
}

// file makes one with a content.
func (m *maker) file(name, content string) {
	m.note(os.WriteFile(filepath.Join(m.base, name), []byte(content), 0o644))
}

// folder makes a directory and opens it.
func (m *maker) folder(name string) int {
	m.note(os.Mkdir(filepath.Join(m.base, name), 0o755))
	return m.must(unix.Open(filepath.Join(m.base, name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
}

// memorySizes are the caller's, in KiB.
func (m *maker) memorySizes() []arg {
	status, err := procStatus("self")
	m.note(err)
	var args []arg
	for _, s := range [][2]string{{"vm_size", "VmSize"}, {"vm_rss", "VmRSS"}, {"vm_swap", "VmSwap"}} {
		args = append(args, about(s[0], int64(number(status[s[1]], 0, 10))))
	}
	return args
}

// noFD is a descriptor that is not open.
const noFD = 9999
