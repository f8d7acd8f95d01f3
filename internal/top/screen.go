package top

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Screen is how a report is shown as text.
type Screen struct {
	// Rows is how many of each table, Width how many columns a line may have; 0 is all.
	Rows, Width int
}

// Text is a report as lines, each with a line break. What could move a terminal's cursor is shown as a dot.
func (s Screen) Text(r *Report) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		text := clean(fmt.Sprintf(format, args...))
		if s.Width > 0 && utf8.RuneCountInString(text) > s.Width {
			text = string([]rune(text)[:s.Width])
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	per := func(n uint64) string { return rate(float64(n) / max(r.Seconds, 1e-3)) }
	line("%s  per second: %s events, %s alerts; lost: %s records, %s alerts", r.Time.Local().Format("15:04:05"),
		per(r.Total.Events), per(r.Total.Alerts), per(r.Total.Lost), per(r.AlertsLost))
	if r.Sensor != (Identity{}) {
		line("sensor %s, pid %d, %s", r.Sensor.Version, r.Sensor.PID, r.Sensor.Socket)
	}
	if r.Missed > 0 {
		line("%d reports before this one were missed: this reader was too slow", r.Missed)
	}
	for _, t := range []struct {
		of    string
		table *Table
		name  func(*Row) string
	}{
		{"RULE", &r.Rules, func(row *Row) string { return row.Name }},
		{"CONTAINER", &r.Containers, func(row *Row) string { return pair(row.Name, row.ID) }},
		{"PROCESS", &r.Processes, func(row *Row) string { return fmt.Sprintf("%s (%s) in %s", row.Name, row.ID, row.In) }},
	} {
		line("")
		line("%9s %9s %9s  %s", "EVENTS/s", "ALERTS/s", "LOST/s", t.of)
		shown := t.table.Rows
		more, others := t.table.More, t.table.Others
		if s.Rows > 0 && len(shown) > s.Rows {
			for _, row := range shown[s.Rows:] {
				others.add(row.Counts)
			}
			more += len(shown) - s.Rows
			shown = shown[:s.Rows]
		}
		for i := range shown {
			line("%9s %9s %9s  %s", per(shown[i].Events), per(shown[i].Alerts), per(shown[i].Lost), t.name(&shown[i]))
		}
		if (others != Counts{}) {
			name := "others"
			if more > 0 {
				name = fmt.Sprintf("others (%d more)", more)
			}
			line("%9s %9s %9s  %s", per(others.Events), per(others.Alerts), per(others.Lost), name)
		}
	}
	return b.String()
}

func pair(name, id string) string {
	if name == "" || name == id {
		return id
	}
	return name + " (" + id + ")"
}

// rate is a number of at most seven characters.
func rate(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	case f < 1e6:
		return fmt.Sprintf("%.0f", f)
	}
	return fmt.Sprintf("%.1fM", f/1e6)
}

// clean keeps a name from being taken for a terminal's commands.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}

// Terminal's commands: another screen without a cursor, back again, and to begin a frame anew.
const (
	enter   = "\x1b[?1049h\x1b[?25l"
	leave   = "\x1b[?25h\x1b[?1049l"
	begin   = "\x1b[H"
	endLine = "\x1b[K\r\n"
	end     = "\x1b[J"
)

// Enter and Leave surround frames on a terminal.
func Enter() string { return enter }

// Leave gives the terminal back.
func Leave() string { return leave }

// Frame is a report that fills a terminal of a height.
func (s Screen) Frame(r *Report, height int) string {
	lines := strings.Split(strings.TrimSuffix(s.Text(r), "\n"), "\n")
	if height > 1 && len(lines) > height-1 {
		lines = lines[:height-1]
	}
	return begin + strings.Join(lines, endLine) + endLine + end
}
