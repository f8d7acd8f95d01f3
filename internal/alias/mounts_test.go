package alias

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
)

// table writes a mount table, a line for each "device root mountpoint", the first mounted first.
func table(t *testing.T, lines ...string) mountTable {
	t.Helper()
	var b strings.Builder
	for i, line := range lines {
		f := strings.Fields(line)
		fmt.Fprintf(&b, "%d 1 %s %s %s rw,relatime shared:1 - ext4 /dev/x rw\n", 20+i, f[0], f[1], f[2])
	}
	got, cut, err := parseMounts(strings.NewReader(b.String()))
	if err != nil || cut != 0 {
		t.Fatal(cut, err)
	}
	return got
}

const dev = 8<<20 | 1 // 8:1

func TestSource(t *testing.T) {
	plain := []string{"8:1 / /", "8:2 / /var"}
	subvolumes := []string{"8:1 /@ /", "8:1 /@home /home", "8:1 / /mnt/top", "8:1 /@/etc /tmp/e"}
	for _, tt := range []struct {
		name          string
		mounts        []string
		dev           uint32
		hidden, shown string
		resolved      string
		layer         event.Layer
		container     bool
		want          string
	}{
		{"ordinary", plain, dev, "", "/etc/shadow", "/etc/shadow", 0, false, ""},
		{"ordinary, of another mount", plain, dev + 1, "", "/log/x", "/var/log/x", 0, false, ""},
		{"the root directory", plain, dev, "", "", "/", 0, false, ""},
		{"bind mount", plain, dev, "/etc", "/shadow", "/x/shadow", 0, false, "/etc/shadow"},
		{"bind mount of a file", plain, dev, "/etc/shadow", "", "/x", 0, false, "/etc/shadow"},
		{"bind mount of the whole", plain, dev, "", "/etc/shadow", "/host/etc/shadow", 0, true, "/etc/shadow"},
		{"bind mount of the whole: its root", plain, dev, "", "", "/host", 0, true, "/"},
		{"bind mount of another mount", plain, dev + 1, "/lib", "/x", "/data/x", 0, true, "/var/lib/x"},
		{"root of another mount", plain, dev + 1, "", "", "/data", 0, true, "/var"},
		{"chroot", plain, dev, "/srv/jail", "/etc/shadow", "/etc/shadow", 0, false, "/srv/jail/etc/shadow"},
		{"not mounted on the host", plain, dev + 7, "/a", "/b", "/b", 0, true, ""},
		{"a later bind mount on the host changes nothing", []string{"8:1 / /", "8:1 /etc /tmp/e"}, dev, "/etc", "/shadow", "/tmp/e/shadow", 0,
			false, "/etc/shadow"},
		{"the first of several", []string{"8:2 /a /one", "8:2 /a /two"}, dev + 1, "/a", "/x", "/two/x", 0, false, "/one/x"},
		{"all of it before a part", []string{"8:2 /a /part", "8:2 / /all"}, dev + 1, "/a", "/x", "/y/x", 0, false, "/all/a/x"},
		{"subvolume as root", subvolumes, dev, "/@", "/etc/shadow", "/etc/shadow", 0, false, ""},
		{"subvolume as root, bind mount", subvolumes, dev, "/@/etc", "/shadow", "/tmp/e/shadow", 0, false, "/etc/shadow"},
		{"another subvolume", subvolumes, dev, "/@home", "/x", "/y/x", 0, false, "/mnt/top/@home/x"},
		{"no part of the name", subvolumes[:2], dev, "/@hom", "/x", "/y/x", 0, false, ""},
		{"the part begins in what is shown", []string{"8:2 /a/b /part"}, dev + 1, "/a", "/b/x", "/y/b/x", 0, false, "/part/x"},
		{"the part begins elsewhere", []string{"8:2 /a/b /part"}, dev + 1, "/a", "/bc/x", "/y/bc/x", 0, false, ""},
		{"blanks", []string{`8:1 /a\040b /c\011d`}, dev, "/a b", "/x", "/y/x", 0, false, "/c\td/x"},

		{"ordinary in a container", plain, dev + 7, "", "/etc/shadow", "/etc/shadow", event.LayerLower, true, ""},
		{"chroot in a container", plain, dev + 7, "/jail", "/x", "/x", event.LayerLower, true, "/jail/x"},
		{"the host has the container's root too", []string{"8:2 / /run/c/rootfs"}, dev + 1, "/jail", "/x", "/x", event.LayerUpper, true,
			"/jail/x"},
		{"the host looks into a container", []string{"8:2 / /run/c/rootfs"}, dev + 1, "", "/etc/shadow", "/etc/shadow", event.LayerUpper, false,
			"/run/c/rootfs/etc/shadow"},
		{"an overlay in a mount namespace of its own", plain, dev + 7, "/a", "/x", "/b/x", event.LayerUpper, false, "/a/x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := Finder{}
			f.setWatch(nil)
			mounts := table(t, tt.mounts...)
			f.mounts.Store(&mounts)
			ev := &event.Event{ContainerID: event.HostID, File: event.File{
				Present: true, Resolved: tt.resolved, ID: event.FileID{Dev: tt.dev}, Layer: tt.layer,
				FS: event.FSPath{Known: true, Hidden: tt.hidden, Shown: tt.shown},
			}}
			if tt.container {
				ev.ContainerID = "0123456789ab"
			}
			f.Find(ev)
			if ev.File.Source != tt.want {
				t.Errorf("got %q, want %q", ev.File.Source, tt.want)
			}
			if n := testing.AllocsPerRun(100, func() { f.Find(ev) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
			ev.File.FS.Known = false
			if f.Find(ev); ev.File.Source != "" {
				t.Errorf("of a file of which nothing is known: %q", ev.File.Source)
			}
		})
	}
}

func TestMountsAreBounded(t *testing.T) {
	var b strings.Builder
	for i := range maxMounts + 3 {
		fmt.Fprintf(&b, "%d 1 8:1 / /m%d rw - ext4 /dev/x rw\n", i+1, i)
	}
	mounts, cut, err := parseMounts(strings.NewReader(b.String()))
	if err != nil || cut != 3 || len(mounts[dev]) != maxMounts {
		t.Errorf("%d mounts kept, %d cut, %v", len(mounts[dev]), cut, err)
	}
	if _, _, err := parseMounts(strings.NewReader("not a mount\n")); err == nil {
		t.Error("no error of a broken table")
	}
}

// Whatever the mounts and the place are, a name is below the mountpoint of one of them.
func FuzzAppendName(f *testing.F) {
	f.Add("/a", "/b", "/a/b/c", "/x")
	f.Fuzz(func(t *testing.T, root, point, hidden, shown string) {
		for _, path := range []string{root, point, hidden, shown} {
			if path != "" && path[0] != '/' || strings.HasSuffix(path, "/") {
				return // not as the kernel writes them
			}
		}
		got := string(appendName(nil, []place{{root, point}}, event.FSPath{Known: true, Hidden: hidden, Shown: shown}))
		rest, ok := below(hidden+shown, root)
		want := ""
		if ok {
			if want = point + rest; want == "" {
				want = "/"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q at %q, %q %q (-want +got):\n%s", root, point, hidden, shown, diff)
		}
	})
}
