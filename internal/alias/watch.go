package alias

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

const (
	// hostEvery is how often the host's watched names are looked up anew, for a file may be replaced by rename;
	// containerEvery the same in a container, as long as something happens there, and containerSoon where that could
	// not be done.
	hostEvery      = 5 * time.Second
	containerEvery = 15 * time.Second
	containerSoon  = 200 * time.Millisecond
	// maxScopes bounds the containers whose watched files are known.
	maxScopes = 4096
)

// inode names a file, whatever it is called.
type inode struct {
	dev uint32
	ino uint64
}

// scope is the host, or a container.
type scope struct {
	// files are the watched names by their files. Immutable.
	files atomic.Pointer[map[inode]string]
	// next is the time, as events have it, before which nobody looks again.
	next atomic.Int64
}

func (s *scope) find(file inode) string {
	if files := s.files.Load(); files != nil {
		return (*files)[file]
	}
	return ""
}

// ask for a look into a container, by a process of it and that one's ancestors, 0 behind the last: the process itself may
// be gone by the time.
type ask struct {
	into *scope
	pids [ancestors]int32
}

const ancestors = 8

// Watch exchanges the watched names. Their files are looked up in the background.
func (f *Finder) Watch(names []string) {
	f.setWatch(names)
	for _, s := range f.scopes {
		s.next.Store(0)
	}
	f.ask(ask{into: f.host})
}

func (f *Finder) setWatch(names []string) {
	cut := max(len(names)-maxWatched, 0)
	f.counters.watchCut.Store(uint64(cut))
	names = names[:len(names)-cut]
	f.watch.Store(&names)
}

// ask hands a look to the goroutine that does it.
func (f *Finder) ask(a ask) {
	select {
	case f.asks <- a:
	default:
		f.counters.visitsDropped.Add(1)
	}
}

// findWatched tells by which watched name the file has another hard link.
func (f *Finder) findWatched(ev *event.Event) {
	file := &ev.File
	file.Watched = ""
	if len(*f.watch.Load()) == 0 {
		return
	}
	var own *scope
	if ev.ContainerID != event.HostID {
		own = f.scopeOf(ev)
	}
	if file.Nlink < 2 || file.InodeMode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	id := inode{file.ID.Dev, file.ID.Ino}
	if own != nil {
		file.Watched = own.find(id)
	}
	if file.Watched == "" {
		file.Watched = f.host.find(id)
	}
}

// scopeOf is the scope of the event's container, and has the container looked into if it is time; nil if the container is
// not known.
func (f *Finder) scopeOf(ev *event.Event) *scope {
	if ev.ContainerID == "" {
		return nil
	}
	s := f.scopes[ev.ContainerID]
	if s == nil {
		s = f.newScope(ev.ContainerID)
	}
	if ev.Time < s.next.Load() {
		return s
	}
	s.next.Store(ev.Time + int64(containerSoon))
	a := ask{into: s}
	a.pids[0] = ev.Tgid
	for i, p := 1, ev.Process.Ancestor(1); i < len(a.pids) && p != nil; i, p = i+1, p.Parent {
		a.pids[i] = p.Key.Tgid
	}
	f.ask(a)
	return s
}

func (f *Finder) newScope(id string) *scope {
	if len(f.scopes) >= maxScopes {
		for other := range f.scopes {
			delete(f.scopes, other)
			f.counters.scopesDropped.Add(1)
			break
		}
	}
	s := &scope{}
	f.scopes[strings.Clone(id)] = s
	return s
}

// visit looks for the watched names until the context ends.
func (f *Finder) visit(ctx context.Context) {
	tick := time.NewTicker(hostEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.visitHost(ctx)
		case a := <-f.asks:
			if a.into == f.host {
				f.visitHost(ctx)
			} else {
				f.visitContainer(ctx, a)
			}
		}
	}
}

func (f *Finder) visitContainer(ctx context.Context, a ask) {
	for _, pid := range a.pids {
		if pid == 0 {
			return
		}
		if f.look(ctx, a.into, fmt.Sprintf("/proc/%d/root", pid)) {
			a.into.next.Store(time.Now().Add(containerEvery).UnixNano())
			return
		}
	}
}

func (f *Finder) visitHost(ctx context.Context) {
	for _, root := range []string{"/proc/1/root", "/"} {
		if f.look(ctx, f.host, root) {
			return
		}
	}
}

// look finds the files of the watched names below a root directory, which symbolic links do not leave; false if that
// can't be opened, is no process's whole root (that of a chroot, or, for a container, still the host's), or the context ends.
func (f *Finder) look(ctx context.Context, into *scope, root string) bool {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	var st unix.Statx_t
	if unix.Statx(dir, "", unix.AT_EMPTY_PATH, unix.STATX_INO, &st) != nil || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return false
	}
	at := inode{st.Dev_major<<20 | st.Dev_minor, st.Ino}
	if into == f.host {
		f.hostRoot = at
	} else if at == f.hostRoot {
		return false
	}
	var old map[inode]string
	if known := into.files.Load(); known != nil {
		old = *known
	}
	files := map[inode]string{}
	for _, name := range *f.watch.Load() {
		if ctx.Err() != nil {
			return false
		}
		// A file of several watched names keeps the one that it had first.
		if file, ok := lookUp(dir, name); ok && (files[file] == "" || old[file] == name) {
			files[file] = name
		}
	}
	into.files.Store(&files)
	return true
}

// lookUp finds a regular file below a directory. It opens it by name only (O_PATH): a device or FIFO would notice more.
func lookUp(dir int, name string) (inode, bool) {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return inode{}, false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return inode{}, false
	}
	return inode{unix.Major(st.Dev)<<20 | unix.Minor(st.Dev), st.Ino}, true
}
