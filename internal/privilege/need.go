// Package privilege knows which capabilities the sensor needs, and gives up all others.
package privilege

import "golang.org/x/sys/unix"

// Set of capabilities, a bit each, numbered as in capabilities(7).
type Set uint64

// Need is a capability that a running sensor uses.
type Need struct {
	Name string
	Bit  uint
	// Vital: the sensor does not start without it.
	Vital bool
	// Use says what it is for, Loss what is lost without it.
	Use, Loss string
}

// Needs is the least set, in the order of docs/privileges.md. The table there and what it says are tested (test/e2e,
// TestCapabilities). Before Linux 5.11 a start needs CAP_SYS_RESOURCE too, or an unlimited RLIMIT_MEMLOCK.
func Needs() []Need {
	return []Need{
		{"CAP_BPF", unix.CAP_BPF, true, "load the kernel programs, at the start and at each reload", "the sensor does not start"},
		{"CAP_PERFMON", unix.CAP_PERFMON, true, "let them trace: read kernel objects and callers' memory", "the sensor does not start"},
		{
			"CAP_SYS_PTRACE", unix.CAP_SYS_PTRACE, false, "read environ, exe, cwd and root of other processes in /proc",
			"users of containers that no runtime knows have no names, in a container those of all containers and of the host; " +
				"on older kernels, processes that ran before the sensor have no proc.env",
		},
		{
			"CAP_DAC_READ_SEARCH", unix.CAP_DAC_READ_SEARCH, false, "read files that only other users may read; open a cgroup by its id",
			"rule files of other users can't be read; other users' processes that ran before the sensor have no proc.env",
		},
	}
}

// Needed is the set of all needs.
func Needed() Set {
	var s Set
	for _, n := range Needs() {
		s |= 1 << n.Bit
	}
	return s
}

const admin Set = 1 << unix.CAP_SYS_ADMIN

// vital are the two that CAP_SYS_ADMIN includes.
const vital Set = 1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON

// Kept is what of a held set a running sensor keeps: its needs; and CAP_SYS_ADMIN where an old runtime gave that in place
// of CAP_BPF and CAP_PERFMON, which it does not know.
func Kept(held Set) Set {
	if held&vital != vital {
		return held & (Needed() | admin)
	}
	return held & Needed()
}

// Missing are the needs that a held set does not meet.
func Missing(held Set) []Need {
	var missing []Need
	for _, n := range Needs() {
		bit := Set(1) << n.Bit
		if held&bit == 0 && (bit&vital == 0 || held&admin == 0) {
			missing = append(missing, n)
		}
	}
	return missing
}

// Names of the capabilities in a set that the sensor has a use for; all others count as one.
func (s Set) Names() []string {
	var names []string
	for _, n := range Needs() {
		if s&(1<<n.Bit) != 0 {
			names = append(names, n.Name)
		}
	}
	if s&admin != 0 {
		names = append(names, "CAP_SYS_ADMIN")
	}
	if s&^(Needed()|admin) != 0 {
		names = append(names, "others")
	}
	return names
}
