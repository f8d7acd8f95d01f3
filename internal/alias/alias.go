// Package alias finds other names of an opened file than those in the event's record: its name on the host, whatever mount or root
// directory the process opened it by, and the name that a rule has for it where it was opened by another hard link.
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
	// Watch are absolute file names. A file that one of them means is recognised by its inode, whichever of its hard links is
	// opened.
	Watch []string
	// Publish is told where the file systems are mounted, whenever that has changed; nil if nobody wants to know.
	Publish func([]Place)
}

// Place is the first place where a file system is mounted.
type Place struct {
	// Dev is major << 20 | minor.
	Dev uint32
	// Point is the mount point; Whole: all of the file system is there.
	Point string
	Whole bool
}

// maxWatched bounds the watched names.
const maxWatched = 4096

// Finder finds names. Find and Watch are for one goroutine, the event loop's, and do not block. Any goroutine may call Counters.
type Finder struct {
	host       *fileSet
	containers map[string]*fileSet
	watch      atomic.Pointer[[]string]
	// hostRoot is the host's root directory, as the last scan found it.
	hostRoot inode
	requests chan request
	mounts   atomic.Pointer[mountTable]
	publish  func([]Place)
	// name is the text of the last Source.
	name []byte

	counters counters
	stop     context.CancelFunc
	wakeUp   int // an eventfd that ends the wait for new mounts
	done     sync.WaitGroup
}

// New makes a finder. It finds no names before [Finder.Start].
func New(settings Settings) (*Finder, error) {
	f := &Finder{host: &fileSet{}, containers: map[string]*fileSet{}, requests: make(chan request, 64), publish: settings.Publish}
	f.setWatch(settings.Watch)
	var err error
	if f.wakeUp, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make the finder of names: %w", err)
	}
	return f, nil
}

// hostMounts opens the mount table of process 1, or, where that can't be read, the sensor's own.
func hostMounts() (*os.File, error) {
	var fd int
	var err error
	for _, name := range [...]string{"/proc/1/mountinfo", "/proc/self/mountinfo"} {
		if fd, err = unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			// Not by os.Open: Go's runtime would poll the file too, and the kernel reports a change to the first poll only.
			return os.NewFile(uintptr(fd), name), nil
		}
	}
	return nil, err
}

// Start reads the host's mount table and looks the watched names up; then a goroutine follows the table and another repeats the
// lookups, until Close.
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
	f.scanHost(ctx)
	f.done.Go(func() { f.scanLoop(ctx) })
	return nil
}

// closeTimeout bounds Close.
const closeTimeout = time.Second

// ErrStuck: a lookup of a watched name waits for a file system that does not answer (a network file system, FUSE).
var ErrStuck = errors.New("end the lookup of watched names: a file system does not answer")

// Close ends the goroutines and waits up to a second for them. After that it returns ErrStuck and leaks what they use.
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
	case <-time.After(closeTimeout):
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
