package output

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// DedupKey is what matches have in common that count as the same. Its texts may alias an event.
type DedupKey struct {
	Rule, ContainerID, ExePath, File string
}

func (k DedupKey) clone() DedupKey {
	return DedupKey{strings.Clone(k.Rule), strings.Clone(k.ContainerID), strings.Clone(k.ExePath), strings.Clone(k.File)}
}

func (k *DedupKey) size() int { return len(k.Rule) + len(k.ContainerID) + len(k.ExePath) + len(k.File) }

// DedupSettings bound the table. What is zero takes the default.
type DedupSettings struct {
	// Entries is the largest number of keys whose window is open, MaxBytes that of the bytes kept for them.
	Entries, MaxBytes int
	// Emit takes the alert that stands for the held ones of a key; its text is valid during the call.
	Emit func(Held)
}

// Defaults of DedupSettings.
const (
	DefaultDedupEntries = 8192
	DefaultDedupBytes   = 16 << 20
)

// Held is what is known of the matches that a window held back.
type Held struct {
	Rule string
	// Priority is the word that alerts show.
	Priority string
	// Count is their number, Text and JSON the last one's alert as [Queue.Put] takes it.
	Count      uint64
	Text, JSON []byte
}

// DedupCounters are since the start.
type DedupCounters struct {
	// Suppressed matches were held back, and Emitted alerts tell how many; Overflow matches were let pass because the table was full.
	Suppressed, Emitted, Overflow uint64
	// Open is the number of windows that are open now.
	Open int
}

// Dedup lets the first match of a key pass and holds back others until its window ends; then one alert tells of them.
// It is not safe for several goroutines.
type Dedup struct {
	settings DedupSettings
	windows  map[DedupKey]*window
	bytes    int
	counters DedupCounters
	// text and json are reused.
	text, json []byte
}

// window is open from the first match of a key to its end.
type window struct {
	key DedupKey
	end time.Time
	Held
}

// NewDedup makes an empty table.
func NewDedup(s DedupSettings) *Dedup {
	if s.Entries <= 0 {
		s.Entries = DefaultDedupEntries
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = DefaultDedupBytes
	}
	return &Dedup{settings: s, windows: map[DedupKey]*window{}}
}

// Hold takes a match whose key has a window of a length. It reports false if the caller has to send its alert: it is the first
// one, or there is no room. Otherwise the alert, which render appends to both with the count that it stands for, is held.
func (d *Dedup) Hold(key DedupKey, priority string, length time.Duration, now time.Time,
	render func(text, json []byte, count uint64) ([]byte, []byte)) bool {
	w := d.windows[key]
	if w != nil && !now.Before(w.end) {
		d.close(w)
		w = nil
	}
	if w == nil {
		d.open(key, now.Add(length))
		return false
	}
	d.text, d.json = render(d.text[:0], d.json[:0], w.Count+1)
	grow := max(len(d.text)-cap(w.Text), 0) + max(len(d.json)-cap(w.JSON), 0)
	if d.bytes+grow > d.settings.MaxBytes {
		d.counters.Overflow++
		return false
	}
	d.bytes += grow
	w.Text, w.JSON = keep(w.Text, d.text), keep(w.JSON, d.json)
	w.Priority = priority
	w.Count++
	d.counters.Suppressed++
	return true
}

// keep copies a text over another one, with no more room than it needs.
func keep(old, text []byte) []byte {
	if len(text) > cap(old) {
		old = make([]byte, 0, len(text))
	}
	return append(old[:0], text...)
}

func (d *Dedup) open(key DedupKey, end time.Time) {
	if len(d.windows) >= d.settings.Entries || d.bytes+key.size() > d.settings.MaxBytes {
		d.counters.Overflow++
		return
	}
	key = key.clone()
	d.bytes += key.size()
	d.windows[key] = &window{key: key, end: end, Held: Held{Rule: key.Rule}}
}

// close ends a window.
func (d *Dedup) close(w *window) {
	d.emit(w)
	d.bytes -= w.key.size() + cap(w.Text) + cap(w.JSON)
	delete(d.windows, w.key)
}

// emit tells of what a window has held back so far.
func (d *Dedup) emit(w *window) {
	if w.Count == 0 {
		return
	}
	d.counters.Emitted++
	d.settings.Emit(w.Held)
	w.Count = 0
}

// Expire ends the windows whose time is over.
func (d *Dedup) Expire(now time.Time) {
	for _, w := range d.which(func(w *window) bool { return !now.Before(w.end) }) {
		d.close(w)
	}
}

// Flush tells of all that is held back. The windows stay open.
func (d *Dedup) Flush() {
	for _, w := range d.which(func(w *window) bool { return w.Count > 0 }) {
		d.emit(w)
	}
}

// which lists the windows that fit, by their ends.
func (d *Dedup) which(fits func(*window) bool) []*window {
	var out []*window
	for _, w := range d.windows {
		if fits(w) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b *window) int { return cmp.Or(a.end.Compare(b.end), strings.Compare(a.Rule, b.Rule)) })
	return out
}

// Counters returns a copy.
func (d *Dedup) Counters() DedupCounters {
	c := d.counters
	c.Open = len(d.windows)
	return c
}
