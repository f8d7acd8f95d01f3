package tune

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

// Page is a report as one HTML page, which asks nothing of a network.
func Page(r *Report) (string, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"bars":  bars,
		"time":  func(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05 MST") },
		"span":  func(r *Report) string { return time.Duration(r.Last - r.First).Round(time.Second).String() },
		"share": func(n, of uint64) string { return fmt.Sprintf("%.1f", 100*float64(n)/float64(max(of, 1))) },
	}).Parse(pageText)
	if err != nil {
		return "", fmt.Errorf("make the page: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, r); err != nil {
		return "", fmt.Errorf("make the page: %w", err)
	}
	return b.String(), nil
}

// bar is a column of a timeline, in percent of its picture.
type bar struct {
	X, Y, Width, Height float64
	Title               string
}

// bars are those of a timeline in a picture from first to last.
func bars(t Timeline, first, last int64) []bar {
	begin, span := first, float64(max(last-first, 1))
	var most uint64
	for _, n := range t.Counts {
		most = max(most, n)
	}
	var all []bar
	for i, n := range t.Counts {
		if n == 0 {
			continue
		}
		at := t.Begin + int64(i)*t.Cell
		left := max(100*float64(at-begin)/span, 0)
		right := min(100*float64(at+t.Cell-begin)/span, 100)
		height := 100 * float64(n) / float64(most)
		all = append(all, bar{
			X: min(left, 99.5), Width: max(right-left, 0.5), Y: 100 - height, Height: height,
			Title: fmt.Sprintf("%d from %s", n, time.Unix(0, at).UTC().Format("15:04:05")),
		})
	}
	return all
}
