package probe

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const capSysAdmin = unix.CAP_SYS_ADMIN

// neededCaps load tracing programs since 5.8; CAP_SYS_ADMIN includes both.
var neededCaps = []struct {
	name string
	bit  uint
}{
	{"CAP_BPF", unix.CAP_BPF},
	{"CAP_PERFMON", unix.CAP_PERFMON},
}

// effectiveCaps is the calling thread's effective set (capget(2)).
func effectiveCaps() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, fmt.Errorf("read own capabilities: %w", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}
