package decode

import (
	"testing"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
)

// Numbers of the kernel's and Falco's numbers for them.
func TestNumber(t *testing.T) {
	table := call.New()
	for _, tc := range []struct {
		row, param string
		kernel     uint64
		want       int64
	}{
		{"quotactl", "cmd", 0x80000201, 1},    // Q_QUOTAON of GRPQUOTA, as the kernel has it: the command above 8 bits
		{"quotactl", "type", 0x80000201, 2},   // GRPQUOTA
		{"accept4", "flags", 0o2000000, 4096}, // SOCK_CLOEXEC
		{"kill", "pid", 0xffffffff, -1},       // an int in 64 bits
		{"listen", "backlog", 0x1ffffffff, -1},
		{"setuid", "uid", 0xffffffffffffffff, 0xffffffff},
		{"flock", "operation", 2, 0x2},
	} {
		typ, _ := event.TypeByName(tc.row)
		row := table.Row(typ)
		for i := range row.Params {
			if p := &row.Params[i]; p.Name == tc.param {
				if got := number(p, tc.kernel); got != tc.want {
					t.Errorf("%s: %s %#x is %d, want %d", tc.row, tc.param, tc.kernel, got, tc.want)
				}
			}
		}
	}
}
