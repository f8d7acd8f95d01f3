package inspect

import (
	"cmp"
	"context"
	"io"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/top"
)

// TopSettings are how [Top] shows what a running sensor sees.
type TopSettings struct {
	Config config.Config
	// Reports is how many to show; 0 shows them until the context ends.
	Reports int
	// JSON is a line for each report; otherwise it is text, which on a terminal of Columns and Lines is shown in place.
	JSON           bool
	Columns, Lines int
	// Rows bounds each table; 0 is what fits, or 10.
	Rows int
}

// The lines of a frame that are no rows: the first two, and of each table a blank one, its head and that of others; and how
// many tables there are.
const (
	frameLines = 2 + 3*tables
	tables     = 3
)

// Top shows each second what the running sensor sees, by rule, container and process.
func Top(ctx context.Context, w io.Writer, settings TopSettings) error {
	inPlace := settings.Lines > 0 && !settings.JSON
	screen := top.Screen{Rows: settings.Rows, Width: settings.Columns}
	if screen.Rows <= 0 && inPlace {
		screen.Rows = max((settings.Lines-1-frameLines)/tables, 1)
	}
	screen.Rows = cmp.Or(max(screen.Rows, 0), 10)
	if inPlace {
		if _, err := io.WriteString(w, top.Enter()); err != nil {
			return err
		}
		defer func() { _, _ = io.WriteString(w, top.Leave()) }()
	}
	shown := 0
	return top.Watch(ctx, settings.Config.Top.Socket, func(r *top.Report) (bool, error) {
		var err error
		switch {
		case settings.JSON:
			err = writeLine(w, r)
		case inPlace:
			_, err = io.WriteString(w, screen.Frame(r, settings.Lines))
		default:
			_, err = io.WriteString(w, screen.Text(r))
		}
		shown++
		return shown != settings.Reports, err
	})
}
