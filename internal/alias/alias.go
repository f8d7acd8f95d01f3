// Package alias finds the names of an opened file that the event does not bring along: that on the host, whatever mount or
// root directory the process reached the file by, and those of rules for a file that was opened by another of its hard
// links.
package alias

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// Settings of a finder.
type Settings struct {
	// Watch are complete file names: of a file that has several hard links, they are told.
	Watch []string
}

// maxWatched bounds the watched names.
const maxWatched = 4096

// Finder finds names. Find and Watch are for one goroutine, the event loop's, and never wait; Counters may be called by any.
type Finder struct {
	host   *scope
	scopes map[string]*scope
	watch  atomic.Pointer[[]string]
	// hostRoot is the host's root directory.
	hostRoot inode
	asks     chan ask
	mounts   atomic.Pointer[mountTable]
	// name is the text of the last Source.
	name []byte

	counters counters
	stop     context.CancelFunc
	wakeUp   int // an eventfd that ends the wait for new mounts
	done     sync.WaitGroup
}

// New makes a finder, which knows nothing before [Finder.Start].
func New(settings Settings) (*Finder, error) {
	f := &Finder{host: &scope{}, scopes: map[string]*scope{}, asks: make(chan ask, 64)}
	f.setWatch(settings.Watch)
	var err error
	if f.wakeUp, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make the finder of names: %w", err)
	}
	return f, nil
}

// hostMounts opens the mount table of the host's first process, or, where /proc is not the host's, the own one.
func hostMounts() (*os.File, error) {
	var fd int
	var err error
	for _, name := range [...]string{"/proc/1/mountinfo", "/proc/self/mountinfo"} {
		if fd, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			// Not by os.Open: Go's runtime would poll the file too, and who polls first takes the news of a change from the other.
			return os.NewFile(uintptr(fd), name), nil
		}
	}
	return nil, err
}

// Start reads the mount table and follows it, and looks for the watched names, each in a goroutine of its own until Close.
func (f *Finder) Start(ctx context.Context) error {
	table, err := hostMounts()
	if err == nil {
		err = f.readMounts(table)
	}
	if err != nil {
		return fmt.Errorf("read the host's mounts: %w", err)
	}
	ctx, f.stop = context.WithCancel(ctx)
	f.done.Go(func() { f.followMounts(ctx, table) })
	f.visitHost(ctx)
	f.done.Go(func() { f.visit(ctx) })
	return nil
}

// closePatience bounds Close.
const closePatience = time.Second

// ErrStuck: a look for watched files waits for a file system that does not answer (a network's, FUSE). Nothing depends on it.
var ErrStuck = errors.New("end the look for watched files: a file system does not answer")

// Close ends the goroutines and waits for them, a while: then its error is ErrStuck, and what they use stays open.
func (f *Finder) Close() error {
	if f.stop != nil {
		f.stop()
	}
	if _, err := unix.Write(f.wakeUp, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return fmt.Errorf("end the watch for mounts: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		f.done.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return unix.Close(f.wakeUp)
	case <-time.After(closePatience):
		return ErrStuck
	}
}

// Find sets the Source and the Watched name of the event's file, where it has them. Source is valid until the next call.
func (f *Finder) Find(ev *event.Event) {
	file := &ev.File
	if !file.Present || ev.Failed() {
		return
	}
	file.Source = ""
	if file.FS.Known {
		file.Source = f.source(file, ev.ContainerID != event.HostID)
	}
	f.findWatched(ev)
}

// source is the file's name on the host; empty if it is the resolved one, or not known.
//
// A container's own root is an overlay, whose mount the host may have too, somewhere in the runtime's folders. For the
// container's processes its files are those from its root.
func (f *Finder) source(file *event.File, container bool) string {
	places, known := (*f.mounts.Load())[file.ID.Dev]
	overlay := file.Layer != event.LayerNone
	switch {
	case overlay && (container || !known):
		places = wholeRoot
	case !known:
		return ""
	}
	if file.FS.Hidden == "" && places[0] == wholeRoot[0] && file.FS.Shown == file.Resolved {
		return "" // nearly all
	}
	f.name = appendName(f.name[:0], places, file.FS)
	name := unsafe.String(unsafe.SliceData(f.name), len(f.name))
	if name == file.Resolved {
		return ""
	}
	return name
}
