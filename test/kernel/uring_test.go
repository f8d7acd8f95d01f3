package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil"
)

// largefile is what the kernel adds to the flags of a ring's open (O_LARGEFILE, asm-generic/fcntl.h).
const largefile = 0o100000

// uringFacts are those of an open by a ring. Skip says why this kernel can't do it.
type uringFacts struct {
	callFacts
	Skip string
}

// uringOpen makes an open through a ring. The file is found by its path, because not every open gives a descriptor.
func uringOpen(typ event.Type, path string, file event.File, do func() (int32, error)) (*uringFacts, error) {
	var failed error
	f, err := call(typ, func() (uintptr, error) {
		res, err := do()
		failed = err
		return uintptr(res), nil
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	w := &f.Want
	w.Ret, w.Flags = int64(int32(w.Ret)), event.FlagIoUring
	w.File = file
	w.File.Present, w.File.FD = true, w.Ret
	w.File.OpenFlags |= largefile
	if w.Failed() {
		return &uringFacts{callFacts: f}, nil
	}
	w.File.Resolved = path
	if w.File.ID, w.File.InodeMode, w.File.Nlink, err = statOf(path); err != nil {
		return nil, err
	}
	// By its folder, for another open of the file would be seen too.
	w.File.FS, err = fsPathAt(filepath.Dir(path))
	w.File.FS.Shown += "/" + filepath.Base(path)
	return &uringFacts{callFacts: f}, err
}

// uringTrigger: args are a case of uringCases and a folder with the file "file".
func uringTrigger(args []string) (any, error) { return uringCases[args[0]](args[1]) }

// plainRing asks a plain ring for one open of DIR/file.
func plainRing(dir string, change func(*testutil.Uring, *testutil.SQE) error) (*uringFacts, error) {
	r, err := testutil.NewUring(8, nil)
	if err != nil {
		return nil, err
	}
	return askRing(r, dir, change)
}

func askRing(r *testutil.Uring, dir string, change func(*testutil.Uring, *testutil.SQE) error) (*uringFacts, error) {
	path := dir + "/file"
	e := testutil.Openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
	if change != nil {
		if err := change(r, &e); err != nil {
			return nil, err
		}
	}
	return uringOpen(event.TypeOpenat, path, event.File{Raw: path, Given: path}, func() (int32, error) { return r.One(e) })
}

var uringCases = map[string]func(dir string) (*uringFacts, error){
	"openat": func(dir string) (*uringFacts, error) { return plainRing(dir, nil) },
	"openat creates": func(dir string) (*uringFacts, error) {
		unix.Umask(0o022)
		r, err := testutil.NewUring(1, nil)
		if err != nil {
			return nil, err
		}
		path, flags := dir+"/new", unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC
		e := testutil.Openat(unix.AT_FDCWD, path, flags, 0o666)
		return uringOpen(event.TypeOpenat, path, event.File{
			Raw: path, Given: path, OpenFlags: uint32(flags), Mode: 0o666, Created: true,
		}, func() (int32, error) { return r.One(e) })
	},
	"openat relative": func(dir string) (*uringFacts, error) {
		r, err := testutil.NewUring(1, nil)
		if err := errors.Join(err, os.Chdir(dir)); err != nil {
			return nil, err
		}
		e := testutil.Openat(unix.AT_FDCWD, "file", unix.O_RDONLY, 0)
		return uringOpen(event.TypeOpenat, dir+"/file", event.File{Raw: "file", Given: dir + "/file"}, func() (int32, error) { return r.One(e) })
	},
	"openat fails": func(dir string) (*uringFacts, error) {
		r, err := testutil.NewUring(1, nil)
		if err != nil {
			return nil, err
		}
		path := dir + "/absent"
		e := testutil.Openat(unix.AT_FDCWD, path, unix.O_WRONLY, 0)
		return uringOpen(event.TypeOpenat, path, event.File{Raw: path, Given: path, OpenFlags: unix.O_WRONLY},
			func() (int32, error) { return r.One(e) })
	},
	"openat of no memory": func(string) (*uringFacts, error) {
		r, err := testutil.NewUring(1, nil)
		if err != nil {
			return nil, err
		}
		e := testutil.Openat(unix.AT_FDCWD, "", unix.O_RDONLY, 0)
		e.Pointer(8)
		f, err := uringOpen(event.TypeOpenat, "", event.File{}, func() (int32, error) { return r.One(e) })
		if err != nil {
			return nil, err
		}
		f.Want.Flags |= event.FlagRawTruncated
		if before(5, 19) {
			f.Skip = "needs Linux 5.19: an answer does not say to which request, and this one was never submitted"
		}
		return f, nil
	},
	"openat2": func(dir string) (*uringFacts, error) {
		return uringOpenat2(dir, "file", unix.OpenHow{Flags: unix.O_RDWR, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
	},
	"openat2 refused": func(dir string) (*uringFacts, error) {
		return uringOpenat2(dir, "../other", unix.OpenHow{Resolve: unix.RESOLVE_BENEATH})
	},
	"worker": func(dir string) (*uringFacts, error) {
		return plainRing(dir, func(_ *testutil.Uring, e *testutil.SQE) error {
			e.Flags |= testutil.IosqeAsync
			return nil
		})
	},
	"behind another request": func(dir string) (*uringFacts, error) {
		return plainRing(dir, func(r *testutil.Uring, _ *testutil.SQE) error {
			first := testutil.Nop()
			first.Flags = testutil.IosqeIOLink
			r.Push(first)
			return nil
		})
	},
	"polling thread": func(dir string) (*uringFacts, error) {
		r, err := testutil.NewUring(8, &testutil.UringParams{Flags: testutil.IoringSetupSQPoll, SQThreadIdle: 1000})
		if err != nil {
			return nil, err
		}
		f, err := askRing(r, dir, nil)
		if err != nil {
			return nil, err
		}
		f.Want.Tid, err = threadNamed("iou-sqp-")
		f.Want.Vtid = f.Want.Tid
		return f, err
	},
	"fixed file": func(dir string) (*uringFacts, error) {
		return plainRing(dir, func(r *testutil.Uring, e *testutil.SQE) error {
			e.FileIndex = 3
			return r.FixedFiles(4)
		})
	},
	"fixed file that the kernel places": func(dir string) (*uringFacts, error) {
		f, err := plainRing(dir, func(r *testutil.Uring, e *testutil.SQE) error {
			if err := r.FixedFiles(4); err != nil {
				return err
			}
			other := testutil.Openat(unix.AT_FDCWD, dir+"/other", unix.O_RDONLY, 0)
			other.FileIndex, e.FileIndex = testutil.IoringFileIndexAlloc, testutil.IoringFileIndexAlloc
			_, err := r.One(other)
			return err
		})
		if err == nil && f.Want.Failed() {
			f.Skip = "needs Linux 5.19: the kernel does not choose a place"
		}
		return f, err
	},
	"name rewritten": func(dir string) (*uringFacts, error) {
		fifo := dir + "/fifo"
		r, err := testutil.NewUring(1, nil)
		if err := errors.Join(err, unix.Mkfifo(fifo, 0o600)); err != nil {
			return nil, err
		}
		e := testutil.Openat(unix.AT_FDCWD, fifo, unix.O_RDONLY, 0)
		e.Flags = testutil.IosqeAsync
		return uringOpen(event.TypeOpenat, fifo, event.File{Raw: fifo, Given: fifo}, func() (int32, error) {
			r.Push(e)
			if _, err := r.Submit(0); err != nil {
				return 0, err
			}
			e.Rename(dir + "/decoy") // the open waits for a writer
			if _, err := unix.Open(fifo, unix.O_WRONLY, 0); err != nil {
				return 0, err
			}
			got, err := r.Submit(1)
			if len(got) != 1 {
				return 0, errors.Join(err, errors.New("the ring gave no answer"))
			}
			return got[0].Res, err
		})
	},
}

func uringOpenat2(dir, name string, how unix.OpenHow) (*uringFacts, error) {
	r, err := testutil.NewUring(1, nil)
	if err != nil {
		return nil, err
	}
	at, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	e := testutil.Openat2(at, name, &how)
	path := filepath.Join(dir, name)
	f, err := uringOpen(event.TypeOpenat2, path, event.File{Raw: name, Given: path, OpenFlags: uint32(how.Flags), Resolve: how.Resolve},
		func() (int32, error) { return r.One(e) })
	if err == nil {
		f.Want.DirFD = int32(at)
	}
	return f, err
}

// before tells whether the running kernel is older than a version.
func before(major, minor int) bool {
	var u unix.Utsname
	var gotMajor, gotMinor int
	_ = unix.Uname(&u)
	_, _ = fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &gotMajor, &gotMinor)
	return gotMajor < major || gotMajor == major && gotMinor < minor
}

// threadNamed finds the thread of this process whose name begins so.
func threadNamed(prefix string) (int32, error) {
	names, err := filepath.Glob("/proc/self/task/*/comm")
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(comm), prefix) {
			tid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			return int32(tid), err
		}
	}
	return 0, fmt.Errorf("find a thread named %s…", prefix)
}

// What a ring opens is an event like any other, whichever thread does it.
func TestUringOpen(t *testing.T) {
	for name := range uringCases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(dir+"/file", []byte("x"), 0o640))
			must(t, os.WriteFile(dir+"/other", nil, 0o640))
			_, err := os.Stat(dir + "/file")
			must(t, err)
			var facts uringFacts
			c := trigger(t, &facts, "io_uring", name, dir)
			if facts.Skip != "" {
				t.Skip(facts.Skip)
			}
			if failed := strings.Contains(name, "fail") || strings.Contains(name, "refused") ||
				strings.Contains(name, "no memory"); failed != facts.Want.Failed() {
				t.Fatalf("the ring answered %d", facts.Want.Ret)
			}
			ev := c.find("an open by a ring of "+facts.Want.File.Raw, func(ev *event.Event) bool {
				return ev.Tgid == c.pid && ev.Flags&event.FlagIoUring != 0 && ev.File.Raw == facts.Want.File.Raw
			})
			facts.Want.CPU = ev.CPU // whoever opened the file: what may wait is given to a worker
			c.check(ev, facts.callFacts)
		})
	}
}

