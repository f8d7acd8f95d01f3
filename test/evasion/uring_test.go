package evasion

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

// rings are ways to open a file without a system call of its own.
var rings = []technique{
	{"io_uring", func(dir string) error {
		return ringOpen(0, testutil.Openat(unix.AT_FDCWD, dir+"/secret", unix.O_RDONLY, 0))
	}, []expectation{
		seen(secretRead, "evt.type=openat", "evt.is_io_uring=true", "evt.res=SUCCESS", "fd.name.resolved=DIR/secret", "evt.unverified=false"),
		seen("evt.type = io_uring_setup and fd.typechar = r and evt.arg.sq_entries = 4 and proc.exeline contains DIR"),
	}},
	{"io_uring openat2", func(dir string) error {
		return ringOpen(0, testutil.Openat2(unix.AT_FDCWD, dir+"/../.."+dir[len("/tmp"):]+"/secret", &unix.OpenHow{Flags: unix.O_RDONLY}))
	}, []expectation{seen(secretRead, "evt.type=openat2", "evt.is_io_uring=true")}},
	{"io_uring by a symlink", func(dir string) error {
		return errors.Join(os.Symlink("secret", dir+"/link"), ringOpen(0, testutil.Openat(unix.AT_FDCWD, dir+"/link", unix.O_RDONLY, 0)))
	}, []expectation{seen(secretRead, "fd.name.given=DIR/link", "fd.name.matched=resolved", "evt.is_io_uring=true")}},
	{"io_uring in a worker", func(dir string) error {
		e := testutil.Openat(unix.AT_FDCWD, dir+"/secret", unix.O_RDONLY, 0)
		e.Flags = testutil.IosqeAsync
		return ringOpen(0, e)
	}, []expectation{seen(secretRead, "evt.is_io_uring=true", "fd.name.resolved=DIR/secret", "proc.args=DIR")}},
	{"io_uring with a polling thread", func(dir string) error {
		return ringOpen(testutil.IoringSetupSQPoll, testutil.Openat(unix.AT_FDCWD, dir+"/secret", unix.O_RDONLY, 0))
	}, []expectation{seen(secretRead, "evt.is_io_uring=true", "fd.name.resolved=DIR/secret", "proc.args=DIR")}},
	{"io_uring into its own table", func(dir string) error {
		e := testutil.Openat(unix.AT_FDCWD, dir+"/secret", unix.O_RDONLY, 0)
		e.FileIndex = 1
		return ringOpen(0, e)
	}, []expectation{seen(secretRead, "evt.is_io_uring=true", "fd.name.resolved=DIR/secret")}},
	{"io_uring with a name rewritten", func(dir string) error {
		e := testutil.Openat(unix.AT_FDCWD, dir+"/absent", unix.O_RDONLY, 0)
		return ringRename(e, dir+"/decoy")
	}, []expectation{
		seen("evt.type = openat and evt.failed = true and fd.name = DIR/absent", "evt.is_io_uring=true", "evt.unverified=false",
			"evt.res=ENOENT"),
	}},
	{"io_uring without an answer", func(dir string) error {
		e := testutil.Openat(unix.AT_FDCWD, dir+"/secret", unix.O_RDONLY, 0)
		e.Flags = testutil.IosqeCQESkip
		return errors.Join(os.Symlink("secret", dir+"/link"), ringSilent(e), ringSilent(e.To(dir+"/link")))
	}, []expectation{
		seen(secretRead, "evt.is_io_uring=true", "fd.name.given=DIR/secret", "evt.unverified=true", "fd.name.resolved=<nil>"),
		gap(secretRead+" and fd.name.given = DIR/link",
			"the kernel does not tell when an open has succeeded whose answer is not wanted: there is no file to ask yet"),
		seen("evt.is_io_uring = true and evt.unverified = true and fd.name = DIR/link"),
	}},
}

// ringOpen opens a file through a ring made with these flags.
func ringOpen(flags uint32, e testutil.SQE) error {
	r, err := testutil.NewUring(4, &testutil.UringParams{Flags: flags})
	if err != nil {
		return err
	}
	if err := r.FixedFiles(1); err != nil {
		return err
	}
	res, err := r.One(e)
	if err == nil && res < 0 {
		err = unix.Errno(-res)
	}
	return err
}

// ringRename opens a file that is not there, and writes another name over its own while the request waits for one
// before it.
func ringRename(e testutil.SQE, name string) error {
	r, err := testutil.NewUring(4, nil)
	if err != nil {
		return err
	}
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	first := testutil.PollIn(pipe[0])
	first.Flags = testutil.IosqeIOLink
	r.Push(first, e)
	if err := r.Enter(0); err != nil {
		return err
	}
	e.Rename(name)
	if _, err := unix.Write(pipe[1], []byte{1}); err != nil {
		return err
	}
	for {
		answers, err := r.Submit(1)
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Res == -int32(unix.ENOENT) {
				return nil
			}
		}
	}
}

// ringSilent asks for no answer if the open succeeds; another request's answer shows that it is over.
func ringSilent(e testutil.SQE) error {
	r, err := testutil.NewUring(4, nil)
	if err != nil {
		return err
	}
	r.Push(e)
	res, err := r.One(testutil.Nop())
	if err == nil && res != 0 {
		err = fmt.Errorf("the ring answered %d to nothing", res)
	}
	return err
}
