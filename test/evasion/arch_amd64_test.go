package evasion

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/ia32"
)

// TestEntries: other entries into the kernel than the one that programs of this machine use.
func TestEntries(t *testing.T) { try(t, archTechniques) }

// Numbers of i386's table, and the bit that makes a number one of x32's.
const (
	i386Open       = 5
	i386Creat      = 8
	i386Execve     = 11
	i386Socketcall = 102
	x32Bit         = 0x40000000

	socketcallConnect = 3
)

var archTechniques = []technique{
	{"open call", func(dir string) error { return call(unix.SYS_OPEN, dir+"/secret", unix.O_RDONLY) }, []expectation{
		seen(secretRead, "evt.type=open", "fd.name.matched=given"),
	}},
	{"creat", func(dir string) error {
		return errors.Join(call(unix.SYS_CREAT, dir+"/secret", 0o600), os.Symlink("secret", dir+"/link"),
			call(unix.SYS_CREAT, dir+"/link", 0o600))
	}, []expectation{
		gap("open_write and fd.name = DIR/secret", noCall),
		seen("evt.type = creat and fd.name = DIR/secret", "fd.name.given=DIR/secret", "fd.name.matched=given"),
		seen("evt.type = creat and fd.name = DIR/secret", "fd.name.given=DIR/link", "fd.name.matched=resolved"),
	}},
	{"int 0x80", func(dir string) error {
		if err := needEntry32(); err != nil {
			return err
		}
		path, err := low(dir + "/secret")
		if err != nil {
			return err
		}
		if fd := ia32.Int80(i386Open, path, unix.O_RDONLY, 0, 0); fd < 0 {
			return unix.Errno(-fd)
		}
		if path, err = low(dir + "/payload"); err != nil {
			return err
		}
		return unix.Errno(-ia32.Int80(i386Execve, path, 0, 0, 0))
	}, []expectation{
		seen(secretRead, "evt.type=open", "fd.name=DIR/secret"),
		seen(payloadRun, "evt.type=execve", "proc.name=payload"),
	}},
	{"32-bit program", func(dir string) error {
		if err := needEntry32(); err != nil {
			return err
		}
		if err := os.WriteFile(dir+"/program32", program32(dir+"/secret"), 0o755); err != nil {
			return err
		}
		return run(nil, dir+"/program32", "x")
	}, []expectation{
		seen("spawned_process and proc.exepath = DIR/program32", "proc.name=program32"),
		seen(secretRead, "evt.type=open", "proc.name=program32"),
	}},
	{"connect by socketcall", func(string) error {
		if err := needEntry32(); err != nil {
			return err
		}
		fd, err := datagrams()
		if err != nil {
			return err
		}
		addr, err := low(string(inet4(evil)))
		if err != nil {
			return err
		}
		args := binary.LittleEndian.AppendUint32(nil, uint32(fd))
		args = binary.LittleEndian.AppendUint32(args, uint32(addr))
		at, err := low(string(binary.LittleEndian.AppendUint32(args, 16)))
		if err != nil {
			return err
		}
		if res := ia32.Int80(i386Socketcall, socketcallConnect, at, 0, 0); res < 0 {
			return unix.Errno(-res)
		}
		return nil
	}, []expectation{seen(evilConnected, "evt.res=SUCCESS", "fd.l4proto=udp")}},
	{"x32 numbers", func(dir string) error {
		err := call(x32Bit|unix.SYS_OPEN, dir+"/secret", unix.O_RDONLY)
		if errors.Is(err, unix.ENOSYS) {
			return nil // as on most kernels; the attempt is seen all the same
		}
		return err
	}, []expectation{seen("evt.type = open and fd.name = DIR/secret", "fd.name=DIR/secret")}},
}

// needEntry32 skips the attack where the kernel takes no 32-bit system calls.
func needEntry32() error {
	enabled, err := ia32.Enabled()
	if err == nil && !enabled {
		return skip(ia32.Needed)
	}
	return err
}

func call(nr uintptr, path string, arg uintptr) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	if _, _, errno := unix.RawSyscall(nr, uintptr(unsafe.Pointer(p)), arg, 0); errno != 0 {
		return fmt.Errorf("call %#x on %s: %w", nr, path, errno)
	}
	return nil
}

// low puts a text below 4 GiB.
func low(text string) (uintptr, error) {
	p, err := unix.MmapPtr(-1, 0, nil, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_32BIT)
	if err != nil {
		return 0, err
	}
	copy(unsafe.Slice((*byte)(p), 4096), text+"\x00")
	return uintptr(p), nil
}

// program32 is a 32-bit ELF file that opens a file and exits.
func program32(path string) []byte {
	const base, head = 0x08048000, 52 + 32
	code := []byte{
		0xb8, i386Open, 0, 0, 0, // mov eax, open
		0xbb, 0, 0, 0, 0, // mov ebx, path
		0x31, 0xc9, // xor ecx, ecx
		0xcd, 0x80, // int 0x80
		0xb8, 1, 0, 0, 0, // mov eax, exit
		0x31, 0xdb, // xor ebx, ebx
		0xcd, 0x80, // int 0x80
	}
	le := binary.LittleEndian
	le.PutUint32(code[6:], uint32(base+head+len(code)))
	size := uint32(head + len(code) + len(path) + 1)
	elf := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 9)...)
	for _, v := range []uint16{2, 3} { // executable, i386
		elf = le.AppendUint16(elf, v)
	}
	for _, v := range []uint32{1, base + head, 52, 0, 0} { // version, entry, program headers, sections, flags
		elf = le.AppendUint32(elf, v)
	}
	for _, v := range []uint16{52, 32, 1, 0, 0, 0} { // sizes and counts
		elf = le.AppendUint16(elf, v)
	}
	for _, v := range []uint32{1, 0, base, base, size, size, 5, 4096} { // one segment, readable and executable
		elf = le.AppendUint32(elf, v)
	}
	return append(append(elf, code...), path+"\x00"...)
}
