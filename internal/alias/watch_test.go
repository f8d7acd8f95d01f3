package alias

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// opened is the open of a path by this process, as the kernel's record tells of its file.
func opened(t *testing.T, path string) *event.Event {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	return &event.Event{Boot: uint64(time.Now().UnixNano()), Tgid: int32(os.Getpid()), ContainerID: event.HostID, File: event.File{
		Present: true, Given: path, Resolved: path, InodeMode: st.Mode, Nlink: uint32(st.Nlink),
		ID: event.FileID{Dev: unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), Ino: st.Ino},
	}}
}

// started is a finder that watches some names.
func started(t *testing.T, names ...string) *Finder {
	t.Helper()
	f, err := New(Settings{Watch: names})
	must(t, err)
	must(t, f.Start(t.Context()))
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func watchedOf(f *Finder, ev *event.Event) string {
	f.Find(ev)
	return ev.File.Watched
}

// eventually asks until the answer is right; what is looked up in the background takes a while.
func eventually(t *testing.T, want string, get func() string) {
	t.Helper()
	got := get()
	for end := time.Now().Add(time.Minute); got != want && time.Now().Before(end); got = get() {
		<-time.After(time.Millisecond)
	}
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWatchedOnHost(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	for _, name := range []string{"/a", "/plain", "/target"} {
		must(t, os.WriteFile(dir+name, nil, 0o600))
	}
	must(t, os.Link(dir+"/a", dir+"/b"))
	must(t, os.Link(dir+"/target", dir+"/t"))
	must(t, os.Symlink("target", dir+"/symlink"))
	must(t, unix.Mkfifo(dir+"/fifo", 0o600))
	must(t, os.Link(dir+"/fifo", dir+"/fifo2"))
	f := started(t, dir+"/a", dir+"/absent", dir+"/plain", dir+"/symlink", dir+"/fifo", dir+"/later")
	for path, want := range map[string]string{
		"/b": "/a", "/a": "/a", "/plain": "", "/t": "/symlink", "/fifo2": "",
	} {
		if want != "" {
			want = dir + want
		}
		if got := watchedOf(f, opened(t, dir+path)); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	// A link made after the look is one of a known file; another watched name for it does not take the place of the first.
	must(t, os.Link(dir+"/plain", dir+"/p"))
	must(t, os.Link(dir+"/plain", dir+"/later"))
	if got := watchedOf(f, opened(t, dir+"/p")); got != dir+"/plain" {
		t.Errorf("a later link: got %q", got)
	}
	// The file of a name is replaced, as editors and package managers do.
	must(t, os.WriteFile(dir+"/new", nil, 0o600))
	must(t, os.Link(dir+"/new", dir+"/new2"))
	must(t, os.Rename(dir+"/new", dir+"/a"))
	eventually(t, dir+"/a", func() string { return watchedOf(f, opened(t, dir+"/new2")) })
	if got := watchedOf(f, opened(t, dir+"/p")); got != dir+"/plain" {
		t.Errorf("after another look: got %q", got)
	}

	// Other names are asked for, as after a reload of the rules.
	must(t, os.Link(dir+"/plain", dir+"/q"))
	f.Watch([]string{dir + "/q"})
	eventually(t, dir+"/q", func() string { return watchedOf(f, opened(t, dir+"/p")) })

	ev := opened(t, dir+"/new2")
	if n := testing.AllocsPerRun(100, func() { f.Find(ev) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	ev.Ret = -2
	ev.File.Watched = ""
	if got := watchedOf(f, ev); got != "" {
		t.Errorf("of a failed open: %q", got)
	}
}

// A process with the host's root, or one in a chroot, does not tell what a container's files are.
func TestWatchedOfOtherRoots(t *testing.T) {
	f, err := New(Settings{Watch: []string{"/etc/passwd"}})
	must(t, err)
	defer unix.Close(f.wakeUp)
	f.scanHost(t.Context())
	s := &fileSet{}
	dir := t.TempDir()
	if f.scan(t.Context(), s, "/proc/self/root") || f.scan(t.Context(), s, dir) || f.scan(t.Context(), s, dir+"/absent") ||
		s.names.Load() != nil {
		t.Error("files of another root were taken for a container's")
	}
}

// The loop asks for a container's files at most every 200 ms until they are known, and forgets containers beyond a bound.
func TestContainersAreBounded(t *testing.T) {
	f, err := New(Settings{Watch: []string{"/x"}})
	must(t, err)
	defer unix.Close(f.wakeUp)
	ev := &event.Event{Boot: 1, ContainerID: "c0", File: event.File{Present: true}}
	for range 5 {
		f.Find(ev)
	}
	if len(f.requests) != 1 || len(f.containers) != 1 {
		t.Errorf("%d requests, %d containers", len(f.requests), len(f.containers))
	}
	ev.ContainerID = ""
	f.Find(ev)
	for i := range maxFileSets + 10 {
		ev.ContainerID = string(rune('0'+i%10)) + string(rune(0x100+i))
		f.Find(ev)
	}
	if c := f.Counters(); len(f.containers) != maxFileSets || c.ContainersDropped != 11 ||
		c.ScansDropped != uint64(maxFileSets+11-cap(f.requests)) {
		t.Errorf("%d containers, %+v", len(f.containers), c)
	}
	many, err := New(Settings{Watch: make([]string, maxWatched+2)})
	must(t, err)
	defer unix.Close(many.wakeUp)
	if c := many.Counters(); c.WatchCut != 2 || len(*many.watch.Load()) != maxWatched {
		t.Errorf("%d names, %+v", len(*many.watch.Load()), c)
	}
}

// A container is scanned again when it is due, also where the wall clock was set back meanwhile.
func TestScanAfterTheClockWasSetBack(t *testing.T) {
	f, err := New(Settings{Watch: []string{"/x"}})
	must(t, err)
	defer unix.Close(f.wakeUp)
	ev := &event.Event{Time: int64(24 * time.Hour), Boot: 1, ContainerID: "c", File: event.File{Present: true}}
	for _, step := range []struct {
		boot uint64
		want int
	}{{1, 1}, {uint64(containerRetry), 1}, {1 + uint64(containerRetry), 2}} {
		f.Find(ev)
		ev.Time, ev.Boot = ev.Time-int64(time.Hour), step.boot
		f.Find(ev)
		if n := len(f.requests); n != step.want {
			t.Errorf("%d ns after boot: %d requests, want %d", step.boot, n, step.want)
		}
	}
}

// A mount made while the finder runs is known soon, each one: nobody else takes the kernel's news of it.
func TestMountsAreFollowed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a file system")
	}
	f := started(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	for range 20 {
		followMount(t, f, dir)
	}
}

func followMount(t *testing.T, f *Finder, dir string) {
	t.Helper()
	must(t, unix.Mount("none", dir, "tmpfs", 0, "size=64k"))
	defer func() { must(t, unix.Unmount(dir, 0)) }()
	must(t, os.WriteFile(dir+"/file", nil, 0o600))
	ev := opened(t, dir+"/file")
	ev.File.Resolved, ev.File.FS = "/elsewhere/file", event.FSPath{Known: true, Shown: "/file"}
	eventually(t, dir+"/file", func() string {
		f.Find(ev)
		return ev.File.Source
	})
}
