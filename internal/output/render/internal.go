package render

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/saker-sensor/saker/internal/field"
)

// Internal is an alert of the sensor about itself: events lost, a timeout, a snapshot of metrics.
type Internal struct {
	// Rule is its name: "Falco internal: syscall event drop".
	Rule string
	// Priority is the word that alerts show: Debug.
	Priority string
	Message  string
	// Time is ns since the epoch.
	Time int64
	// Fields are texts, bools and numbers.
	Fields map[string]any
}

// Append renders the alert without a newline. Of the options JSON, TimeISO8601, Redactor, Hostname and Zone count.
func (a *Internal) Append(dst []byte, opt Options) []byte {
	keys := slices.Sorted(maps.Keys(a.Fields))
	if !opt.JSON {
		dst = a.appendTime(dst, opt)
		dst = append(dst, ": "+a.Priority+" "...)
		dst = append(field.AppendEscaped(dst, a.Message), " ("...)
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = append(append(dst, k...), '=')
			dst = appendAny(dst, a.Fields[k], opt.Redactor)
		}
		return append(dst, ')')
	}
	dst = field.AppendQuoted(append(dst, `{"hostname":`...), opt.Hostname)
	dst = field.AppendQuoted(append(dst, `,"output":`...), a.Message)
	dst = append(dst, `,"output_fields":{`...)
	for i, k := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(field.AppendQuoted(dst, k), ':')
		dst = appendAny(dst, a.Fields[k], opt.Redactor)
	}
	dst = field.AppendQuoted(append(dst, `},"priority":`...), a.Priority)
	dst = field.AppendQuoted(append(dst, `,"rule":`...), a.Rule)
	dst = append(dst, `,"source":"internal","time":"`...)
	return append(appendUTC(dst, a.Time), '"', '}')
}

func (a *Internal) appendTime(dst []byte, opt Options) []byte {
	t := time.Unix(0, a.Time)
	if opt.TimeISO8601 {
		return t.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000-0700")
	}
	zone := opt.Zone
	if zone == nil {
		zone = time.Local
	}
	return t.In(zone).AppendFormat(dst, "15:04:05.000000000")
}

// appendAny appends a value as JSON; what is neither number nor bool counts as text.
func appendAny(dst []byte, v any, redactor *Redactor) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return field.AppendQuoted(dst, redactor.Text(v))
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Append(dst, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(dst, "null"...) // JSON has no word for it
		}
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	}
	return field.AppendQuoted(dst, fmt.Sprint(v))
}
