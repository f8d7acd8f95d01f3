package cgroup

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChooseHierarchy(t *testing.T) {
	const v2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	const hybrid = `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
	for _, c := range []struct {
		name, mounts, hostRoot string
		want                   Hierarchy
	}{
		{"unified", "22 27 0:21 / /proc rw - proc proc rw\n" + v2, "", Hierarchy{Mount: "/sys/fs/cgroup", V2: true}},
		{"hybrid", hybrid, "/", Hierarchy{Mount: "/sys/fs/cgroup/memory", Controller: "memory"}},
		{"no memory", strings.ReplaceAll(hybrid, "memory", "misc"), "", Hierarchy{Mount: "/sys/fs/cgroup/pids", Controller: "pids"}},
		{"two controllers in one", strings.SplitAfter(hybrid, "\n")[0], "", Hierarchy{Mount: "/sys/fs/cgroup/cpu,cpuacct", Controller: "cpu"}},
		{"systemd's and the unified one", strings.Join(strings.SplitAfter(hybrid, "\n")[3:], ""), "", Hierarchy{Mount: "/sys/fs/cgroup/unified",
			V2: true}},
		{
			"in a container", v2 + "99 23 0:28 /../.. /host/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "/host/",
			Hierarchy{Mount: "/host/sys/fs/cgroup", V2: true},
		},
		{"host's unified before own memory", hybrid + "9 2 0:28 / /host/cg rw - cgroup2 cgroup2 rw\n", "/host", Hierarchy{Mount: "/host/cg",
			V2: true}},
		{
			"the sensor's own root below the runtime's folder",
			`1 2 0:3 /kubepods/pod1/c /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
1 2 0:3 /kubepods/pod1/c /host/run/containerd/k8s.io/c/rootfs/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
1 2 0:4 / /host/sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
1 2 0:3 / /host/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`,
			"/host", Hierarchy{Mount: "/host/sys/fs/cgroup/memory", Controller: "memory"},
		},
		{"elsewhere below the host's root", `1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
1 2 0:3 / /host/cgroup rw - cgroup2 cgroup2 rw`, "/host", Hierarchy{Mount: "/host/cgroup", V2: true}},
		{"blank in the path", `1 2 0:3 / /mnt/a\040b rw - cgroup2 cgroup2 rw`, "", Hierarchy{Mount: "/mnt/a b", V2: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := chooseHierarchy(strings.NewReader(c.mounts), c.hostRoot)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := chooseHierarchy(strings.NewReader("1 2 0:3 / / rw - ext4 x rw\n"), ""); !errors.Is(err, errNoHierarchy) {
		t.Errorf("without any: %v", err)
	}
}

func TestPathOf(t *testing.T) {
	const file = "9:name=systemd:/s\n4:memory:/m\n1:cpu,cpuacct:/c\n0::/u:with:colons\n"
	for _, c := range []struct {
		h    Hierarchy
		want string
		ok   bool
	}{
		{Hierarchy{V2: true}, "/u:with:colons", true},
		{Hierarchy{Controller: "memory"}, "/m", true},
		{Hierarchy{Controller: "cpuacct"}, "/c", true},
		{Hierarchy{Controller: "pids"}, "", false},
	} {
		if got, ok := c.h.PathOf(file); got != c.want || ok != c.ok {
			t.Errorf("%+v: %q, %v; want %q", c.h, got, ok, c.want)
		}
	}
	// A container's process as seen from another cgroup namespace.
	if got, _ := (Hierarchy{V2: true}).PathOf("0::/../../kubepods/x\n"); got != "/kubepods/x" {
		t.Errorf("relative to a cgroup namespace: %q", got)
	}
}

// TestResolver makes a real cgroup and finds it by its id alone.
func TestResolver(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("opening a cgroup by its id needs root: run the tests as root")
	}
	h, err := FindHierarchy("")
	if err != nil {
		t.Fatal(err)
	}
	name := "/saker-resolver-" + strings.ToLower(t.Name())
	if err := os.Mkdir(h.Mount+name, 0o755); err != nil {
		t.Fatal(err)
	}
	gone := false
	t.Cleanup(func() {
		if !gone {
			os.Remove(h.Mount + name)
		}
	})
	var id uint64
	if err := h.Scan(func(i uint64, path string) bool {
		if path == name {
			id = i
		}
		return true
	}); err != nil || id == 0 {
		t.Fatalf("scan found no id: %v", err)
	}
	r, err := h.OpenResolver()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if path, err := r.Path(id); err != nil || path != name {
		t.Errorf("path(%d) = %q, %v; want %q", id, path, err, name)
	}
	if path, err := r.Path(1); err != nil || path != "/" {
		t.Errorf("path of the root = %q, %v", path, err)
	}
	if err := os.Remove(h.Mount + name); err != nil {
		t.Fatal(err)
	}
	gone = true
	if path, err := r.Path(id); err == nil {
		t.Errorf("path of a removed cgroup = %q", path)
	}
}
