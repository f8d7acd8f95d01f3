package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/inspect"
)

func topCommand(ctx context.Context, stdout, stderr io.Writer, source *sourceFlags) *cobra.Command {
	var once bool
	var format, socket string
	var settings inspect.TopSettings
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what the running sensor sees each second: events, alerts and losses by rule, container and process",
		Long: `Shows what the running sensor sees each second: events, alerts and losses by rule, container and process.

Connects to the Unix socket of a running sensor: that of --socket, or the setting top.socket of the configuration that the flags
-c and -o name. The second line says which sensor listens there, with its version and pid.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch format {
			case "json":
				settings.JSON = true
			case "text":
			default:
				return fmt.Errorf("show what the sensor sees: format %q is not one of: text, json", format)
			}
			if settings.Reports < 0 || settings.Rows < 0 {
				return errors.New("show what the sensor sees: -n and --rows are numbers from 0")
			}
			if once {
				settings.Reports = 1
			}
			var err error
			if settings.Config, err = source.load(stderr); err != nil {
				return err
			}
			if socket != "" {
				settings.Config.Top.Socket = socket
			}
			if settings.Config.Top.Socket == "" {
				return errors.New("show what the sensor sees: top.socket is empty; set it for the sensor, too, or name its socket by --socket")
			}
			if !once {
				settings.Columns, settings.Lines = terminal(stdout)
			}
			return inspect.Top(ctx, stdout, settings)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.BoolVar(&once, "once", false, "show one second and exit")
	fs.StringVar(&socket, "socket", "", "show the sensor that listens on this Unix `socket`, instead of on top.socket of the configuration")
	fs.IntVarP(&settings.Reports, "reports", "n", 0, "show this `number` of seconds and exit; 0 goes on")
	fs.StringVar(&format, "format", "text", "`text` or json, a line for each second")
	fs.IntVar(&settings.Rows, "rows", 0, "show at most this `number` of rules, containers and processes; 0 is what fits, or 10")
	source.add(fs)
	return cmd
}

// terminal is the size of the terminal that is written to; zero if it is none.
func terminal(w io.Writer) (columns, lines int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}