// manyTrigger: args are the folder, and how many of the files 0, 1, … in it are opened at once by requests that can't be
// told apart by what the ring says of them.
func manyTrigger(args []string) (any, error) {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return nil, err
	}
	r, err := testutil.NewUring(64, nil)
	if err != nil {
		return nil, err
	}
	for i := range n {
		r.Push(testutil.Openat(unix.AT_FDCWD, fmt.Sprintf("%s/%d", args[0], i), unix.O_RDONLY, 0))
	}
	got, err := r.Submit(n)
	if err == nil && len(got) != n {
		err = fmt.Errorf("the ring gave %d answers to %d requests", len(got), n)
	}
	return struct{}{}, err
}

// overflowTrigger opens files 0, 1, … while the ring of answers is full.
func overflowTrigger(args []string) (any, error) {
	r, err := testutil.NewUring(4, &testutil.UringParams{Flags: testutil.IoringSetupCQSize, CQEntries: 4})
	if err != nil {
		return nil, err
	}
	for range r.Params.CQEntries {
		r.Push(testutil.Nop())
	}
	if err := r.Enter(0); err != nil {
		return nil, err
	}
	for i := range 3 {
		r.Push(testutil.Openat(unix.AT_FDCWD, fmt.Sprintf("%s/%d", args[0], i), unix.O_RDONLY, 0))
	}
	return struct{}{}, r.Enter(0)
}

