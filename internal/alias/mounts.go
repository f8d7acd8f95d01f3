package alias

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// maxMounts bounds the mount table.
const maxMounts = 16384

// mountTable tells where the file systems are mounted, by device as the kernel's records give it (major << 20 | minor).
type mountTable map[uint32][]place

// place is where a file system, or a part of it, is mounted. The root directory is the empty text for both.
type place struct{ root, point string }

// wholeRoot: a file system that is mounted, all of it, as the root.
var wholeRoot = []place{{}}

// parseMounts reads a mount table (proc_pid_mountinfo(5)). cut says how many of its mounts were too many.
//
// Of several places, the root of the host is the best, then what shows all of the file system, then what was mounted
// first: a later bind mount must not give files another name.
func parseMounts(r io.Reader) (table mountTable, cut uint64, err error) {
	n := 0
	mounts, err := mountinfo.GetMountsFromReader(r, func(*mountinfo.Info) (skip, stop bool) {
		n++
		return n > maxMounts, false
	})
	if err != nil {
		return nil, 0, fmt.Errorf("parse the mount table: %w", err)
	}
	table = mountTable{}
	for _, m := range mounts {
		dev := uint32(m.Major)<<20 | uint32(m.Minor)
		table[dev] = append(table[dev], place{strings.TrimSuffix(m.Root, "/"), strings.TrimSuffix(m.Mountpoint, "/")})
	}
	rank := func(p place) int {
		switch {
		case p.point == "":
			return 0
		case p.root == "":
			return 1
		}
		return 2
	}
	for _, places := range table {
		slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(rank(a), rank(b)) })
	}
	return table, uint64(n - len(mounts)), nil
}

// appendName appends the host's name of a file in one of the places; nothing if it is in none of them.
func appendName(dst []byte, places []place, at event.FSPath) []byte {
	for _, p := range places {
		// What is left of both parts when the place's root is taken from their front.
		hidden, ok := below(at.Hidden, p.root)
		shown := at.Shown
		if !ok {
			rest, begins := strings.CutPrefix(p.root, at.Hidden)
			if !begins {
				continue
			}
			if shown, ok = below(shown, rest); !ok {
				continue
			}
			hidden = ""
		}
		dst = append(append(append(dst, p.point...), hidden...), shown...)
		if len(dst) == 0 {
			dst = append(dst, '/')
		}
		return dst
	}
	return dst
}

// below is the rest of a path under a directory.
func below(path, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(path, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// readMounts reads the table from its beginning.
func (f *Finder) readMounts(file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	table, cut, err := parseMounts(file)
	if err != nil {
		return err
	}
	f.mounts.Store(&table)
	f.counters.mountsCut.Store(cut)
	if f.publish != nil {
		f.publish(table.first())
	}
	return nil
}

// first are the first places of all devices.
func (t mountTable) first() []Place {
	places := make([]Place, 0, len(t))
	for dev, all := range t {
		places = append(places, Place{Dev: dev, Point: all[0].point, Whole: all[0].root == ""})
	}
	return places
}

// mountsPause lets a burst of mounts pass.
const mountsPause = 100 * time.Millisecond

// followMounts reads the table again whenever it has changed, which the kernel tells by poll.
func (f *Finder) followMounts(ctx context.Context, file *os.File) {
	defer file.Close()
	const forever, again = -1, 1000 // ms
	wait := forever
	for {
		fds := []unix.PollFd{{Fd: int32(file.Fd()), Events: unix.POLLPRI}, {Fd: int32(f.wakeUp), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, wait)
		if ctx.Err() != nil || err != nil && err != unix.EINTR {
			return
		}
		if wait = forever; f.readMounts(file) != nil {
			f.counters.mountErrors.Add(1)
			wait = again
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(mountsPause):
		}
	}
}
