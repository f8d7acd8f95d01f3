package oracle

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// volatile are the fields, and the parameters in evt.args, whose values differ from run to run, or from machine to machine.
var volatile = regexp.MustCompile(`^(evt\.(num|time|cpu|count)|` +
	`proc\.(pid|vpid|ppid|pname|sid|vpgid|fdopencount|is_.*leader|loginshellid)|` +
	`thread\.v?tid|container\..*|k8s\..*|fd\.types|user\.loginuid|fd\.ino|fd\.dev|` +
	`arg\.(ino|dev|tid|pid|ptid|vtid|vpid|vpgid|pgid|pgft_.*|vm_.*|exe_ino.*|pidns_init_start_ts|loginuid|cgroups))$`)

// ephemeral are ports that the kernel chose; the program's own are 34567 and 34568.
var ephemeral = regexp.MustCompile(`127\.0\.0\.1:(3[3-9]\d{3}|[456]\d{4})`)

func isVolatile(name string) bool { return volatile.MatchString(name) }

// parts are an event's fields, and in place of evt.args each of its parameters as arg.NAME, as text with its meaning.
func parts(typ event.Type, of fields) fields {
	out := fields{}
	for name, v := range of {
		out[name] = ephemeral.ReplaceAllStringFunc(v, func(s string) string {
			if strings.HasSuffix(s, ":34567") || strings.HasSuffix(s, ":34568") {
				return s
			}
			return "127.0.0.1:PORT"
		})
	}
	rest := strings.Trim(out["evt.args"], `"`)
	delete(out, "evt.args")
	params := field.Params(typ)
	for i, p := range params {
		value := strings.TrimPrefix(rest, p.Name+"=")
		if value == rest {
			break // Falco has other parameters: what is left is compared as a whole
		}
		rest = ""
		if i+1 < len(params) {
			if at := strings.Index(value, " "+params[i+1].Name+"="); at >= 0 {
				value, rest = value[:at], value[at+1:]
			}
		}
		out["arg."+p.Name] = value
	}
	if rest != "" {
		out["evt.args"] = rest
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func union(a, b fields) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return sortedKeys(all)
}
