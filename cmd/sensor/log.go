package main

import (
	"fmt"
	"io"
	"log/syslog"
	"runtime"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/saker-sensor/saker/internal/config"
)

// newLog writes the sensor's own log to stderr, to the syslog daemon, or to both; alerts never go there. Falco's level
// names are accepted. Without a daemon the log goes to stderr, so that it is never lost. Lines that could not be written are counted.
func newLog(stderr io.Writer, cfg *config.Config, dial func() (*syslog.Writer, error), failures *atomic.Uint64) (*zap.Logger, error) {
	level, ok := map[string]zapcore.Level{
		"emergency": zapcore.ErrorLevel, "alert": zapcore.ErrorLevel, "critical": zapcore.ErrorLevel, "error": zapcore.ErrorLevel,
		"warning": zapcore.WarnLevel, "notice": zapcore.InfoLevel, "info": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
	}[strings.ToLower(cfg.LogLevel)]
	if !ok {
		return nil, fmt.Errorf("read option log_level: %q is unknown", cfg.LogLevel)
	}
	toStderr := cfg.LogStderr
	var cores []zapcore.Core
	var failed error
	if cfg.LogSyslog {
		w, err := dial()
		if err == nil {
			cores = append(cores, &syslogCore{LevelEnabler: level, enc: zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "M"}), w: w})
		} else {
			failed, toStderr = err, true
		}
	}
	if toStderr {
		enc := zap.NewProductionEncoderConfig()
		enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		cores = append(cores, zapcore.NewCore(zapcore.NewConsoleEncoder(enc), zapcore.Lock(zapcore.AddSync(stderr)), level))
	}
	log := zap.New(zapcore.NewTee(cores...), zap.ErrorOutput((*failureCounter)(failures)))
	if failed != nil {
		log.Warn("log_syslog: there is no syslog daemon; the log goes to standard error", zap.Error(failed))
	}
	return log, nil
}

// failureCounter counts the messages in which zap says that a line could not be written. zap would print them to standard error, which may
// be what failed.
type failureCounter atomic.Uint64

// Write implements [zapcore.WriteSyncer].
func (c *failureCounter) Write(b []byte) (int, error) {
	(*atomic.Uint64)(c).Add(1)
	return len(b), nil
}

// Sync implements [zapcore.WriteSyncer].
func (c *failureCounter) Sync() error { return nil }

func dialSyslog() (*syslog.Writer, error) { return syslog.New(syslog.LOG_DAEMON, "saker") }

// syslogCore sends each entry with the syslog level of its own.
type syslogCore struct {
	zapcore.LevelEnabler
	enc zapcore.Encoder
	w   *syslog.Writer
}

// With is a core whose entries have these fields too.
func (c *syslogCore) With(fields []zapcore.Field) zapcore.Core {
	enc := c.enc.Clone()
	for _, f := range fields {
		f.AddTo(enc)
	}
	return &syslogCore{c.LevelEnabler, enc, c.w}
}

// Check adds the core to an entry that it takes.
func (c *syslogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write sends an entry; the daemon adds the time.
func (c *syslogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	buf, err := c.enc.EncodeEntry(e, fields)
	if err != nil {
		return err
	}
	defer buf.Free()
	switch {
	case e.Level >= zapcore.ErrorLevel:
		return c.w.Err(buf.String())
	case e.Level == zapcore.WarnLevel:
		return c.w.Warning(buf.String())
	case e.Level == zapcore.InfoLevel:
		return c.w.Info(buf.String())
	}
	return c.w.Debug(buf.String())
}

// Sync has nothing to do.
func (c *syslogCore) Sync() error { return nil }

func versionText() string {
	return fmt.Sprintf(
		"Saker version: %s\nEngine version: 0.63.0\nGo version: %s\nArchitecture: %s\n",
		version,
		runtime.Version(),
		runtime.GOARCH,
	)
}
