package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ContainerdSocket is its address.
const ContainerdSocket = "/run/containerd/containerd.sock"

// Runtime is a containerd, with runc from the PATH.
type Runtime struct {
	bin    string // the folder of containerd and its shim; empty if they are in the PATH
	config string // its configuration's template
}

// Debian is the machine's own containerd, of version 1.
func Debian() Runtime { return Runtime{config: "containerd.toml"} }

// Second is a containerd of version 2 in a folder.
func Second(bin string) Runtime { return Runtime{bin: bin, config: "containerd-2.toml"} }

func (n *Node) startContainerd() error {
	c := n.add(Containerd, filepath.Join(n.runtime.bin, "containerd"), "--config="+path("config/containerd.toml"))
	if n.runtime.bin != "" {
		c.env = append(os.Environ(), "PATH="+n.runtime.bin+":"+os.Getenv("PATH")) // where it looks for its shim
	}
	if err := c.start(); err != nil {
		return err
	}
	return c.wait(func() error { return ctr("version") })
}

func ctr(args ...string) error {
	out, err := exec.Command("ctr", append([]string{"-n", "k8s.io"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
