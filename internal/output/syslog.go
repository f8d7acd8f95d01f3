package output

import (
	"fmt"
	"log/syslog"
)

// Syslog is a sink to the host's syslog daemon. Each alert has the severity of its priority (both count from emergency
// to debug, syslog(3)), the facility user and the tag falco, which the daemon's filters may name.
type Syslog struct{ w *syslog.Writer }

// NewSyslog connects to the daemon by its socket, /dev/log if none is named. A daemon that is restarted is connected to
// again.
func NewSyslog(socket string) (*Syslog, error) {
	const kind = syslog.LOG_USER | syslog.LOG_NOTICE
	var w *syslog.Writer
	var err error
	if socket == "" {
		w, err = syslog.New(kind, "falco")
	} else {
		w, err = syslog.Dial("unixgram", socket, kind, "falco")
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the syslog daemon: %w; start one, or mount its socket /dev/log", err)
	}
	return &Syslog{w}, nil
}

// Write implements [Sink].
func (s *Syslog) Write(m Message) error {
	if err := s.severity(m.Priority)(string(m.Text)); err != nil {
		return fmt.Errorf("%w: write to the syslog daemon: %w", ErrAgain, err)
	}
	return nil
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

// Flush implements [Sink].
func (s *Syslog) Flush() error { return nil }

// Close implements [Sink].
func (s *Syslog) Close() error { return s.w.Close() }
