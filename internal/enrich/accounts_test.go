package enrich

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/enrich/cgroup"
	"github.com/saker-sensor/saker/internal/event"
)

func TestParsePasswd(t *testing.T) {
	got := parsePasswd([]byte("# comment:x:1:1:::\nroot:x:0:0:Root:/root:/bin/sh\n\nshort:x:7\n:x:8:8:::\nbad:x:y:1:::\n" +
		"neg:x:-1:1:::\nhuge:x:4294967296:1:::\napp:x:1000:1000::/home/app:/bin/ash\r\nalias:x:1000:1::/:/\n" +
		"max:x:4294967294:1::/:/bin/false\n" + strings.Repeat("x", maxAccountBytes) + ":x:5:5::/:/\nlast:x:9:9::/l:"))
	want := map[uint32]event.User{
		0: {Name: "root", Home: "/root", Shell: "/bin/sh"}, 1000: {Name: "app", Home: "/home/app", Shell: "/bin/ash"},
		4294967294: {Name: "max", Home: "/", Shell: "/bin/false"}, 9: {Name: "last", Home: "/l"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	groups := parseGroup([]byte("root:x:0:\nwheel:x:10:a,b\nshort:x\nten:x:10:\n:x:3:\nodd:x:4\n"))
	if diff := cmp.Diff(map[uint32]string{0: "root", 10: "wheel", 4: "odd"}, groups); diff != "" {
		t.Error(diff)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add([]byte("root:x:0:0:Root:/root:/bin/sh\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for uid, u := range parsePasswd(text) {
			if u.Name == "" || strings.ContainsAny(u.Name, ":\n") || len(u.Name) > maxAccountBytes {
				t.Fatalf("user %d: %+v", uid, u)
			}
		}
		for gid, name := range parseGroup(text) {
			if name == "" || strings.ContainsAny(name, ":\n") || len(name) > maxAccountBytes {
				t.Fatalf("group %d: %q", gid, name)
			}
		}
	})
}

// write makes a file below a directory, with its parents.
func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, dir, name, target string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

func TestLayersRead(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "passwd", "outside")
	const file = "etc/passwd"
	for _, c := range []struct {
		name         string
		make         func(t *testing.T, upper, lower string)
		want         string
		err          error
		root, absent bool
	}{
		{name: "lower", make: func(t *testing.T, _, l string) { write(t, l, file, "low") }, want: "low"},
		{name: "upper wins", make: func(t *testing.T, u, l string) { write(t, u, file, "up"); write(t, l, file, "low") }, want: "up"},
		{name: "absent", make: func(*testing.T, string, string) {}, absent: true},
		{name: "link within", make: func(t *testing.T, u, _ string) {
			link(t, u, file, "shadow-passwd")
			write(t, u, "etc/shadow-passwd", "in")
		}, want: "in"},
		{name: "link to a lower layer", make: func(t *testing.T, u, l string) {
			link(t, u, file, "/usr/passwd")
			write(t, l, "usr/passwd", "low")
		}, want: "low"},
		{name: "absolute link out", make: func(t *testing.T, u, _ string) { link(t, u, file, filepath.Join(outside, "passwd")) }, absent: true},
		{name: "relative link out", make: func(t *testing.T, u, _ string) {
			link(t, u, file, "../../../../../../../../.."+filepath.Join(outside, "passwd"))
		}, absent: true},
		{name: "directory link out", make: func(t *testing.T, u, _ string) { link(t, u, "etc", outside) }, absent: true},
		{name: "link to itself", make: func(t *testing.T, u, _ string) { link(t, u, file, "passwd") }, err: errTooDeep},
		{name: "directory", make: func(t *testing.T, u, _ string) { write(t, u, file+"/x", "") }, err: errNotRegular},
		{name: "fifo", make: func(t *testing.T, u, _ string) {
			write(t, u, "etc/x", "")
			if err := unix.Mkfifo(filepath.Join(u, file), 0o644); err != nil {
				t.Fatal(err)
			}
		}, err: errNotRegular},
		{name: "too large", make: func(t *testing.T, u, _ string) {
			write(t, u, file, "")
			if err := os.Truncate(filepath.Join(u, file), maxFileBytes+1); err != nil {
				t.Fatal(err)
			}
		}, err: errTooLarge},
		{name: "whiteout", root: true, make: func(t *testing.T, u, l string) {
			write(t, l, file, "low")
			write(t, u, "etc/x", "")
			if err := unix.Mknod(filepath.Join(u, file), unix.S_IFCHR, 0); err != nil {
				t.Fatal(err)
			}
		}, absent: true},
		{name: "opaque directory", root: true, make: func(t *testing.T, u, l string) {
			write(t, l, file, "low")
			write(t, u, "etc/x", "")
			if err := unix.Setxattr(filepath.Join(u, "etc"), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
				t.Skip("this file system keeps no trusted attributes")
			}
		}, absent: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && os.Getuid() != 0 {
				t.Skip("making overlay's marks needs root: run the tests as root")
			}
			upper, lower := t.TempDir(), t.TempDir()
			c.make(t, upper, lower)
			got, state, _, err := layers{upper, lower}.read(file, fileState{})
			if !errors.Is(err, c.err) || string(got) != c.want {
				t.Errorf("read %q, %v; want %q, %v", got, err, c.want, c.err)
			}
			if absent := err == nil && state == (fileState{}); absent != c.absent {
				t.Errorf("absent %v, want %v", absent, c.absent)
			}
		})
	}
}

