package hostile

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// The caller of rows is in a cage: user, pid, mount, network, IPC and UTS namespaces of its own, and a small tmpfs as its root. What a
// random number might do to the machine, the kernel refuses there.
const (
	cageUID = 100_000
	// scrapAt is where nothing is mapped unless it is asked for: a hole that a call makes there, nobody else falls into.
	scrapAt    = 0x60000000
	scrapPages = 64
	// toysLast is the number of calls after which the descriptors are made anew, because calls have spoilt them.
	toysLast = 2_000
	// stuck is how long a call may take.
	stuck = 30 * time.Second
)

// rowCaller makes calls of all rows of the table.
type rowCaller struct {
	caller
	rows  []call.Row
	nr    map[event.Type]int
	toys  []toy
	scrap uintptr
	// undo is run behind the call at hand.
	undo []func()
}

// toy is a descriptor to play with.
type toy struct {
	fd   int
	kind event.DescriptorKind
}

// firstX32 is the first number of x32's own calls.
const firstX32 = 512

// wrongFDs are the numbers of no descriptors.
var wrongFDs = []int64{-1, -100, -99, 5000, 1 << 20, 1<<31 - 1, -1 << 31}

// runRows makes the calls. args: a folder, the seed, how many.
func runRows(args []string) error {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return err
	}
	calls, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	c := &rowCaller{nr: map[event.Type]int{}}
	if err := c.cage(args[0]); err != nil {
		return fmt.Errorf("make the cage: %w", err)
	}
	c.world, c.rnd = &world{}, rand.New(rand.NewPCG(seed, 1<<32))
	if c.mem, err = newArena(); err != nil {
		return err
	}
	var errno unix.Errno
	c.scrap, _, errno = unix.RawSyscall6(unix.SYS_MMAP, scrapAt, scrapPages*4096, unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_FIXED_NOREPLACE, 0, 0)
	if errno != 0 {
		return errno
	}
	table := call.New()
	for nr, typ := range table.Native() {
		if nr < firstX32 {
			c.nr[typ] = nr
		}
	}
	for _, r := range table.Rows() {
		if _, ok := c.nr[r.Type]; ok && leftOut[r.Name] == "" {
			c.rows = append(c.rows, r)
		}
	}
	to := os.NewFile(3, "facts")
	out := bufio.NewWriterSize(to, 1<<16)
	c.facts = gob.NewEncoder(out)
	progress := make(chan string, 1)
	go watch(progress)
	for c.calls = 0; c.calls < calls; c.calls++ {
		if c.calls%toysLast == 0 {
			if err := c.makeToys(); err != nil {
				return fmt.Errorf("make descriptors: %w", err)
			}
		}
		// Each row has its turn, in an order that changes.
		r := &c.rows[(c.calls+c.calls/len(c.rows)*7)%len(c.rows)]
		if err := c.callRow(r, progress); err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), to.Close())
}

// watch ends the process if a call takes too long, and says which.
func watch(progress <-chan string) {
	last := "before the first call"
	for {
		select {
		case last = <-progress:
		case <-time.After(stuck):
			fmt.Fprintln(os.Stderr, "no call has ended for a long time; the last that is known:", last)
			os.Exit(3)
		}
	}
}

// cage makes the root.
func (c *rowCaller) cage(dir string) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m,nr_inodes=10k"); err != nil {
		return fmt.Errorf("mount a tmpfs: %w", err)
	}
	ns, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(ns), unix.F_DUPFD, nsFD); err != nil {
		return err
	}
	unix.Umask(0)
	// A limit below what a mistake may lock.
	limit := unix.Rlimit{Cur: 1 << 16, Max: 1 << 16}
	err = errors.Join(unix.Chroot(dir), unix.Chdir("/"), unix.Mkdir("/sub", 0o755), write("/file", "/sub/file"), os.Symlink("/sub", "/link"),
		unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit), loopback())
	return err
}

// nsFD is the number of a descriptor of a namespace. Those from sparesFrom on are what calls may close and make.
const (
	nsFD       = 600
	sparesFrom = 700
	sparesTo   = 1000
)

// loopback starts the network of the namespace.
func loopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
}

