package oracle

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// volatile are the fields, and the parameters in evt.args, whose values differ from run to run, or from machine to machine.
var volatile = regexp.MustCompile(`^(evt\.(num|time|cpu|count)|` +
	`proc\.(pid|vpid|ppid|pname|sid|vpgid|fdopencount|is_.*leader|loginshellid)|` +
	`thread\.v?tid|container\..*|k8s\..*|fd\.types|user\.loginuid|fd\.ino|fd\.dev|` +
	`arg\.(ino|dev|tid|pid|ptid|dpid|vtid|vpid|vpgid|pgid|pgft_.*|vm_.*|exe_ino.*|pidns_init_start_ts|loginuid|cgroups))$`)

// firstEphemeral is the least port that Linux chooses itself (net.ipv4.ip_local_port_range). The program's own ports, 34567 and 34568,
// are above it and stay as they are.
const firstEphemeral = 32768

var withPort = regexp.MustCompile(`(127\.0\.0\.1|0\.0\.0\.0):\d{5}`)

func portName(port string) string {
	if n, err := strconv.Atoi(port); err != nil || n < firstEphemeral || n == 34567 || n == 34568 {
		return port
	}
	return "PORT"
}

// kernelAddress is the address of a socket, addresses are the types that return one, or the pid of a child.
var (
	kernelAddress = regexp.MustCompile(`(?i)\bffff[0-9a-f]{12}\b`)
	addresses     = regexp.MustCompile(`^"(brk|mmap|v?fork|clone3?)"$`)
)

func isVolatile(name string) bool { return volatile.MatchString(name) }

// parts are an event's fields, and in place of evt.args each of its parameters as arg.NAME, as text with its meaning.
func parts(typ event.Type, of fields) fields {
	out := fields{}
	for name, v := range of {
		v = kernelAddress.ReplaceAllString(withPort.ReplaceAllStringFunc(v, func(s string) string {
			ip, port, _ := strings.Cut(s, ":")
			return ip + ":" + portName(port)
		}), "ADDRESS")
		if strings.HasSuffix(name, "port") {
			v = portName(v)
		}
		out[name] = v
	}
	if addresses.MatchString(of["evt.type"]) && !strings.HasPrefix(of["evt.rawres"], "-") && of["evt.rawres"] != "0" {
		out["evt.rawres"] = "ADDRESS OR PID"
	}
	rest := strings.Trim(out["evt.args"], `"`)
	delete(out, "evt.args")
	params := field.Params()[typ]
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
		if p.Name == "res" && out["evt.rawres"] == "ADDRESS OR PID" {
			number, _, _ := strings.Cut(value, "(")
			value = out["evt.rawres"] + value[len(number):]
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
