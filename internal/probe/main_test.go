package probe

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// childVar names what the test binary does in place of the tests: what the probe is to see, or must not be allowed to.
const childVar = "SAKER_PROBE_CHILD"

func TestMain(m *testing.M) {
	name := os.Getenv(childVar)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := children[name](os.Args[1:]); err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	os.Exit(0)
}

var children = map[string]func(args []string) error{
	"open":         openMany,
	"flood":        openUntilEOF,
	"unable":       checkUnprivileged,
	"without":      checkWithoutBTF,
	"load":         loadUnprivileged,
	"see":          seeOpens,
	"half there":   checkOneCapability,
	"canary":       forgeCanary,
	"open by line": openByLine,
}

// openMany opens an absent file, as often as its first argument says.
func openMany(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	path := floodPath(os.Getppid())
	for range n {
		_, _ = unix.Openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
	}
	return nil
}

// openUntilEOF opens an absent file until its input ends, and prints how often.
func openUntilEOF([]string) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	path := floodPath(os.Getppid())
	for n := 0; ; n++ {
		select {
		case <-ended:
			fmt.Print(n)
			return nil
		default:
		}
		_, _ = unix.Openat(unix.AT_FDCWD, path, unix.O_RDONLY, 0)
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 20_000}, nil) // the reader, with the race detector, must keep up
	}
}

// floodPath is what the flooding children of a process open; others may run the same test at the same time.
func floodPath(pid int) string { return fmt.Sprintf("/nowhere/flood-%d", pid) }

// keepCapabilities drops all capabilities of the calling thread but these.
func keepCapabilities(keep ...uint) error {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range keep {
		data[c/32].Effective |= 1 << (c % 32)
		data[c/32].Permitted |= 1 << (c % 32)
	}
	return unix.Capset(&hdr, &data[0])
}

// child is the test binary as one of the children, not yet started.
func child(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	// The race detector sleeps for a second before it exits, unless told not to.
	cmd.Env = append(os.Environ(), childVar+"="+name, "GORACE=atexit_sleep_ms=0")
	return cmd
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: the probe loads BPF programs")
	}
}

// loaded is a probe of all system calls.
func loaded(t testing.TB, s Settings) *Probe {
	t.Helper()
	needRoot(t)
	for _, typ := range event.AllTypes() {
		if typ.Captured() {
			s.Types.Add(typ)
		}
	}
	p, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// oneLine fails unless a text is one line that holds all the words.
func oneLine(t *testing.T, text string, words ...string) {
	t.Helper()
	if text == "" || strings.Contains(text, "\n") {
		t.Errorf("not one line: %q", text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}
