package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLog writes the sensor's own log; alerts never go there. Falco's level names are accepted.
func newLog(w io.Writer, level string) (*zap.Logger, error) {
	l, ok := map[string]zapcore.Level{
		"emergency": zapcore.ErrorLevel, "alert": zapcore.ErrorLevel, "critical": zapcore.ErrorLevel, "error": zapcore.ErrorLevel,
		"warning": zapcore.WarnLevel, "notice": zapcore.InfoLevel, "info": zapcore.InfoLevel, "debug": zapcore.DebugLevel,
	}[strings.ToLower(level)]
	if !ok {
		return nil, fmt.Errorf("read option log_level: %q is unknown", level)
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeLevel = zapcore.CapitalLevelEncoder
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(enc), zapcore.Lock(zapcore.AddSync(w)), l)), nil
}

func versionText() string {
	return fmt.Sprintf("Saker version: %s\nEngine version: 0.63.0\nGo version: %s\nArchitecture: %s\n", version, runtime.Version(), runtime.GOARCH)
}
