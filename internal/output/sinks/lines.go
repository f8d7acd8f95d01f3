package sinks

import "io"

// lineWriter finishes a line that an error cut short by a newline of its own before the next one, so that it spoils no other line. What is
// written must be whole lines.
type lineWriter struct {
	w   io.Writer
	cut bool
}

// Write implements [io.Writer].
func (l *lineWriter) Write(b []byte) (int, error) {
	if l.cut {
		if _, err := io.WriteString(l.w, "\n"); err != nil {
			return 0, err
		}
		l.cut = false
	}
	n, err := l.w.Write(b)
	l.cut = n > 0 && b[n-1] != '\n'
	return n, err
}
