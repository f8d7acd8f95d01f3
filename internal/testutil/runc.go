package testutil

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/containerd/containerd/v2/pkg/cap"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// runcWithin is the name under which a test binary is runc for a root that lacks capabilities itself.
const runcWithin = "runc-within"

// ServeRunc is for a TestMain whose tests call [StartDockerHost]: under that name the binary is runc, and does not return.
func ServeRunc() {
	if filepath.Base(os.Args[0]) != runcWithin {
		return
	}
	if i := slices.Index(os.Args, "--bundle"); i > 0 && slices.Contains(os.Args, "create") {
		if err := keepWithin(filepath.Join(os.Args[i+1], "config.json")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	runc, err := exec.LookPath("runc")
	if err == nil {
		err = syscall.Exec(runc, append([]string{runc}, os.Args[1:]...), os.Environ())
	}
	fmt.Fprintf(os.Stderr, "run runc: %v\n", err)
	os.Exit(1)
}

// keepWithin takes from a container the capabilities that this root can't give: a privileged one asks for all there are.
func keepWithin(config string) error {
	var spec specs.Spec
	text, err := os.ReadFile(config)
	if err == nil {
		err = json.Unmarshal(text, &spec)
	}
	have, capErr := cap.Current()
	if err != nil || capErr != nil {
		return fmt.Errorf("read what a container may: %w, %w", err, capErr)
	}
	if c := spec.Process.Capabilities; c != nil {
		for _, set := range []*[]string{&c.Bounding, &c.Effective, &c.Inheritable, &c.Permitted, &c.Ambient} {
			*set = slices.DeleteFunc(*set, func(name string) bool { return !slices.Contains(have, name) })
		}
	}
	if text, err = json.Marshal(&spec); err != nil {
		return fmt.Errorf("write what a container may: %w", err)
	}
	return os.WriteFile(config, text, 0o600)
}

// runcWithinArgs are dockerd's arguments to run containers by [ServeRunc]: root may lack capabilities, as in a container, and can't
// start a privileged one otherwise. There the container has what root has.
func runcWithinArgs(tb testing.TB) []string {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	name := filepath.Join(tb.TempDir(), runcWithin)
	if err := os.Symlink(self, name); err != nil {
		tb.Fatal(err)
	}
	return []string{"--add-runtime", "within=" + name, "--default-runtime", "within"}
}
