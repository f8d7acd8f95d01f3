package decode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/saker-sensor/saker/internal/call"
)

// WireVersion is the version of the records' layout in bpf/event.h. A test fails when that file changes and this number does not.
const WireVersion = 2

// Schema names what a recorded record means: the layout of records, and the rows of the table of system calls with what the kernel's
// side sends of each parameter. Records can be read where the schema is the same.
func Schema() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", WireVersion)
	for _, row := range call.Rows() {
		fmt.Fprintf(h, "%s %d\n", row.Name, row.Descriptor)
		for i := range row.Params {
			p := &row.Params[i]
			fmt.Fprintf(h, "\t%s %s %d %d\n", p.Name, p.TypeWord(), p.From, p.Made)
		}
	}
	return fmt.Sprintf("%d-%s", WireVersion, hex.EncodeToString(h.Sum(nil)[:6]))
}
