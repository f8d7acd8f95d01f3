package kernel

import (
	"fmt"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	calltable "github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/ia32"
	"github.com/saker-sensor/saker/internal/testutil"
)

// archTriggers need system calls that later architectures do not have.
var archTriggers = map[string]func(args []string) (any, error){
	"open":   openTrigger,
	"creat":  creatTrigger,
	"fork":   func([]string) (any, error) { return fork(unix.SYS_FORK, 0, 0, release) },
	"compat": compatTrigger,

	"socketcall":   socketcallTrigger,
	"ipc":          ipcTrigger,
	"compat calls": compatCallsTrigger,
	"x32":          x32Trigger,
}

// forkNumber is that of fork, 0 if there is none.
const forkNumber = unix.SYS_FORK

func openTrigger(args []string) (any, error) {
	path, err := unix.BytePtrFromString(args[0])
	if err != nil {
		return nil, err
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_SYNC
	return openFacts(event.TypeOpen, unix.AT_FDCWD, event.File{Raw: args[0], Given: args[0], OpenFlags: flags, Mode: 0o4600, Created: true},
		func() (uintptr, error) {
			fd, _, errno := unix.RawSyscall(unix.SYS_OPEN, uintptr(unsafe.Pointer(path)), flags, 0o4600)
			return fd, errno
		})
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var facts callFacts
	c := trigger(t, &facts, "open", path)
	c.check(c.open(event.TypeOpen, path), facts)
}

func creatTrigger(args []string) (any, error) {
	path, err := unix.BytePtrFromString(args[0])
	if err != nil {
		return nil, err
	}
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	return openFacts(event.TypeCreat, unix.AT_FDCWD, event.File{Raw: args[0], Given: args[0], OpenFlags: flags, Mode: 0o751, Created: true},
		func() (uintptr, error) {
			fd, _, errno := unix.RawSyscall(unix.SYS_CREAT, uintptr(unsafe.Pointer(path)), 0o751, 0)
			return fd, errno
		})
}

func TestCreat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var facts callFacts
	c := trigger(t, &facts, "creat", path)
	c.check(c.open(event.TypeCreat, path), facts)
}

// The numbers of i386's table.
const (
	i386Open     = 5
	i386Creat    = 8
	i386Execve   = 11
	i386Openat   = 295
	i386Openat2  = 437
	i386Execveat = 358
)

// compatTrigger makes each call by the 32-bit entry, from 64-bit code. args: a directory.
func compatTrigger(args []string) (any, error) {
	low, err := unix.MmapPtr(-1, 0, nil, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_32BIT)
	if err != nil {
		return nil, err
	}
	put := func(path string) uintptr { copy(unsafe.Slice((*byte)(low), 4096), path+"\x00"); return uintptr(low) }
	how := (*unix.OpenHow)(unsafe.Add(low, 4096))
	*how = unix.OpenHow{Flags: unix.O_CREAT | unix.O_RDWR, Mode: 0o606, Resolve: unix.RESOLVE_NO_XDEV}
	cwd := uintptr(0xffffff9c)

	var all []*callFacts
	var failed error
	open := func(typ event.Type, name string, file event.File, nr, a, b, c, d uintptr) {
		file.Raw, file.Given = filepath.Join(args[0], name), filepath.Join(args[0], name)
		put(file.Raw)
		f, err := openFacts(typ, unix.AT_FDCWD, file, int80(nr, a, b, c, d))
		if err != nil {
			failed = fmt.Errorf("%v: %w", typ, err)
			return
		}
		f.Want.Flags |= event.FlagCompat
		all = append(all, f)
	}
	p := uintptr(low)
	made := event.File{OpenFlags: unix.O_CREAT | unix.O_RDWR, Mode: 0o606, Created: true}
	open(event.TypeOpen, "open", made, i386Open, p, unix.O_CREAT|unix.O_RDWR, 0o606, 0)
	open(event.TypeOpenat, "openat", made, i386Openat, cwd, p, unix.O_CREAT|unix.O_RDWR, 0o606)
	open(event.TypeOpen, "absent", event.File{}, i386Open, p, 0, 0o123, 0)
	made.Resolve = how.Resolve
	open(event.TypeOpenat2, "openat2", made, i386Openat2, cwd, p, p+4096, unsafe.Sizeof(*how))
	open(event.TypeCreat, "creat", event.File{OpenFlags: unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, Mode: 0o640, Created: true},
		i386Creat, p, 0o640, 0, 0)

	for typ, nr := range map[event.Type]uintptr{event.TypeExecve: i386Execve, event.TypeExecveat: i386Execveat} {
		a, b := put("/nowhere/32"), uintptr(0)
		if typ == event.TypeExecveat {
			a, b = cwd, a
		}
		f, err := call(typ, int80(nr, a, b, 0, 0))
		if err != nil {
			return nil, err
		}
		f.Want.Filename = "/nowhere/32"
		f.Want.Flags = event.FlagCompat | event.FlagUnverified
		all = append(all, &f)
	}
	return all, failed
}

func int80(nr, a, b, c, d uintptr) func() (uintptr, error) {
	return func() (uintptr, error) {
		ret := ia32.Int80(nr, a, b, c, d)
		if ret < 0 {
			return 0, unix.Errno(-ret)
		}
		return uintptr(ret), nil
	}
}

func TestCompat(t *testing.T) {
	testutil.NeedEntry32(t)
	var facts []callFacts
	c := trigger(t, &facts, "compat", t.TempDir())
	for _, f := range facts {
		if f.Want.File.Present {
			c.check(c.open(f.Want.Type, f.Want.File.Raw), f)
			continue
		}
		c.check(c.find(f.Want.Filename, func(ev *event.Event) bool {
			return ev.Type == f.Want.Type && ev.Filename == f.Want.Filename && ev.Tgid == c.pid
		}), f)
	}
}

// genericFlags are open flags with the numbers that events show: amd64 has these.
func genericFlags(flags int) uint32 { return uint32(flags) }

// mapLow asks mmap for an address of 32 bits.
const mapLow = unix.MAP_32BIT

// archCall makes a call by the 32-bit entry.
var archCall = func(name string, path uintptr) (callFacts, error) {
	typ, nr := event.TypeOpen, uintptr(i386Open)
	if name == "int80 exec" {
		typ, nr = event.TypeExecve, i386Execve
	}
	f, err := call(typ, int80(nr, path, 0, 0, 0))
	f.Want.Flags |= event.FlagCompat
	return f, err
}

// compatNumbers are the numbers of the calls that 32-bit callers have, and a way to make them.
func compatNumbers(table *calltable.Table) map[string]uintptr {
	numbers := map[string]uintptr{}
	if enabled, err := ia32.Enabled(); err != nil || !enabled {
		return numbers
	}
	for nr, typ := range table.Compat() {
		numbers[typ.String()] = uintptr(nr)
	}
	return numbers
}

// int80Call makes a call of four arguments by the 32-bit entry.
func int80Call(nr, a, b, c, d, _, _ uintptr) (r1, r2 uintptr, err unix.Errno) {
	ret := ia32.Int80(nr, a, b, c, d)
	if ret < 0 {
		return 0, 0, unix.Errno(-ret)
	}
	return uintptr(ret), 0, 0
}
