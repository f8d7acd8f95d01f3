package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// Options of the alerts' shape, with the names of falco.yaml.
type Options struct {
	// JSON makes every alert one JSON object; otherwise it is one line of text.
	JSON bool
	// IncludeMessage adds the text without time and priority, IncludeOutput the whole text, IncludeOutputFields the
	// fields' values, IncludeTags the rule's tags (json_include_*_property).
	IncludeMessage, IncludeOutput, IncludeOutputFields, IncludeTags bool
	// TimeISO8601 shows the time of the text as date and time in UTC (time_format_iso_8601).
	TimeISO8601 bool
	// BufferBase64 shows bytes in base 64 (buffer_format_base64).
	BufferBase64 bool
	// SuggestedOutput appends the container's and the pod's names to every output of the source syscall
	// (append_output.suggested_output).
	SuggestedOutput bool
	// Append adds to the outputs of some rules, in this order (append_output).
	Append []Append
	// Redactor replaces secrets in the values that alerts show; nil shows them as they are.
	Redactor *Redactor
	// Hostname is the name of this host in JSON.
	Hostname string
	// Zone is the time zone of internal alerts' text, nil for the machine's own. Other alerts have the dictionary's.
	Zone *time.Location
}

// DefaultOptions are those of Falco without a configuration.
func DefaultOptions() Options {
	return Options{IncludeOutput: true, IncludeOutputFields: true, IncludeTags: true, SuggestedOutput: true}
}

// Rule is what an alert has to know of a rule.
type Rule struct {
	Name string
	// Output is the rule's text with fields in it; missing values print as <NA>.
	Output string
	// Priority is the word that alerts show: Warning.
	Priority string
	Source   string
	Tags     []string
}

// Append is what some rules' alerts show besides their own output. A rule fits if it has the source, the name and all of
// the tags; what is empty asks for nothing.
type Append struct {
	// Place is where the entry was written, for errors.
	Place        string
	Source, Rule string
	Tags         []string
	// Output is put behind the rule's output.
	Output string
	// Fields go to output_fields alone: each a field, or a text with fields in it under a key of its own.
	Fields []AppendField
}

// AppendField is an additional key of output_fields. The value is the field Key, or Text if that is not empty.
type AppendField struct{ Key, Text string }

// AppendError is a mistake in an [Append]: no rule is to blame.
type AppendError struct {
	Place string
	Err   error
}

func (e *AppendError) Error() string { return e.Place + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *AppendError) Unwrap() error { return e.Err }

// check compiles the entry by itself.
func (a *Append) check(d *field.Dictionary) error {
	if a.Output != "" {
		if _, err := Compile(a.Output, d); err != nil {
			return &AppendError{a.Place, fmt.Errorf("extra_output: %w", err)}
		}
	}
	for _, f := range a.Fields {
		if _, err := extraKey(d, f); err != nil {
			return &AppendError{a.Place, fmt.Errorf("extra_fields: %s: %w", f.Key, err)}
		}
	}
	return nil
}

func (a *Append) fits(r *Rule) bool {
	for _, tag := range a.Tags {
		if !slices.Contains(r.Tags, tag) {
			return false
		}
	}
	return (a.Source == "" || a.Source == r.Source) && (a.Rule == "" || a.Rule == r.Name)
}

// SourceSyscall is the source of rules about system calls.
const SourceSyscall = "syscall"

// Alert formats what one rule found. It is safe for several goroutines at once.
type Alert struct {
	message *Template
	// prefix lies between the time and the message.
	prefix string
	time   Used
	opt    Options
	// keys are those of output_fields on each [occasion], sorted.
	keys [occasions][]*jsonKey
	// head and tail are the JSON around what changes with the event.
	head, tail string
}

// jsonKey is a key of output_fields.
type jsonKey struct {
	// text is the key in quotes with its colon.
	text string
	used Used
	// cell is the field's number in the message, -1 if it is not there.
	cell int
	// template is the value instead of a field, nil if it is one.
	template *Template
}

// occasion is a set of bits: what an alert's event has that few have, so that the alert shows more.
type occasion uint8

const (
	// otherName: not the given name of a file matched, but another.
	otherName occasion = 1 << iota
	// containerMissing: the container's metadata could not be had.
	containerMissing

	occasions = 1 << iota
)

// missingField is shown by an alert without its container's metadata.
const missingField = "container.missing"