// makeToys makes the descriptors, in place of earlier ones. None of them waits.
func (c *rowCaller) makeToys() error {
	for _, t := range c.toys {
		if t.fd != nsFD {
			_ = unix.Close(t.fd)
		}
	}
	c.toys = []toy{{nsFD, event.KindNamespace}}
	var errs []error
	one := func(kind event.DescriptorKind) func(int, error) {
		return func(fd int, err error) {
			if err != nil {
				errs = append(errs, err)
				return
			}
			c.toys = append(c.toys, toy{fd, kind})
		}
	}
	errs = append(errs, os.RemoveAll("/file")) // it may fill the file system, or be a folder by now
	one(event.KindFile)(unix.Open("/file", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CREAT, 0o644))
	one(event.KindDirectory)(unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0))
	one(event.KindAnonymous)(unix.EpollCreate1(0))
	one(event.KindAnonymous)(unix.Eventfd(0, unix.EFD_NONBLOCK))
	one(event.KindAnonymous)(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK))
	one(event.KindAnonymous)(unix.InotifyInit1(unix.IN_NONBLOCK))
	memfd, err := unix.MemfdCreate("toy", unix.MFD_ALLOW_SEALING)
	one(event.KindAnonymous)(memfd, err)
	_, err = unix.FcntlInt(uintptr(memfd), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	errs = append(errs, err)
	two := func(kind event.DescriptorKind, p [2]int, err error) {
		one(kind)(p[0], err)
		one(kind)(p[1], err)
	}
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_NONBLOCK)
	two(event.KindPipe, p, err)
	p, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	two(event.KindSocket, p, err)
	one(event.KindSocket)(unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0))
	one(event.KindSocket)(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0))
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	one(event.KindSocket)(listener, err)
	errs = append(errs, unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(listener, 4))
	return errors.Join(errs...)
}

// anyFD is a descriptor that is open.
func (c *rowCaller) anyFD() int { return pick(&c.caller, c.toys).fd }

// kindOf is what a descriptor leads to.
func (c *rowCaller) kindOf(fd int32) event.DescriptorKind {
	for _, t := range c.toys {
		if t.fd == int(fd) {
			return t.kind
		}
	}
	return event.KindUnknown
}

// callRow makes one call of a row, behind a mark, and says what must be in its record.
func (c *rowCaller) callRow(r *call.Row, progress chan<- string) error {
	c.mem.used, c.undo = 0, c.undo[:0]
	args := c.arguments(r)
	name := fmt.Sprintf("call %d: %s(%#x)", c.calls, r.Name, args)
	select {
	case progress <- name:
	default:
	}
	f := &rowFact{Number: uint32(c.calls), Type: r.Type}
	nr := uintptr(c.nr[r.Type])
	mark := uintptr(markMagic<<32 | uint64(c.calls))
	wrong := ^uintptr(0)
	_, _, _ = unix.RawSyscall(unix.SYS_LSEEK, wrong, mark, 0)
	ret, _, errno := unix.RawSyscall6(nr, uintptr(args[0]), uintptr(args[1]), uintptr(args[2]), uintptr(args[3]), uintptr(args[4]),
		uintptr(args[5]))
	f.Ret = int64(ret)
	if errno != 0 {
		f.Ret = -int64(errno)
	}
	f.Call = fmt.Sprintf("%s = %d", name, f.Ret)
	f.Params = c.expect(r, &args, f.Ret)
	c.after(r, &args, f.Ret)
	return c.facts.Encode(f)
}

// after closes what the call has opened, and gives back what it mapped.
func (c *rowCaller) after(r *call.Row, args *[6]uint64, ret int64) {
	for _, f := range c.undo {
		f()
	}
	if ret < 0 {
		return
	}
	switch r.Name {
	case "mmap":
		if at := uintptr(ret); at < c.scrap || at >= c.scrap+scrapPages*4096 {
			_, _, _ = unix.RawSyscall(unix.SYS_MUNMAP, at, uintptr(args[1]), 0)
		}
	case "fcntl": // its result is seldom a descriptor
	default:
		for i := range r.Params {
			if p := &r.Params[i]; !p.IsDescriptor() {
				continue
			} else if p.IsResult() {
				c.close(int(ret))
			} else if at := c.mem.at(uintptr(args[p.Arg%6])+uintptr(p.Offset), 4); p.Rules&storedFD != 0 && at != nil {
				c.close(int(little(at)))
			}
		}
	}
}

// close closes a descriptor, but none of the toys, which a call may return.
func (c *rowCaller) close(fd int) {
	if fd > 2 && c.kindOf(int32(fd)) == event.KindUnknown {
		_ = unix.Close(fd)
	}
}

// text is a string in memory.
type text struct {
	text string
	// ok: it ends before the memory does. cut: it is longer than what is kept.
	ok, cut bool
}

// at is memory of the arena; nil if not all of it is there.
func (a *arena) at(addr uintptr, n int) []byte {
	if addr < a.base || addr > a.end() || uintptr(n) > a.end()-addr {
		return nil
	}
	return a.mem[addr-a.base:][:n]
}

func (a *arena) textAt(addr uintptr) text {
	b := a.at(addr, 0)
	if b == nil {
		return text{}
	}
	b = a.mem[addr-a.base:]
	s, _, ok := strings.Cut(string(b[:min(len(b), maxPath)]), "\x00")
	if !ok && len(b) < maxPath {
		return text{}
	}
	return text{s[:min(len(s), maxPath-1)], true, !ok}
}

// words puts 64-bit numbers.
func (a *arena) words(all ...uint64) uintptr {
	b := make([]byte, 0, len(all)*8)
	for _, w := range all {
		for i := range 8 {
			b = append(b, byte(w>>(8*i)))
		}
	}
	return a.put(b)
}

// little is a number of up to eight bytes.
func little(b []byte) (n uint64) {
	for i, v := range b {
		n |= uint64(v) << (8 * i)
	}
	return n
}
