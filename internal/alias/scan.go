package alias

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// hostInterval is how often the host's watched names are looked up again, because a file may be replaced by rename.
	hostInterval = 5 * time.Second
	// containerInterval is the same for a container that events come from.
	containerInterval = 15 * time.Second
	// containerRetry is how soon a container is looked into again where that failed.
	containerRetry = 200 * time.Millisecond
)

// request asks for a scan of a container, by a process in it and the process's ancestors: the process itself may have ended by
// the time of the scan. Unused elements at the end are 0.
type request struct {
	files *fileSet
	pids  [maxPids]int32
	// boot is the time of the event that asks, in ns since boot.
	boot uint64
}

const maxPids = 8

// enqueue hands a request to the goroutine that scans.
func (f *Finder) enqueue(r request) {
	select {
	case f.requests <- r:
	default:
		f.counters.scansDropped.Add(1)
	}
}

// scanLoop looks the watched names up until the context ends.
func (f *Finder) scanLoop(ctx context.Context) {
	tick := time.NewTicker(hostInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.scanHost(ctx)
		case r := <-f.requests:
			if r.files == f.host {
				f.scanHost(ctx)
			} else {
				f.scanContainer(ctx, r)
			}
		}
	}
}

func (f *Finder) scanHost(ctx context.Context) {
	for _, root := range []string{"/proc/1/root", "/"} {
		if f.scan(ctx, f.host, root) {
			return
		}
	}
}

func (f *Finder) scanContainer(ctx context.Context, r request) {
	for _, pid := range r.pids {
		if pid == 0 {
			return
		}
		if f.scan(ctx, r.files, fmt.Sprintf("/proc/%d/root", pid)) {
			r.files.next.Store(r.boot + uint64(containerInterval))
			return
		}
	}
}

// scan finds the files that the watched names mean below a root directory. It returns false if the directory can't be examined,
// is not the root of a mount (then the process is in a chroot), is the host's though a container's is asked for, or is another
// one at the end than at the beginning (the process has ended), or if the context has ended.
func (f *Finder) scan(ctx context.Context, into *fileSet, root string) bool {
	before, ok := identify(root)
	if !ok {
		return false
	}
	if into == f.host {
		f.hostRoot = before.inode
	} else if before.inode == f.hostRoot {
		return false
	}
	var old map[inode]string
	if known := into.names.Load(); known != nil {
		old = *known
	}
	t, names := newTree(root), map[inode]string{}
	for _, name := range *f.watch.Load() {
		if ctx.Err() != nil {
			return false
		}
		// A file of several watched names keeps the one that it had first.
		if file, ok := t.regular(name); ok && (names[file] == "" || old[file] == name) {
			names[file] = name
		}
	}
	if after, ok := identify(root); !ok || after != before {
		return false
	}
	into.names.Store(&names)
	return true
}

// rootID tells one root directory from another.
type rootID struct {
	inode
	mount uint64 // 0 before Linux 5.8
}

// identify examines a root directory; false if that is not the root of a mount.
func identify(root string) (rootID, bool) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, root, unix.AT_NO_AUTOMOUNT, unix.STATX_INO|unix.STATX_MNT_ID, &st)
	if err != nil || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return rootID{}, false
	}
	return rootID{inodeOf(&st), st.Mnt_id}, true
}

func inodeOf(st *unix.Statx_t) inode { return inode{st.Dev_major<<20 | st.Dev_minor, st.Ino} }
