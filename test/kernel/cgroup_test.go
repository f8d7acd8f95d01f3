package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

type cgroupFacts struct {
	// Open was made inside the cgroup.
	Open callFacts
	// Inode is the cgroup's directory's, Path its place below the hierarchy's root.
	Inode uint64
	Path  string
}

// cgroupTrigger makes a cgroup below its own, opens a file in it, and removes it. args: the controller, and those whose
// hierarchies are not followed, where it does the same before.
func cgroupTrigger(args []string) (any, error) {
	for _, controller := range args[1:] {
		other, remove, err := newCgroup(controller)
		if err != nil {
			return nil, err
		}
		defer remove()
		if err := os.WriteFile(other+"/cgroup.procs", []byte("0"), 0); err != nil {
			return nil, err
		}
	}
	home, err := cgroupDir(args[0])
	if err != nil {
		return nil, err
	}
	dir, remove, err := newCgroup(args[0])
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := os.WriteFile(dir+"/cgroup.procs", []byte("0"), 0); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, err
	}
	open, err := openat(unix.AT_FDCWD, "/dev/null", event.File{Given: "/dev/null"})
	if err != nil {
		return nil, err
	}
	open.Want.CgroupID = st.Ino
	path, err := cgroupPath(args[0])
	if err != nil {
		return nil, err
	}
	f := cgroupFacts{*open, st.Ino, path}
	return f, os.WriteFile(home+"/cgroup.procs", []byte("0"), 0)
}

// mountedHierarchies are those of which each has a controller of its own, and v2 as "".
func mountedHierarchies() (controllers []string) {
	for _, controller := range []string{"memory", "pids", "cpu", ""} {
		dir, err := cgroupDir(controller)
		if err != nil {
			continue
		}
		if _, err := os.Stat(dir); err == nil {
			controllers = append(controllers, controller)
		}
	}
	return controllers
}

// newCgroup makes a cgroup below the caller's; remove takes the caller out of it and removes it.
func newCgroup(controller string) (dir string, remove func(), err error) {
	home, err := cgroupDir(controller)
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(home, fmt.Sprintf("saker-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, err
	}
	return dir, func() {
		_ = os.WriteFile(home+"/cgroup.procs", []byte("0"), 0)
		_ = os.Remove(dir)
	}, nil
}

// cgroupPath is the caller's line in /proc/self/cgroup.
func cgroupPath(controller string) (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 && f[1] == controller {
			return f[2], nil
		}
	}
	return "", fmt.Errorf("find controller %q in /proc/self/cgroup", controller)
}

// One hierarchy is followed, and nothing of the others is told.
func TestCgroups(t *testing.T) {
	mounted := mountedHierarchies()
	for _, tt := range []struct{ name, followed string }{
		{"v1", controller()},
		{"v2", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "v1" && tt.followed == "" || !slices.Contains(mounted, tt.followed) {
				t.Skipf("needs a host with cgroup %s", tt.name)
			}
			args := []string{tt.followed}
			for _, other := range mounted {
				if other != tt.followed {
					args = append(args, other)
				}
			}
			// The process that the capture begins in.
			home, err := cgroupOf(tt.followed)
			must(t, err)
			var facts cgroupFacts
			c := newWatcher(t, tt.followed).run(&facts, command(t, "cgroup", args...))
			c.check(c.open(event.TypeOpenat, "/dev/null"), facts.Open)
			if ev := c.exec(); ev.CgroupID != home {
				t.Errorf("the process began in cgroup %d, want %d", ev.CgroupID, home)
			}
			var seen []cgroupChange
			for _, change := range c.cgroups {
				if change.Tgid == c.pid {
					seen = append(seen, change)
				}
			}
			// Nothing of the other hierarchies.
			group := event.Cgroup{ID: facts.Inode, Path: facts.Path}
			want := []cgroupChange{{Made: true, Tgid: c.pid, Cgroup: group}, {Made: false, Tgid: c.pid, Cgroup: group}}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("changes (-facts +seen):\n%s", diff)
			}
		})
	}
}
