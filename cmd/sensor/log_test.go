package main

import (
	"errors"
	"log/syslog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/config"
)

// TestLog: the log goes where it was told to, and is never lost.
func TestLog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "log")
	daemon, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer daemon.Close()
	dial := func() (*syslog.Writer, error) { return syslog.Dial("unixgram", socket, syslog.LOG_DAEMON, "saker") }
	absent := func() (*syslog.Writer, error) { return nil, errors.New("no daemon") }
	tests := map[string]struct {
		stderr, syslog bool
		dial           func() (*syslog.Writer, error)
		wantStderr     string
		wantSyslog     string
	}{
		"stderr":    {true, false, dial, `^\S+\tWARN\tfull\t\{"rings": 2\}\n$`, ""},
		"syslog":    {false, true, dial, `^$`, `^<28>.* saker\[\d+\]: full\s+\{"rings": 2\}\n$`},
		"both":      {true, true, dial, `\tfull\t`, `: full`},
		"neither":   {false, false, dial, `^$`, ""},
		"no daemon": {false, true, absent, `(?s)log_syslog: there is no syslog daemon.*\tfull\t`, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr strings.Builder
			cfg := config.Default()
			cfg.LogStderr, cfg.LogSyslog = tt.stderr, tt.syslog
			log, err := newLog(&stderr, &cfg, tt.dial, &atomic.Uint64{})
			if err != nil {
				t.Fatal(err)
			}
			log.Debug("left out")
			log.With(zap.Int("rings", 2)).Warn("full")
			if !regexp.MustCompile(tt.wantStderr).MatchString(stderr.String()) || strings.Contains(stderr.String(), "left out") {
				t.Errorf("standard error: %q", stderr.String())
			}
			if tt.wantSyslog == "" {
				return
			}
			if err := daemon.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 4096)
			n, err := daemon.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(tt.wantSyslog).Match(buf[:n]) {
				t.Errorf("syslog: %q", buf[:n])
			}
		})
	}
}

// broken is a standard error whose reader has gone.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestLogErrorsAreCounted(t *testing.T) {
	var failures atomic.Uint64
	cfg := config.Default()
	log, err := newLog(broken{}, &cfg, nil, &failures)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		log.Info("nobody reads this")
	}
	if n := failures.Load(); n != 3 {
		t.Errorf("%d lines are counted, not 3", n)
	}
}
