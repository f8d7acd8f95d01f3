package node

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/testutil"
)

const (
	// stateDir is short, because Unix sockets lie below it.
	stateDir = "/tmp/saker-cluster"
	// Cgroup is above the cluster's processes (in node) and its pods (in kubepods), in every hierarchy.
	Cgroup = "/saker-cluster"
	// insideKey is set in the environment of the process that runs inside.
	insideKey = "SAKER_CLUSTER_INSIDE"
)

// Address is the node's; pods reach the API server there, and at the address that they are told.
const (
	Address    = "10.200.0.2"
	apiAddress = "10.96.0.1"
)

// Contain runs the function in a process of its own, where Start works, and gives its exit code. It is this program again, with the
// arguments added to its own. What that process and its children have left is ended and removed afterwards, whatever has become of it; what
// an earlier run has left is removed before.
func Contain(run func() int, args ...string) int {
	if os.Getenv(insideKey) != "" {
		if err := settleIn(); err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
			return 1
		}
		return run()
	}
	code, err := contained(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		return 1
	}
	return code
}

// contained runs this program again in namespaces of its own, and waits for its end.
func contained(args []string) (code int, err error) {
	lock, err := os.OpenFile(stateDir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return 0, fmt.Errorf("lock the cluster: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return 0, fmt.Errorf("lock the cluster: another one runs on this machine: %w", err)
	}
	if err := clean(true); err != nil {
		return 0, err
	}
	if err := testutil.MakeCgroups(Cgroup + "/node"); err != nil {
		return 0, fmt.Errorf("make the cluster's cgroup: %w", err)
	}
	made, err := mountPoints()
	if err != nil {
		return 0, err
	}
	// Ctrl-C reaches the child too; this process lives on to clean up.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	cmd := exec.Command("/proc/self/exe", slices.Concat(os.Args[1:], args)...)
	cmd.Env = append(os.Environ(), insideKey+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the child ends with the thread that has made it
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("make the cluster's namespaces: %w", err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	_ = cmd.Wait() // the code tells
	if code = cmd.ProcessState.ExitCode(); code != 0 {
		fmt.Fprintln(os.Stderr, "the components' logs are in", filepath.Join(stateDir, "log"))
	}
	err = clean(code == 0)
	for _, dir := range made {
		_ = os.Remove(dir) // only if it is empty
	}
	return code, err
}

// clean ends every process of a cluster and removes its cgroups; all is also what it has on the disk, logs included.
func clean(all bool) error {
	testutil.KillCgroup(Cgroup)
	if err := testutil.RemoveCgroups(Cgroup); err != nil {
		return fmt.Errorf("remove the cluster's cgroups: %w", err)
	}
	left := stateDir
	if !all {
		left = filepath.Join(stateDir, "root")
	}
	if err := os.RemoveAll(left); err != nil {
		return fmt.Errorf("remove the cluster's files: %w", err)
	}
	return nil
}

// private are the folders that the node has for itself.
var private = []string{"/run/containerd", "/run/netns", "/run/saker", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods",
	"/var/log/containers"}

// mountPoints makes those folders on the machine, where they stay empty, and gives those that were absent.
func mountPoints() (made []string, err error) {
	for _, dir := range private {
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return made, fmt.Errorf("make a mount point: %w", err)
		}
		made = append(made, dir)
	}
	return made, nil
}

// sysctls are those that the kubelet writes; plain files stand in for them.
var sysctls = []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys",
	"kernel/keys/root_maxbytes"}

// settleIn moves this process below the cluster's cgroup, and makes the new namespaces a node's.
func settleIn() error {
	if err := testutil.JoinCgroup(Cgroup + "/node"); err != nil {
		return fmt.Errorf("join the cluster's cgroup: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share the mounts: %w", err)
	}
	for _, dir := range private {
		if err := bind(filepath.Join(stateDir, "root", dir), dir); err != nil {
			return err
		}
	}
	for _, name := range sysctls {
		own, real := filepath.Join(stateDir, "root/sysctl", strings.ReplaceAll(name, "/", ".")), "/proc/sys/"+name
		text, err := os.ReadFile(real)
		if err != nil {
			return fmt.Errorf("read a sysctl: %w", err)
		}
		if err := write(own, string(text)); err != nil {
			return err
		}
		if err := unix.Mount(own, real, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount over %s: %w", real, err)
		}
	}
	for _, args := range []string{
		"link set lo up", "addr add " + apiAddress + "/32 dev lo", "link add node0 type bridge", "addr add " + Address + "/24 dev node0",
		"link set node0 up", "route add default via 10.200.0.1 dev node0",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return fmt.Errorf("set up the node's network: ip %s: %w: %s", args, err, out)
		}
	}
	return nil
}

func bind(from, to string) error {
	if err := os.MkdirAll(from, 0o755); err != nil {
		return fmt.Errorf("make the node's folders: %w", err)
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount over %s: %w", to, err)
	}
	return nil
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write the node's files: %w", err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the node's files: %w", err)
	}
	return nil
}