// Requests of the same user_data, and answers for which there is no room: each file is seen, under both names.
func TestUringManyOpens(t *testing.T) {
	for _, tt := range []struct {
		trigger string
		n       int
	}{
		{"io_uring many", 8},
		{"io_uring overflow", 3},
	} {
		t.Run(tt.trigger, func(t *testing.T) {
			dir := t.TempDir()
			for i := range tt.n {
				must(t, os.WriteFile(fmt.Sprintf("%s/%d", dir, i), nil, 0o600))
			}
			c := trigger(t, &struct{}{}, tt.trigger, dir, strconv.Itoa(tt.n))
			seen := map[string]bool{}
			for _, ev := range c.events {
				if ev.Tgid != c.pid || ev.Flags&event.FlagIoUring == 0 {
					continue
				}
				if ev.Ret < 0 || ev.Flags != event.FlagIoUring {
					t.Errorf("%s: result %d, flags %x", ev.File.Raw, ev.Ret, ev.Flags)
				}
				seen[ev.File.Given+" "+ev.File.Resolved] = true
			}
			for i := range tt.n {
				if path := fmt.Sprintf("%s/%d", dir, i); !seen[path+" "+path] {
					t.Errorf("%s was not seen among %v", path, seen)
				}
			}
			if len(seen) != tt.n {
				t.Errorf("%d events, want %d", len(seen), tt.n)
			}
		})
	}
}

