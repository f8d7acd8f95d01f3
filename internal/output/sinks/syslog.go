package sinks

import (
	"fmt"
	"log/syslog"

	"github.com/saker-sensor/saker/internal/output"
)

// Syslog is a sink to the host's syslog daemon. Each alert has the severity of its priority (both count from emergency
// to debug, syslog(3)), the facility user and the tag falco, which the daemon's filters may name.
type Syslog struct {
	socket string
	// w is nil until a daemon was there.
	w *syslog.Writer
}

// NewSyslog makes a sink to the daemon with this socket, /dev/log if none is named. The daemon may come later, and go.
func NewSyslog(socket string) *Syslog { return &Syslog{socket: socket} }

// Write implements [output.Sink]. Every error wraps [output.ErrAgain].
func (s *Syslog) Write(m output.Message) error {
	if s.w == nil {
		if err := s.connect(); err != nil {
			return fmt.Errorf("%w: connect to the syslog daemon: %w; start one, or mount its socket /dev/log", output.ErrAgain, err)
		}
	}
	if err := s.severity(m.Priority)(string(m.Text)); err != nil {
		return fmt.Errorf("%w: write to the syslog daemon: %w", output.ErrAgain, err)
	}
	return nil
}

func (s *Syslog) connect() (err error) {
	const kind = syslog.LOG_USER | syslog.LOG_NOTICE
	if s.socket == "" {
		s.w, err = syslog.New(kind, "falco")
	} else {
		s.w, err = syslog.Dial("unixgram", s.socket, kind, "falco")
	}
	return err
}

func (s *Syslog) severity(priority string) func(string) error {
	switch priority {
	case "Emergency":
		return s.w.Emerg
	case "Alert":
		return s.w.Alert
	case "Critical":
		return s.w.Crit
	case "Error":
		return s.w.Err
	case "Warning":
		return s.w.Warning
	case "Notice":
		return s.w.Notice
	case "Informational":
		return s.w.Info
	}
	return s.w.Debug
}

// Flush implements [output.Sink].
func (s *Syslog) Flush() error { return nil }

// Close implements [output.Sink].
func (s *Syslog) Close() error {
	if s.w == nil {
		return nil
	}
	return s.w.Close()
}
