package inspect

import (
	"fmt"
	"io"

	"github.com/saker-sensor/saker/internal/replay"
)

// Convert writes recorded events as a capture (.scap), and one line to w that says how many, and what of them tools don't see. enter has
// the begin of each call written, too.
func Convert(w io.Writer, in, out string, enter bool) error {
	c, err := replay.Convert(in, out, enter)
	if c.Events > 0 || err == nil {
		fmt.Fprintf(w, "%d events, %d processes and %d descriptors written to %s", c.Events, c.Processes, c.Descriptors, out)
		for _, also := range []struct {
			n    uint64
			what string
		}{
			{c.Added, "events put in for execs, forks and opens that are not recorded"},
			{c.Stale, "descriptors that tools take for others"},
			{c.Full, "processes and descriptors without room"},
			{c.Unknown, "events without a form in Falco's table left out"},
		} {
			if also.n > 0 {
				fmt.Fprintf(w, "; %d %s", also.n, also.what)
			}
		}
		fmt.Fprintln(w)
	}
	return err
}