// More opens at once than are remembered: each name that was asked for is told, though maybe without a result.
func TestUringTooManyOpens(t *testing.T) {
	const n = 30
	dir := t.TempDir()
	for i := range n {
		must(t, os.WriteFile(fmt.Sprintf("%s/%d", dir, i), nil, 0o600))
	}
	c := trigger(t, &struct{}{}, "io_uring many", dir, strconv.Itoa(n))
	given := map[string]bool{}
	for _, ev := range c.events {
		if ev.Tgid == c.pid && ev.Flags&event.FlagIoUring != 0 {
			given[ev.File.Given] = true
		}
	}
	for i := range n {
		if path := fmt.Sprintf("%s/%d", dir, i); !given[path] {
			t.Errorf("%s was not seen", path)
		}
	}
	if c.counters.UringUnmatched == 0 {
		t.Error("nothing counts the names and results that were not put together")
	}
}

// silentTrigger asks for no answer if an open succeeds.
func silentTrigger(args []string) (any, error) {
	r, err := testutil.NewUring(4, nil)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"/file", "/absent"} {
		e := testutil.Openat(unix.AT_FDCWD, args[0]+name, unix.O_RDONLY, 0)
		e.Flags = testutil.IosqeCQESkip
		r.Push(e)
	}
	got, err := r.Submit(1)
	if err != nil {
		return nil, err
	}
	return got[0].Res, nil
}

func TestUringSilentOpen(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/file", nil, 0o600))
	var res int32
	c := trigger(t, &res, "io_uring silent", dir)
	if res == -int32(unix.EINVAL) {
		t.Skip("needs Linux 5.17: each request is answered")
	}
	results := map[string][]int64{}
	for _, ev := range c.events {
		if ev.Tgid != c.pid || ev.Flags&event.FlagIoUring == 0 {
			continue
		}
		name := strings.TrimPrefix(ev.File.Given, dir)
		results[name] = append(results[name], ev.Ret)
		if want := event.FlagIoUring | event.FlagUnverified; ev.Ret >= 0 && (ev.Flags != want || ev.File.Resolved != "") {
			t.Errorf("%s: flags %x, want %x, resolved %q", name, ev.Flags, want, ev.File.Resolved)
		}
	}
	// The one that failed was answered after all.
	if len(results["/file"]) != 1 || len(results["/absent"]) != 2 || results["/absent"][1] != -int64(unix.ENOENT) {
		t.Errorf("results %v", results)
	}
}

func uringSetupTrigger([]string) (any, error) {
	var r *testutil.Uring
	asked := testutil.UringParams{
		Flags: testutil.IoringSetupSQPoll | testutil.IoringSetupCQSize, CQEntries: 20, SQThreadIdle: 777,
	}
	f, err := call(event.TypeIoUringSetup, func() (uintptr, error) {
		var err error
		if r, err = testutil.NewUring(5, &asked); err != nil {
			return 0, err
		}
		return uintptr(r.FD), nil
	})
	if r == nil {
		return nil, errors.Join(err, errors.New("no ring was made"))
	}
	p := &r.Params
	f.Want.Uring = event.Uring{
		SQEntries: p.SQEntries, CQEntries: p.CQEntries, Flags: p.Flags, Known: true,
		Entries: 5, ThreadCPU: p.SQThreadCPU, ThreadIdle: p.SQThreadIdle, Features: p.Features,
	}
	return &f, err
}

func TestUringSetup(t *testing.T) {
	var facts callFacts
	c := trigger(t, &facts, "io_uring setup")
	ev := c.find("io_uring_setup", func(ev *event.Event) bool { return ev.Type == event.TypeIoUringSetup && ev.Tgid == c.pid })
	if !ev.Uring.Known {
		// Before 5.15 no helper finds the call's own arguments.
		w := &facts.Want.Uring
		*w = event.Uring{SQEntries: w.SQEntries, CQEntries: w.CQEntries, Flags: w.Flags}
	}
	c.check(ev, facts)
	if ev.Uring.SQEntries != 8 || ev.Uring.CQEntries != 32 {
		t.Errorf("%d and %d entries, want 5 and 20 rounded up", ev.Uring.SQEntries, ev.Uring.CQEntries)
	}
}
