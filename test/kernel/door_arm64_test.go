package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// A 64-bit program of arm64 can't make 32-bit calls, so a 32-bit program is made here: what it points at, then its code.
type program32 struct {
	data, code []byte
	facts      doorFacts
}

const (
	headers32 = 52 + 32 // an ELF header and one program header
	base32    = 0x100000
	data32    = 4096 // the room for what it points at
)

// put returns the address that bytes will have.
func (p *program32) put(b []byte) uint32 {
	at := base32 + headers32 + uint32(len(p.data))
	p.data = append(p.data, b...)
	p.data = append(p.data, make([]byte, -len(p.data)&7)...)
	return at
}

func (p *program32) text(s string) uint32 { return p.put([]byte(s + "\x00")) }

// load emits movw and movt, which put a number into a register.
func (p *program32) load(register, n uint32) {
	for half, opcode := range []uint32{0xe3000000, 0xe3400000} {
		imm := n >> (16 * half) & 0xffff
		p.code = binary.LittleEndian.AppendUint32(p.code, opcode|imm>>12<<16|register<<12|imm&0xfff)
	}
}

// syscall emits a system call: the number is in r7 (EABI).
func (p *program32) syscall(nr uint32, args ...uint32) {
	for register, n := range args {
		p.load(uint32(register), n)
	}
	p.load(7, nr)
	p.code = binary.LittleEndian.AppendUint32(p.code, 0xef000000)
}

// call makes a system call and notes what is to be seen of it.
func (p *program32) call(typ string, ret int64, params map[string]string, nr uint32, args ...uint32) {
	p.syscall(nr, args...)
	p.facts.Calls = append(p.facts.Calls, doorCall{typ, ret, params})
}

// build ends the program with its exit and writes it (elf(5)).
func (p *program32) build(t *testing.T) string {
	t.Helper()
	p.syscall(armExit, 0)
	if len(p.data) > data32 {
		t.Fatalf("%d bytes of data, which have room for %d", len(p.data), data32)
	}
	size := uint32(headers32 + data32 + len(p.code))
	file := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 9)...)
	half := func(numbers ...uint16) {
		for _, n := range numbers {
			file = binary.LittleEndian.AppendUint16(file, n)
		}
	}
	word := func(numbers ...uint32) {
		for _, n := range numbers {
			file = binary.LittleEndian.AppendUint32(file, n)
		}
	}
	const executable, arm, current, eabi5, loaded, readWriteRun, page = 2, 40, 1, 0x05000000, 1, 7, 4096
	half(executable, arm)
	word(current, base32+headers32+data32, 52, 0, eabi5)
	half(52, 32, 1, 0, 0, 0)
	word(loaded, 0, base32, base32, size, size, readWriteRun, page)
	file = append(append(file, p.data...), make([]byte, data32-len(p.data))...)
	path := filepath.Join(t.TempDir(), "program32")
	must(t, os.WriteFile(path, append(file, p.code...), 0o755))
	return path
}

// needPrograms32 skips a test that runs a 32-bit program, where the processor runs none.
func needPrograms32(t *testing.T) {
	t.Helper()
	err := exec.Command(new(program32).build(t)).Run()
	if errors.Is(err, unix.ENOEXEC) {
		t.Skip("needs a processor that runs 32-bit programs")
	}
	must(t, err)
}

// Numbers of arm's table (arch/arm/tools/syscall.tbl).
const (
	armExit     = 1
	armOpen     = 5
	armCreat    = 8
	armUnlink   = 10
	armExecve   = 11
	armRename   = 38
	armMkdir    = 39
	armLlseek   = 140
	armMmap2    = 192
	armSetuid32 = 213
	armConnect  = 283
	armSend     = 289
	armRecv     = 291
	armOpenat   = 322
	armOpenat2  = 437
)

