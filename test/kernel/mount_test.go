package kernel

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// fsPathOf is an open file's place in its file system: by the mount that it was opened through, as /proc tells it to the
// process. What is on no mount there has none.
func fsPathOf(fd int, path string) (event.FSPath, error) {
	var st unix.Statx_t // not fdinfo, which before 5.14 is not for a process that has changed its user
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return event.FSPath{}, fmt.Errorf("read the mount of %s: %w", path, err)
	}
	id := int(st.Mnt_id)
	text, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return event.FSPath{}, err
	}
	defer text.Close()
	mounts, err := mountinfo.GetMountsFromReader(text, func(m *mountinfo.Info) (skip, stop bool) { return m.ID != id, m.ID == id })
	if err != nil || len(mounts) == 0 {
		return event.FSPath{}, err
	}
	m := mounts[0]
	p := event.FSPath{Known: true, Hidden: strings.TrimSuffix(m.Root, "/"), Shown: strings.TrimSuffix(path, "/")}
	if m.Mountpoint != "/" {
		p.Shown = strings.TrimPrefix(path, m.Mountpoint)
	}
	return p, nil
}

// fsPathAt is the place of the file of that name.
func fsPathAt(path string) (event.FSPath, error) {
	fd, err := unix.Open(path, unix.O_PATH, 0)
	if err != nil {
		return event.FSPath{}, err
	}
	defer unix.Close(fd)
	return fsPathOf(fd, path)
}

func fsPath(t *testing.T, path string) event.FSPath {
	t.Helper()
	p, err := fsPathAt(path)
	must(t, err)
	return p
}
