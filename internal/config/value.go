package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// parseBool reads what YAML 1.1 takes for a truth value, as Falco does.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "y":
		return true, true
	case "false", "no", "off", "n":
		return false, true
	}
	return false, false
}

// parseInt reads a whole number, decimal or 0x….
func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 0, 64)
	return n, err == nil
}

// parseFloat reads a finite number.
func parseFloat(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// spans are the units of a duration, by falling size, as Prometheus and Falco have them.
func spans() []struct {
	unit string
	span time.Duration
} {
	const day = 24 * time.Hour
	return []struct {
		unit string
		span time.Duration
	}{
		{"y", 365 * day}, {"w", 7 * day}, {"d", day}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
	}
}

var durationForm = regexp.MustCompile(
	`^(?:(\d{1,3})y)?(?:(\d{1,4})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?(?:(\d{1,12})ms)?$`,
)

// parseDuration reads 1h30m and its like, and 0.
func parseDuration(s string) (time.Duration, bool) {
	if s == "0" {
		return 0, true
	}
	m := durationForm.FindStringSubmatch(s)
	if m == nil || s == "" {
		return 0, false
	}
	var d time.Duration
	for i, u := range spans() {
		n, _ := strconv.ParseInt(m[i+1], 10, 64) // the form allows digits alone; what is absent is 0
		if part := float64(n) * float64(u.span); part+float64(d) > math.MaxInt64/2 {
			return 0, false
		}
		d += time.Duration(n) * u.span
	}
	return d, true
}

// formatDuration is the inverse of parseDuration.
func formatDuration(d time.Duration) string {
	var b strings.Builder
	for _, u := range spans() {
		if n := d / u.span; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.unit)
			d -= n * u.span
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}
