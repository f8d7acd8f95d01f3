package field

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
)

// Checksum is the SHA-256, in hexadecimal, of the fields and event types that rules may name: it changes when one is added, removed or of
// another type.
func (d *Dictionary) Checksum() string {
	var lines []string
	for _, in := range d.Fields() {
		lines = append(lines, fmt.Sprintf("field %s %v %v %v %v", in.Name, in.Type, in.List, in.Arg, in.Flags))
	}
	for _, t := range event.AllTypes() {
		lines = append(lines, "event "+t.String())
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:])
}
