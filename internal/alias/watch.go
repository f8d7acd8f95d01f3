package alias

import (
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// maxFileSets bounds the containers whose watched files are known.
const maxFileSets = 4096

// inode identifies a file, whatever its names are. dev is as the kernel's records give it: major << 20 | minor.
type inode struct {
	dev uint32
	ino uint64
}

// fileSet has the watched files of the host, or of one container.
type fileSet struct {
	// names are the watched names by the files that they mean. The map does not change once it is stored.
	names atomic.Pointer[map[inode]string]
	// next is the earliest event.Boot, in ns since boot, at which the container is scanned again.
	next atomic.Uint64
}

func (s *fileSet) name(file inode) string {
	if names := s.names.Load(); names != nil {
		return (*names)[file]
	}
	return ""
}

// Watch replaces the watched names. Their files are looked up in the background.
func (f *Finder) Watch(names []string) {
	f.setWatch(names)
	for _, s := range f.containers {
		s.next.Store(0)
	}
	f.enqueue(request{files: f.host})
}

func (f *Finder) setWatch(names []string) {
	cut := max(len(names)-maxWatched, 0)
	f.counters.watchCut.Store(uint64(cut))
	names = names[:len(names)-cut]
	f.watch.Store(&names)
}

// findWatched sets the watched name of a file that was opened by any of its hard links.
func (f *Finder) findWatched(ev *event.Event) {
	file := &ev.File
	file.Watched = ""
	if len(*f.watch.Load()) == 0 {
		return
	}
	var own *fileSet
	if ev.ContainerID != event.HostID {
		own = f.filesOf(ev)
	}
	if file.Nlink < 2 || file.InodeMode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	id := inode{file.ID.Dev, file.ID.Ino}
	if own != nil {
		file.Watched = own.name(id)
	}
	if file.Watched == "" {
		file.Watched = f.host.name(id)
	}
}

// filesOf returns the watched files of the event's container, and requests a scan if one is due; nil if the container is not
// known.
func (f *Finder) filesOf(ev *event.Event) *fileSet {
	if ev.ContainerID == "" {
		return nil
	}
	s := f.containers[ev.ContainerID]
	if s == nil {
		s = f.newFileSet(ev.ContainerID)
	}
	if ev.Boot < s.next.Load() {
		return s
	}
	s.next.Store(ev.Boot + uint64(containerRetry))
	r := request{files: s, boot: ev.Boot}
	r.pids[0] = ev.Tgid
	for i, p := 1, ev.Process.Ancestor(1); i < len(r.pids) && p != nil; i, p = i+1, p.Parent {
		r.pids[i] = p.Key.Tgid
	}
	f.enqueue(r)
	return s
}

func (f *Finder) newFileSet(id string) *fileSet {
	if len(f.containers) >= maxFileSets {
		for other := range f.containers {
			delete(f.containers, other)
			f.counters.containersDropped.Add(1)
			break
		}
	}
	s := &fileSet{}
	f.containers[strings.Clone(id)] = s
	return s
}