// shown are the fields that an alert shows on an occasion.
func (o occasion) shown() (names []string) {
	if o&otherName != 0 {
		names = append(names, "fd.name.given", "fd.name.matched")
	}
	if o&containerMissing != 0 {
		names = append(names, missingField)
	}
	return names
}

func occasionOf(ev *event.Event) (o occasion) {
	if ev.Matched != event.NameGiven {
		o |= otherName
	}
	if ev.ContainerMissing != "" {
		o |= containerMissing
	}
	return o
}

// NewAlert compiles a rule's output. The error is an [*Error] of the output's text, or an [*AppendError].
func NewAlert(rule Rule, d *field.Dictionary, opt Options) (*Alert, error) {
	if rule.Output == "" {
		_, err := Compile("", d)
		return nil, err
	}
	text := strings.TrimPrefix(rule.Output, "*")
	var extra []AppendField
	for i := range opt.Append {
		if more := &opt.Append[i]; more.fits(&rule) {
			if err := more.check(d); err != nil {
				return nil, err
			}
			if more.Output != "" {
				text += " " + more.Output
			}
			extra = append(extra, more.Fields...)
		}
	}
	if opt.SuggestedOutput && rule.Source == SourceSyscall {
		text += suggested(d)
	}
	message, err := Compile("*"+text, d)
	if err != nil {
		return nil, err
	}
	message.redactor = opt.Redactor
	a := &Alert{message: message, prefix: ": " + rule.Priority + " ", opt: opt}
	key := "evt.time"
	if opt.TimeISO8601 {
		key = "evt.time.iso8601"
	}
	if a.time, err = used(d, key); err != nil {
		return nil, err
	}
	if err := a.prepareKeys(d, extra); err != nil {
		return nil, err
	}
	a.prepareJSON(rule)
	return a, nil
}

// suggested is the text with the fields that the dictionary suggests for every output.
func suggested(d *field.Dictionary) string {
	var b strings.Builder
	for _, in := range d.Fields() {
		if in.Flags&field.Suggested != 0 {
			b.WriteString(" " + strings.ReplaceAll(in.Name, ".", "_") + "=%" + in.Name)
		}
	}
	return b.String()
}

func used(d *field.Dictionary, name string) (Used, error) {
	r, err := d.Lookup(name, "", false)
	if err != nil {
		return Used{}, &Error{Err: err}
	}
	return Used{Key: name, Ref: r}, nil
}

func (a *Alert) prepareKeys(d *field.Dictionary, extra []AppendField) error {
	var keys []*jsonKey
	for i, u := range a.message.Fields() {
		keys = addKey(keys, u, i)
	}
	keys = addKey(keys, a.time, -1)
	for _, e := range extra {
		k, err := extraKey(d, e)
		if err != nil {
			return err
		}
		if k.template != nil {
			k.template.redactor = a.opt.Redactor
		}
		// A key of one's own choice takes the place of a field's.
		keys = slices.DeleteFunc(keys, func(o *jsonKey) bool { return o.used.Key == e.Key })
		keys = append(keys, k)
	}
	for o := range a.keys {
		shown := slices.Clone(keys)
		for _, name := range occasion(o).shown() {
			if u, err := used(d, name); err == nil { // events of a source without files and containers have no such occasion
				shown = addKey(shown, u, -1)
			}
		}
		slices.SortFunc(shown, func(x, y *jsonKey) int { return strings.Compare(x.used.Key, y.used.Key) })
		a.keys[o] = shown
	}
	return nil
}

func extraKey(d *field.Dictionary, e AppendField) (*jsonKey, error) {
	if e.Text != "" {
		t, err := Compile("*"+e.Text, d)
		return &jsonKey{text: keyText(e.Key), used: Used{Key: e.Key}, cell: -1, template: t}, err
	}
	name, arg, hasArg := strings.Cut(strings.TrimSuffix(e.Key, "]"), "[")
	r, err := d.Lookup(name, arg, hasArg)
	if err != nil {
		return nil, &Error{Err: err}
	}
	return &jsonKey{text: keyText(e.Key), used: Used{Key: e.Key, Ref: r}, cell: -1}, nil
}

func keyText(key string) string { return string(field.AppendQuoted(nil, key)) + ":" }

func addKey(keys []*jsonKey, u Used, cell int) []*jsonKey {
	if slices.ContainsFunc(keys, func(k *jsonKey) bool { return k.used.Key == u.Key }) {
		return keys
	}
	return append(keys, &jsonKey{text: keyText(u.Key), used: u, cell: cell})
}

