package call

import (
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

//go:generate go run ./gen

// number is a system call in the tables of the architectures; -1: it has none there.
type number struct {
	name                    string
	amd64, i386, arm64, arm int
}

// renamed are the calls whose event has another name than the kernel's, beside those that differ by a suffix alone.
var renamed = map[string]string{
	"ugetrlimit":          "getrlimit",
	"arm_fadvise64_64":    "fadvise64",
	"arm_sync_file_range": "sync_file_range2",
}

// typeOf finds the event's type of a system call by the kernel's name: 32-bit tables have calls with a suffix for the size of
// what is passed (fcntl64, setuid32, futex_time64), which are events of the name without it.
func typeOf(types map[string]event.Type, kernel string) (event.Type, bool) {
	if name, ok := renamed[kernel]; ok {
		kernel = name
	}
	for _, name := range []string{
		kernel, strings.TrimPrefix(kernel, "_"), strings.TrimSuffix(kernel, "_time64"), strings.TrimSuffix(kernel, "64"),
		strings.TrimSuffix(kernel, "32"),
		strings.TrimSuffix(kernel, "_64"),
	} {
		if t, ok := types[name]; ok {
			return t, true
		}
	}
	return event.TypeUnknown, false
}
