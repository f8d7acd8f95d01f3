package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// Operations of io_uring (linux/io_uring.h).
const (
	opConnect   = 16
	opRenameat  = 35
	opUnlinkat  = 36
	opMkdirat   = 37
	opSymlinkat = 38
	opLinkat    = 39
)

// uringCallsTrigger asks a ring for calls that are no opens. args: a folder, which is its working directory, too.
func uringCallsTrigger(args []string) (any, error) {
	dir := args[0]
	r, err := testutil.NewUring(8, nil)
	if err := errors.Join(err, os.Chdir(dir), os.WriteFile("file", nil, 0o600)); err != nil {
		return nil, err
	}
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	port := server.Addr().(*net.TCPAddr).Port
	serves := fmt.Sprintf("127.0.0.1:%d", port)
	addr := binary.LittleEndian.AppendUint16(nil, unix.AF_INET)
	addr = append(binary.BigEndian.AppendUint16(addr, uint16(port)), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)

	var facts doorFacts
	ask := func(typ string, params map[string]string, e testutil.SQE, want int32) {
		res, asked := r.One(e)
		switch {
		case facts.Skip != "":
			return // what follows needs what this kernel's ring can't do
		case asked != nil:
			err = errors.Join(err, fmt.Errorf("%s: %w", typ, asked))
		case res == -int32(unix.EINVAL) && before(5, 15):
			facts.Skip = "needs Linux 5.15: the ring has no " + typ
		case res != want:
			err = errors.Join(err, fmt.Errorf("%s: the ring answered %d, want %d", typ, res, want))
		}
		facts.Calls = append(facts.Calls, doorCall{typ, 0, params})
	}
	path := func(p string) []byte { return []byte(p + "\x00") }
	cwd := unix.AT_FDCWD
	ask("mkdirat", map[string]string{"path": dir + "/new", "mode": fmt.Sprint(0o750)},
		testutil.Operation(opMkdirat, cwd, "new", nil, 0, 0o750, 0), 0)
	ask("renameat2", map[string]string{"oldpath": dir + "/file", "newpath": dir + "/other", "newdirfd": fmt.Sprint(at), "flags": "1"},
		testutil.Operation(opRenameat, cwd, dir+"/file", path("other"), 0, uint32(at), unix.RENAME_NOREPLACE), 0)
	ask("linkat", map[string]string{"oldpath": dir + "/other", "newpath": dir + "/link"},
		testutil.Operation(opLinkat, at, "other", path(dir+"/link"), 0, uint32(cwd&0xffffffff), 0), 0)
	ask("symlinkat", map[string]string{"target": "to/nowhere", "linkpath": dir + "/symlink"},
		testutil.Operation(opSymlinkat, at, "to/nowhere", path("symlink"), 0, 0, 0), 0)
	ask("unlinkat", map[string]string{"name": dir + "/link", "flags": "0"}, testutil.Operation(opUnlinkat, cwd, dir+"/link", nil, 0, 0, 0), 0)
	ask("unlinkat", map[string]string{"name": dir + "/absent"},
		testutil.Operation(opUnlinkat, at, "absent", nil, 0, 0, 0), -int32(unix.ENOENT))
	ask("connect", map[string]string{"addr": serves}, testutil.Operation(opConnect, fd, string(addr), nil, uint64(len(addr)), 0, 0), 0)
	return &facts, err
}

// What a ring is asked for is seen with its paths and addresses, also if the ring tells nobody what became of it.
func TestUringCalls(t *testing.T) {
	var facts doorFacts
	c := trigger(t, &facts, "io_uring calls", t.TempDir())
	if facts.Skip != "" {
		t.Skip(facts.Skip)
	}
	c.checkDoor(facts, func(ev *event.Event) bool { return ev.Flags&event.FlagIoUring != 0 })
	for _, ev := range c.events {
		if ev.Tgid == c.pid && ev.Flags&event.FlagIoUring != 0 && ev.Flags&event.FlagUnverified == 0 {
			t.Errorf("%v is said to be verified, without a result", ev.Type)
		}
	}
}
