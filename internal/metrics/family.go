// Package metrics shows what the sensor counts, over HTTP: health, versions and Prometheus metrics.
//
// It knows none of the rooms. Each metric is an entry of a table that is made where the counts are, and that the
// reference docs/metrics.md is made from too.
package metrics

import (
	"fmt"
	"io"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Type says whether a value only grows.
type Type uint8

const (
	Counter Type = iota
	Gauge
)

func (t Type) String() string { return [...]string{"counter", "gauge"}[t] }

// Emit takes one value of a family, with its labels as name, value, name, value.
type Emit func(value float64, labels ...string)

// Family is one metric: what it is called, what it says, and where its values come from. S is what is scraped.
type Family[S any] struct {
	Name string
	// Help is one sentence.
	Help string
	Type Type
	// Labels are documented; Collect gives them with each value.
	Labels []string
	// Switch is the key of falco.yaml that shows the family; empty if that is always.
	Switch string
	// Collect must be safe for several goroutines at once.
	Collect func(s *S, emit Emit)
}

// Collector makes the families' metrics of what source returns; of nothing, while it returns nil.
func Collector[S any](families []Family[S], source func() *S) prometheus.Collector {
	return &collector[S]{families, source}
}

type collector[S any] struct {
	families []Family[S]
	source   func() *S
}

// Describe says nothing, as the labels of a rule's metric depend on its tags.
func (c *collector[S]) Describe(chan<- *prometheus.Desc) {}

func (c *collector[S]) Collect(out chan<- prometheus.Metric) {
	s := c.source()
	if s == nil {
		return
	}
	for i := range c.families {
		f := &c.families[i]
		typ := prometheus.CounterValue
		if f.Type == Gauge {
			typ = prometheus.GaugeValue
		}
		f.Collect(s, func(value float64, labels ...string) {
			names, values := split(labels)
			desc := prometheus.NewDesc(f.Name, f.Help, names, nil)
			m, err := prometheus.NewConstMetric(desc, typ, value, values...)
			if err != nil {
				m = prometheus.NewInvalidMetric(desc, err)
			}
			out <- m
		})
	}
}

// split sorts out names and values. Two names that are the same once they have the form that Prometheus asks for are one
// label.
func split(labels []string) (names, values []string) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(labels); i += 2 {
		name := labelName(labels[i])
		if seen[name] {
			continue
		}
		seen[name] = true
		names, values = append(names, name), append(values, strings.ToValidUTF8(labels[i+1], "\uFFFD"))
	}
	return names, values
}

// labelName puts an underscore in place of what a label's name may not hold, as Falco does.
func labelName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !(c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' && i > 0) {
			b[i] = '_'
		}
	}
	return string(b)
}

// Document writes the families as the rows of a Markdown table.
func Document[S any](w io.Writer, families []Family[S]) error {
	var b strings.Builder
	b.WriteString("| metric | type | labels | switch | |\n|---|---|---|---|---|\n")
	for i := range families {
		f := &families[i]
		quoted := make([]string, len(f.Labels))
		for j, l := range f.Labels {
			quoted[j] = "`" + l + "`"
		}
		on := ""
		if f.Switch != "" {
			on = "`" + f.Switch + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, f.Type, strings.Join(quoted, ", "), on, f.Help)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