func TestReadAccountsAgain(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "etc/passwd", "a:x:1:1::/:\n")
	write(t, dir, "etc/group", "g:x:1:\n")
	first, files, err := readAccounts(layers{dir}, accountFiles{}, nil)
	if err != nil || first.Users[1].Name != "a" || first.Groups[1] != "g" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, _, err := readAccounts(layers{dir}, files, first); again != nil || err != nil {
		t.Errorf("unchanged files were read again: %+v, %v", again, err)
	}
	write(t, dir, "etc/passwd", "bb:x:2:2::/:\n")
	second, files, err := readAccounts(layers{dir}, files, first)
	if err != nil || second.Users[2].Name != "bb" || len(second.Users) != 1 || second.Groups[1] != "g" {
		t.Errorf("%+v, %v", second, err)
	}
	if err := os.Remove(filepath.Join(dir, "etc/group")); err != nil {
		t.Fatal(err)
	}
	third, _, err := readAccounts(layers{dir}, files, second)
	if err != nil || third.Users[2].Name != "bb" || len(third.Groups) != 0 {
		t.Errorf("%+v, %v", third, err)
	}
}

// TestReaderSlots: a root that never answers costs a slot, and nothing else.
func TestReaderSlots(t *testing.T) {
	var c counters
	r := newReader(&c)
	r.slots, r.timeout = make(chan struct{}, 1), 10*time.Millisecond
	dir := t.TempDir()
	write(t, dir, "etc/passwd", "a:x:1:1::/:\n")

	stuck, done := make(chan struct{}), make(chan struct{})
	_, _, err := r.read(layers{dir}, accountFiles{}, nil, func() { <-stuck; close(done) })
	if err != nil {
		t.Fatal(err) // the answer comes before done
	}
	if _, _, err := r.read(layers{dir}, accountFiles{}, nil, func() {}); !errors.Is(err, errTooSlow) {
		t.Errorf("with no slot left: %v", err)
	}
	close(stuck)
	<-done
	r.slots <- struct{}{} // waits for the slot to be given back
	<-r.slots
	if a, _, err := r.read(layers{dir}, accountFiles{}, nil, func() {}); err != nil || a.Users[1].Name != "a" {
		t.Errorf("with the slot back: %+v, %v", a, err)
	}
	if n := c.accountsFailed.Load(); n != 1 {
		t.Errorf("%d failures counted", n)
	}
}

// TestProcRoot: the test's own process has the host's root, so it is refused; and so is a process of another cgroup.
func TestProcRoot(t *testing.T) {
	h, err := cgroup.FindHierarchy("")
	if err != nil {
		t.Skip("no cgroups here")
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	path, _ := h.PathOf(string(text))
	if path == "/" {
		t.Skip("the test is in the root cgroup")
	}
	pid := int32(os.Getpid())
	if _, err := procRoot(findHost("/"), pid, h, path); !errors.Is(err, errHostRoot) {
		t.Errorf("a process with the host's root: %v", err)
	}
	if _, err := procRoot(findHost("/"), pid, h, "/another/cgroup"); !errors.Is(err, errElsewhere) {
		t.Errorf("a process of another cgroup: %v", err)
	}
	if _, err := procRoot(findHost("/"), 1<<30, h, path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no process: %v", err)
	}
}

// TestRereadAfterTheClockWasSetBack: a container's account files are read again when that is due, also where the wall clock was
// set back meanwhile.
func TestRereadAfterTheClockWasSetBack(t *testing.T) {
	e := &Enricher{tasks: make(chan func(), 8)}
	cg := &row{}
	ev := &event.Event{Time: int64(24 * time.Hour), Boot: 1, Process: &event.Process{}}
	for _, step := range []struct {
		boot uint64
		want int
	}{{1, 1}, {uint64(accountsSoon), 1}, {1 + uint64(accountsSoon), 2}} {
		ev.Time, ev.Boot = ev.Time-int64(time.Hour), step.boot
		e.refreshAccounts(ev, cg, nil)
		if n := len(e.tasks); n != step.want {
			t.Errorf("%d ns after boot: %d tasks, want %d", step.boot, n, step.want)
		}
	}
}
