package hostile

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// failExec makes an exec that is bound to fail: nothing in the world that paths lead to can be executed.
func (c *caller) failExec() error {
	typ, dir := event.TypeExecve, folder{fd: unix.AT_FDCWD, name: c.cwd.name, files: c.cwd.files, bottom: c.cwd.bottom}
	if c.chance(400) {
		typ, dir = event.TypeExecveat, c.dir()
	}
	p := c.path(dir)
	argv, env := c.mem.base, c.badPointer()
	if c.chance(500) {
		argv = c.badPointer()
	}
	args := [5]uintptr{p.at, argv, env}
	if typ == event.TypeExecveat {
		args = [5]uintptr{uintptr(uint32(dir.fd)), p.at, argv, env, uintptr(pick(c, []int{0, unix.AT_SYMLINK_NOFOLLOW, 0x80000000}))}
	}
	ret, entry := c.make(typ, args)
	f := c.fact(event.KindExecFailed, typ, ret, entry)
	if typ == event.TypeExecveat {
		f.Want.DirFD = int32(dir.fd)
	}
	c.named(f, p, dir)
	return c.send(f, "(%d, %.300q %s, %#x, %#x)", dir.fd, p.text, p.how, argv, env)
}

// strings makes the arguments or the environment of a program.
func (c *caller) strings() []string {
	var all []string
	count, length := c.rnd.IntN(6), 1+c.rnd.IntN(40)
	switch c.rnd.IntN(20) {
	case 0:
		count, length = 1+c.rnd.IntN(300), 1+c.rnd.IntN(1000)
	case 1:
		count, length = 1, pick(c, []int{4095, 4096, 32766, 32767, 32768, 40000, 131071})
	case 2:
		count, length = 5000, 1
	}
	for range count {
		all = append(all, c.bytes(c.rnd.IntN(length+1)))
	}
	return all
}

// vector puts the strings and the array of their addresses; of none, it may be NULL.
func (c *caller) vector(all []string) uintptr {
	if len(all) == 0 && c.chance(500) {
		return 0
	}
	at := make([]uintptr, 0, len(all)+1)
	for _, s := range all {
		at = append(at, c.mem.text(s))
	}
	return c.mem.pointers(append(at, 0))
}

// child executes a program in a child.
func (c *caller) child() error {
	p := pick(c, c.programs)
	typ, fd, flags, text := event.TypeExecve, unix.AT_FDCWD, 0, p.path
	given := text
	if c.cwd.bottom && c.chance(700) {
		text, given = "program", "program"
		p = program{path: text, exe: c.cwd.Text + "/program"}
	}
	switch n := c.rnd.IntN(10); {
	case n == 0:
		typ, fd, flags, text = event.TypeExecveat, c.memfd, unix.AT_EMPTY_PATH, ""
		p, given = program{exe: "memfd:a\nmemfd"}, fmt.Sprintf("/dev/fd/%d", c.memfd)
	case n == 1 && strings.HasPrefix(p.path, "/bin/"):
		var err error
		if fd, err = c.bin(); err != nil {
			return err
		}
		typ, text = event.TypeExecveat, strings.TrimPrefix(p.path, "/bin/")
		given = fmt.Sprintf("/dev/fd/%d/%s", fd, text)
	}
	at := c.mem.text(text)
	argv, env := c.strings(), c.strings()
	a, e := c.vector(argv), c.vector(env)
	args := [5]uintptr{at, a, e}
	if typ == event.TypeExecveat {
		args = [5]uintptr{uintptr(fd), at, a, e, uintptr(flags)}
	}
	pid, err := forkExec(native[typ], args)
	if err != nil {
		return fmt.Errorf("fork: %w", err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	var f *fact
	if code := status.ExitStatus(); code != ended {
		f = c.fact(event.KindExecFailed, typ, -int64(code), 0)
		f.Want.DirFD = int32(fd)
		f.Given.Text = filepath.Clean(text)
		switch {
		case fd == c.memfd:
			f.Given.Text = text
		case fd != unix.AT_FDCWD:
			f.Given.Text = filepath.Clean("/bin/" + text)
		case !strings.HasPrefix(text, "/"):
			f.Given.Text = filepath.Clean(c.cwd.Text + "/" + text)
		}
	} else {
		f = c.fact(event.KindExec, typ, 0, 0)
		f.Given.Text = given
		if len(argv) == 0 {
			argv = []string{""} // the kernel puts it there (since 5.18)
		}
		if p.interp != "" {
			// binfmt_script(5): what the first line names takes the place of argv[0].
			script := []string{p.interp}
			if p.arg != "" {
				script = append(script, p.arg)
			}
			argv = append(append(script, given), argv[1:]...)
		}
		cwd := name{Text: strings.TrimSuffix(c.cwd.Text, "/"), Other: c.cwd.Other}
		if cwd.Text == "" {
			cwd.Text = "/"
		}
		f.Image = image{ExePath: name{Text: p.exe}, Cwd: cwd, Interp: p.interp, Args: joined(argv), Env: joined(env)}
		if len(f.Image.Args) > maxArgs {
			f.Want.Flags |= event.FlagArgsTruncated
		}
		if len(f.Image.Env) > maxEnv {
			f.Want.Flags |= event.FlagEnvTruncated
		}
		if p.exe == "memfd:a\nmemfd" {
			f.Want.Flags |= event.FlagOutsideRoot
		}
	}
	f.Tid, f.Want.Tgid = int32(pid), int32(pid)
	return c.send(f, "(%d, %.300q, %d arguments, %d variables) in a child", fd, text, len(argv), len(env))
}

// bin is a descriptor of /bin.
func (c *caller) bin() (int, error) {
	for _, f := range c.folders {
		if f.Text == "/bin" {
			return f.fd, nil
		}
	}
	return 0, fmt.Errorf("find the folder /bin")
}

// forkExec makes a child that makes the call at once, and ends with its error if it returns. Between the two nothing
// may happen: the child has this thread alone.
//
//go:norace
func forkExec(nr uintptr, a [5]uintptr) (int, error) {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	if pid == 0 {
		_, _, errno = unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], 0)
		for {
			_, _, _ = unix.RawSyscall(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0)
		}
	}
	runtime.KeepAlive(a)
	return int(pid), nil
}