// prepareJSON renders what no event changes. The keys of an alert are in byte order.
func (a *Alert) prepareJSON(rule Rule) {
	head := field.AppendQuoted([]byte(`{"hostname":`), a.opt.Hostname)
	a.head = string(head)
	tail := field.AppendQuoted([]byte(`,"priority":`), rule.Priority)
	tail = field.AppendQuoted(append(tail, `,"rule":`...), rule.Name)
	tail = field.AppendQuoted(append(tail, `,"source":`...), rule.Source)
	if a.opt.IncludeTags {
		tail = append(tail, `,"tags":[`...)
		tags := slices.Clone(rule.Tags)
		slices.Sort(tags)
		for i, tag := range slices.Compact(tags) {
			if i > 0 {
				tail = append(tail, ',')
			}
			tail = field.AppendQuoted(tail, tag)
		}
		tail = append(tail, ']')
	}
	a.tail = string(append(tail, `,"time":"`...))
}

// Fields lists the fields that the alert shows: whoever fills the event learns from it what an alert waits for.
func (a *Alert) Fields() []field.Ref {
	var refs []field.Ref
	for _, k := range a.keys[0] {
		if k.template == nil {
			refs = append(refs, k.used.Ref)
			continue
		}
		for _, u := range k.template.Fields() {
			refs = append(refs, u.Ref)
		}
	}
	return refs
}

// Append renders the alert without a newline.
func (a *Alert) Append(dst []byte, ev *event.Event) []byte { return a.AppendCounted(dst, ev, 0) }

// countKey is the key under which an alert tells of how many matches it is.
const countKey = "count"

// AppendCounted renders an alert that stands for several matches, the last of which is the event: their number is put
// behind the output, and into output_fields. 0 leaves it out.
func (a *Alert) AppendCounted(dst []byte, ev *event.Event, count uint64) []byte {
	cells := a.message.extract(ev)
	var clock cell
	clock.get(&a.time.Ref, ev, nil)

	line := a.time.Ref.AppendText(make([]byte, 0, 1024), &clock.v, clock.ok)
	line = append(line, a.prefix...)
	message := len(line)
	line, _ = a.message.append(line, cells, a.opt.BufferBase64)
	if ev.ContainerMissing != "" && a.opt.SuggestedOutput {
		line = append(line, " container_missing="+ev.ContainerMissing...)
	}
	if count > 0 {
		line = strconv.AppendUint(append(line, " "+countKey+"="...), count, 10)
	}
	if !a.opt.JSON {
		return field.AppendEscaped(dst, string(line))
	}

	dst = append(dst, a.head...)
	if a.opt.IncludeMessage {
		dst = field.AppendQuoted(append(dst, `,"message":`...), string(line[message:]))
	}
	if a.opt.IncludeOutput {
		dst = field.AppendQuoted(append(dst, `,"output":`...), string(line))
	}
	if a.opt.IncludeOutputFields {
		dst = a.appendFields(append(dst, `,"output_fields":{`...), ev, cells, count)
		dst = append(dst, '}')
	}
	dst = append(dst, a.tail...)
	dst = appendUTC(dst, ev.Time)
	return append(dst, '"', '}')
}

func (a *Alert) appendFields(dst []byte, ev *event.Event, cells []cell, count uint64) []byte {
	for i, k := range a.keys[occasionOf(ev)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if count > 0 && k.used.Key >= countKey {
			dst = appendCount(dst, count)
			count = 0
			if k.used.Key == countKey {
				continue
			}
			dst = append(dst, ',')
		}
		dst = append(dst, k.text...)
		if k.template != nil {
			text, _ := k.template.append(nil, k.template.extract(ev), a.opt.BufferBase64)
			dst = field.AppendQuoted(dst, string(text))
			continue
		}
		r := &k.used.Ref
		c := &cell{}
		if k.cell >= 0 {
			c = &cells[k.cell]
		} else {
			c.get(r, ev, a.opt.Redactor)
		}
		if a.opt.BufferBase64 && c.ok && isBytes(r) {
			dst = append(b64.AppendEncode(append(dst, '"'), []byte(c.v.Str)), '"')
			continue
		}
		dst = r.AppendJSON(dst, &c.v, c.ok)
	}
	return dst
}

func appendCount(dst []byte, count uint64) []byte {
	return strconv.AppendUint(append(dst, `"`+countKey+`":`...), count, 10)
}

// appendUTC appends the time of JSON: UTC with nine digits and a Z.
func appendUTC(dst []byte, ns int64) []byte {
	return time.Unix(0, ns).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000000Z")
}
