package kernel

import (
	"fmt"
	"os"
	"path/filepath"
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

// cgroupTrigger makes a cgroup below its own, opens a file in it, and removes it. args: the controller, and one whose
// hierarchy is not followed.
func cgroupTrigger(args []string) (any, error) {
	other, remove, err := newCgroup(args[1])
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := os.WriteFile(other+"/cgroup.procs", []byte("0"), 0); err != nil {
		return nil, err
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

func TestCgroups(t *testing.T) {
	for _, tt := range []struct{ name, followed, other string }{
		{"v1", "memory", ""},
		{"v2", "", "memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, controller := range []string{tt.followed, tt.other} {
				if _, err := cgroupOf(controller); err != nil {
					t.Skipf("needs a host with both cgroup hierarchies: %v", err)
				}
			}
			// The process that the capture begins in.
			home, err := cgroupOf(tt.followed)
			must(t, err)
			var facts cgroupFacts
			c := newWatcher(t, tt.followed).run(&facts, command(t, "cgroup", tt.followed, tt.other))
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
			// Nothing of the other hierarchy.
			group := event.Cgroup{ID: facts.Inode, Path: facts.Path}
			want := []cgroupChange{{Made: true, Tgid: c.pid, Cgroup: group}, {Made: false, Tgid: c.pid, Cgroup: group}}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("changes (-facts +seen):\n%s", diff)
			}
		})
	}
}