func TestCompatCalls(t *testing.T) {
	needPrograms32(t)
	dir := t.TempDir()
	file, other, folder := dir+"/file", dir+"/other", dir+"/dir"
	must(t, os.WriteFile(file, nil, 0o600))
	none := ^uint32(0)
	var p program32
	// struct sockaddr_in of 127.0.0.1, port 80
	addr := p.put([]byte{unix.AF_INET, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	p.call("rename", 0, map[string]string{"oldpath": file, "newpath": other}, armRename, p.text(file), p.text(other))
	p.call("unlink", 0, map[string]string{"path": other}, armUnlink, p.text(other))
	p.call("unlink", -int64(unix.ENOENT), map[string]string{"path": other}, armUnlink, p.text(other))
	p.call("mkdir", 0, map[string]string{"path": folder, "mode": fmt.Sprint(0o750)}, armMkdir, p.text(folder), 0o750)
	p.call("connect", -int64(unix.EBADF), map[string]string{"fd": "-1", "addr": "127.0.0.1:80"}, armConnect, none, addr, 16)
	p.call("send", -int64(unix.EBADF), map[string]string{"fd": "-1", "data": "by word", "size": "7"},
		armSend, none, p.text("by word"), 7, unix.MSG_DONTWAIT)
	p.call("recv", -int64(unix.EBADF), map[string]string{"fd": "-1", "data": "missing", "size": "9"},
		armRecv, none, p.put(make([]byte, 16)), 9, unix.MSG_DONTWAIT)
	p.call("llseek", -int64(unix.EBADF), map[string]string{"fd": "-1", "offset": "5", "whence": "0"},
		armLlseek, none, 0, 5, p.put(make([]byte, 8)), unix.SEEK_SET)
	p.call("mmap2", -int64(unix.EINVAL), map[string]string{"length": "0", "fd": "-1", "pgoffset": "3"},
		armMmap2, 0, 0, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON, none, 3)
	p.call("setuid", 0, map[string]string{"uid": fmt.Sprint(70000)}, armSetuid32, 70000)
	c := watch(t, nil, exec.Command(p.build(t)))
	c.checkDoor(p.facts, byCompat)
}

// TestCompat: opens and failed execs of a 32-bit program.
func TestCompat(t *testing.T) {
	needPrograms32(t)
	dir := t.TempDir()
	var p program32
	cwd := uint32(unix.AT_FDCWD & 0xffffffff)
	how := p.put(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil,
		unix.O_CREAT|unix.O_RDWR), 0o606), unix.RESOLVE_NO_XDEV))
	opens := []struct {
		typ                  event.Type
		flags, mode, resolve uint64
		nr                   uint32
		args                 func(path uint32) []uint32
	}{
		{event.TypeOpen, unix.O_CREAT | unix.O_RDWR, 0o640, 0, armOpen,
			func(path uint32) []uint32 { return []uint32{path, unix.O_CREAT | unix.O_RDWR, 0o640} }},
		{event.TypeOpenat, unix.O_CREAT | unix.O_RDWR | unix.O_NOFOLLOW, 0o604, 0, armOpenat,
			func(path uint32) []uint32 {
				return []uint32{cwd, path, unix.O_CREAT | unix.O_RDWR | unix.O_NOFOLLOW, 0o604}
			}},
		{event.TypeOpenat2, unix.O_CREAT | unix.O_RDWR, 0o606, unix.RESOLVE_NO_XDEV, armOpenat2,
			func(path uint32) []uint32 { return []uint32{cwd, path, how, unix.SizeofOpenHow} }},
		{event.TypeCreat, unix.O_CREAT | unix.O_WRONLY | unix.O_TRUNC, 0o600, 0, armCreat,
			func(path uint32) []uint32 { return []uint32{path, 0o600} }},
	}
	for _, o := range opens {
		p.syscall(o.nr, o.args(p.text(dir+"/"+o.typ.String()))...)
	}
	p.syscall(armExecve, p.text("/nowhere/32"), 0, 0)
	c := watch(t, nil, exec.Command(p.build(t)))
	for _, o := range opens {
		path := dir + "/" + o.typ.String()
		ev := c.open(o.typ, path)
		f := &ev.File
		if ev.Ret < 0 || ev.Flags&event.FlagCompat == 0 || f.Resolved != path || !f.Created || f.FD != ev.Ret {
			t.Errorf("%v: returned %d, flags %v, file %+v", o.typ, ev.Ret, ev.Flags, *f)
		}
		if want := genericFlags(int(o.flags)); f.OpenFlags != want || f.Mode != uint32(o.mode) || f.Resolve != o.resolve {
			t.Errorf("%v: flags %#o, mode %#o, resolve %#x; want %#o, %#o, %#x", o.typ, f.OpenFlags, f.Mode, f.Resolve, want, o.mode, o.resolve)
		}
	}
	if ev := c.exec(); ev.Ret != -int64(unix.ENOENT) || ev.Flags&event.FlagCompat == 0 || ev.Filename != "/nowhere/32" {
		t.Errorf("exec: returned %d, flags %v, filename %q", ev.Ret, ev.Flags, ev.Filename)
	}
}

// An exec by which a 32-bit program becomes a 64-bit one has a number of the other table at its end. (TestCompatCalls begins with the
// reverse.)
func TestCompatExec(t *testing.T) {
	needPrograms32(t)
	var p program32
	name := p.text("true")
	argv := p.put(binary.LittleEndian.AppendUint32(nil, name))
	p.put(make([]byte, 8))
	p.syscall(armExecve, p.text("/bin/true"), argv, 0)
	c := watch(t, nil, exec.Command(p.build(t)))
	if ev := c.exec(); ev.Ret != 0 || ev.Process.Cmdline != "true" {
		t.Errorf("exec: returned %d, command line %q", ev.Ret, ev.Process.Cmdline)
	}
	for _, ev := range c.events {
		if ev.Tgid == c.pid && ev.Type.String() == "listxattr" {
			t.Errorf("the exec is a %v, too: %d returned %d", ev.Type, ev.NativeID, ev.Ret)
		}
	}
}
