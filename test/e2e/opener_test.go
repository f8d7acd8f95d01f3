package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// opener is the name under which the test binary opens a file many times instead of testing: opener FILE COUNT.
const opener = "opener"

func runOpener(args []string) int {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return 2
	}
	for range n {
		fd, err := unix.Openat(unix.AT_FDCWD, args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		_ = unix.Close(fd)
	}
	return 0
}

func openMany(t *testing.T, file string, n int) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(exe, opener, file, strconv.Itoa(n)).CombinedOutput(); err != nil {
		t.Fatalf("open %s %d times: %v\n%s", file, n, err, out)
	}
}
