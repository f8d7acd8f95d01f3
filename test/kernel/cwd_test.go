package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/probe"
)

// cwdFacts are a working directory as /proc shows it, and a path of which one call was made there.
type cwdFacts struct{ Cwd, Path string }

// cwdTrigger goes to folders by chdir and fchdir, by a symbolic link and as another thread, whose directory is its own; in each it removes
// a file by a name that nothing has. args: a folder.
func cwdTrigger(args []string) (any, error) {
	var facts []cwdFacts
	at := func(name string, err error) error {
		if err != nil {
			return err
		}
		cwd, err := os.Readlink("/proc/thread-self/cwd")
		if err != nil {
			return err
		}
		facts = append(facts, cwdFacts{cwd, name})
		if err := unix.Unlinkat(unix.AT_FDCWD, name, 0); !errors.Is(err, unix.ENOENT) {
			return errors.Join(errors.New("it was there: "+name), err)
		}
		return nil
	}
	a, b := filepath.Join(args[0], "a"), filepath.Join(args[0], "b")
	err := errors.Join(os.MkdirAll(a+"/deep/er", 0o755), os.Mkdir(b, 0o755), os.Symlink("a/deep", args[0]+"/link"))
	fd, err2 := unix.Open(b, unix.O_PATH|unix.O_DIRECTORY, 0)
	err = errors.Join(err, err2,
		at("cwd-0", nil), at("cwd-1", unix.Chdir(a)), at("cwd-2", unix.Chdir("deep/er")), at("cwd-3", unix.Chdir(args[0]+"/link")),
		at("cwd-4", unix.Fchdir(fd)), at("cwd-5", unix.Chdir("/")), at("cwd-6", unix.Unshare(unix.CLONE_FS)),
		at("cwd-7", unix.Chdir(a)))
	return facts, err
}

// TestWorkingDirectory: where an event asks for the working directory, it is that of the moment.
func TestWorkingDirectory(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	w := newWatcherOf(t, probe.Settings{
		CgroupController: controller(), BulkBytes: 64 << 20, Caller: askAll("unlinkat", "chdir", "fchdir"),
	})
	var facts []cwdFacts
	c := w.run(&facts, command(t, "cwd", dir))
	if len(facts) != 8 {
		t.Fatalf("%d directories, want 8", len(facts))
	}
	var seen []string
	for _, ev := range c.events {
		if name := ev.Type.String(); ev.Tgid == c.pid && (name == "chdir" || name == "fchdir") && ev.Ret == 0 && ev.Caller != nil {
			seen = append(seen, ev.Caller.Cwd)
		}
	}
	for i, f := range facts[1:] {
		if i == 5 {
			continue // it was no change of the directory
		}
		if len(seen) == 0 || seen[0] != f.Cwd {
			t.Fatalf("the call that led to %s: %q", f.Cwd, seen)
		}
		seen = seen[1:]
	}
	for _, f := range facts {
		ev := c.find(f.Path, func(ev *event.Event) bool {
			return ev.Tgid == c.pid && ev.Caller != nil && len(ev.Params) > 2 && ev.Params[2].Text == f.Path
		})
		if ev.Caller.Parts&event.CallerCwd == 0 || ev.Caller.Cwd != f.Cwd {
			t.Errorf("%s: the working directory is %q, /proc says %q", f.Path, ev.Caller.Cwd, f.Cwd)
		}
	}
}
