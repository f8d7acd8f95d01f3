package render

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/call"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/testutil"
)

var update = flag.Bool("update", false, "write golden files")

// upstreamRules reads what alerts need of the published rules.
func upstreamRules(t *testing.T) map[string]Rule {
	t.Helper()
	rules := map[string]Rule{}
	for _, name := range []string{"falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"} {
		b, err := os.ReadFile(testutil.Shared(t, "upstream-rules/"+name))
		if err != nil {
			t.Fatal(err)
		}
		var items []struct {
			Rule, Output, Priority string
			Tags                   []string
		}
		if err := yaml.Unmarshal(b, &items); err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			if it.Rule != "" {
				rules[it.Rule] = Rule{Name: it.Rule, Output: strings.TrimSpace(it.Output), Priority: priorityWord(it.Priority), Source: SourceSyscall,
					Tags: it.Tags}
			}
		}
	}
	return rules
}

func priorityWord(s string) string {
	if strings.EqualFold(s, "info") {
		return "Informational"
	}
	return strings.ToUpper(s[:1]) + strings.ToLower(s[1:])
}

// sampleAlert is an alert that Falco printed, as JSON.
type sampleAlert struct {
	Output string
	Rule   string
	Time   time.Time
	Fields map[string]any `json:"output_fields"`
}

// sampleEvent builds the event that an alert of Falco's shows. ok is false for events that the sensor does not
// capture.
func sampleEvent(a sampleAlert) (ev *event.Event, ok bool) {
	str := func(key string) string { s, _ := a.Fields[key].(string); return s }
	typ, _ := event.TypeByName(str("evt.type"))
	if !typ.Captured() {
		return nil, false
	}
	proc := &event.Process{
		Comm: str("proc.name"), ExePath: str("proc.exepath"), Cmdline: str("proc.cmdline"), LoginUID: 4294967295,
		ExeWritable: str("evt.arg.flags") == "EXE_WRITABLE",
	}
	// The sample names the parent always, and the older ones where the rule asks for them.
	p := &event.Process{Comm: str("proc.pname"), Cmdline: str("proc.pcmdline")}
	proc.Parent = p
	for n := 2; n <= 4; n++ {
		if name := str("proc.aname[" + strconv.Itoa(n) + "]"); name != "" {
			p.Parent = &event.Process{Comm: name}
			p = p.Parent
		}
	}
	ev = &event.Event{Time: a.Time.UnixNano(), Type: typ, Process: proc, ContainerID: str("container.id")}
	if r := call.New().Row(typ); r != nil {
		ev.Params, ev.FD = make([]event.Param, len(r.Params)), r.Descriptor
		for i := range r.Params {
			ev.Params[i] = sampleParam(str, r.Params[i].Name)
		}
	}
	if name := str("fd.name"); name != "" {
		ev.Ret = 3
		ev.File = event.File{Present: true, FD: 3, Raw: name, Given: name, Resolved: name, InodeMode: 0o100644}
	}
	return ev, true
}

// sampleParam is a parameter as a sample shows it, by itself or among evt.args.
func sampleParam(str func(string) string, name string) event.Param {
	v := str("evt.arg." + name)
	for _, word := range strings.Fields(str("evt.args")) {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			v, _, _ = strings.Cut(value, "(")
		}
	}
	n, _ := strconv.ParseInt(v, 10, 64)
	return event.Param{Num: n, Text: v, Given: v}
}

func readSamples(t *testing.T, name string) []string {
	t.Helper()
	f, err := os.Open(testutil.Shared(t, "falco-samples/"+name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestAlertsAreFalcosBytes(t *testing.T) {
	rules := upstreamRules(t)
	opt := DefaultOptions()
	opt.JSON, opt.Hostname = true, "vm"
	d := field.New(field.Settings{Zone: time.UTC}) // that machine's zone
	compared := 0
	for _, line := range readSamples(t, "alerts.jsonl") {
		var sample sampleAlert
		if err := json.Unmarshal([]byte(line), &sample); err != nil {
			continue // the statistics at the end
		}
		ev, ok := sampleEvent(sample)
		if !ok {
			continue
		}
		compared++
		a, err := NewAlert(rules[sample.Rule], d, opt)
		if err != nil {
			t.Fatalf("%s: %v", sample.Rule, err)
		}
		if diff := cmp.Diff(line, string(a.Append(nil, ev))); diff != "" {
			t.Errorf("%s (-Falco +ours):\n%s", sample.Rule, diff)
		}
	}
	if compared < 7 {
		t.Errorf("only %d alerts were compared", compared)
	}
}

// TestHostAlertsAreFalcosBytes compares text; the events are those of the JSON samples, seen on the host.
func TestHostAlertsAreFalcosBytes(t *testing.T) {
	rules := upstreamRules(t)
	d := field.New(field.Settings{Zone: time.UTC})
	samples := readSamples(t, "alerts.jsonl")
	compared := 0
	for _, line := range readSamples(t, "alerts-host.txt") {
		i := slices.IndexFunc(samples, func(s string) bool {
			var sample sampleAlert
			return json.Unmarshal([]byte(s), &sample) == nil && sameCommand(sample.Output, line)
		})
		if i < 0 {
			continue
		}
		var sample sampleAlert
		if err := json.Unmarshal([]byte(samples[i]), &sample); err != nil {
			t.Fatal(err)
		}
		ev, ok := sampleEvent(sample)
		if !ok {
			continue
		}
		clock, err := time.Parse("15:04:05.000000000", line[:strings.Index(line, ": ")])
		if err != nil {
			t.Fatal(err)
		}
		ev.Time = clock.AddDate(2026, 0, 0).UnixNano()
		ev.ContainerID = event.HostID
		a, err := NewAlert(rules[sample.Rule], d, DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		compared++
		if diff := cmp.Diff(line, string(a.Append(nil, ev))); diff != "" {
			t.Errorf("%s (-Falco +ours):\n%s", sample.Rule, diff)
		}
	}
	if compared < 5 {
		t.Errorf("only %d alerts were compared", compared)
	}
}

// sameCommand tells whether two texts differ in time and container only.
func sameCommand(a, b string) bool {
	cut := func(s string) string {
		_, s, _ = strings.Cut(s, ": ")
		s, _, _ = strings.Cut(s, " container_id=")
		return s
	}
	return cut(a) == cut(b)
}

func TestUpstreamOutputsCompile(t *testing.T) {
	d := field.Syscall()
	for _, r := range upstreamRules(t) {
		if _, err := NewAlert(r, d, DefaultOptions()); err != nil {
			t.Errorf("%s: %v", r.Name, err)
		}
	}
}

// goldenEvent is an open below a symbolic link, in a container, by a process with an awkward name.
func goldenEvent() *event.Event {
	return &event.Event{
		Num: 7, Time: 1_795_453_869_197_888_968, Type: event.TypeOpenat, Tgid: 10, Tid: 10, Ret: 4, ContainerID: "ec123142a786",
		Process: &event.Process{Key: event.Key{Tgid: 10}, Comm: "a\"b\n\xff", Cmdline: "x <y> & z", ArgList: []string{"<y>", "&", "z"}},
		Container: &event.Container{
			ID: "ec123142a7860123", Name: "web", ImageRepository: "docker.io/library/nginx", ImageTag: "1",
			Pod: &event.Pod{Name: "web-0", Namespace: "shop"},
		},
		File: event.File{
			Present: true, FD: 4, Raw: "/tmp/link", Given: "/tmp/link", Resolved: "/etc/shadow", InodeMode: 0o100644,
			OpenFlags: 0o2000000,
		},
		Matched: event.NameResolved,
	}
}

func TestGoldenAlerts(t *testing.T) {
	d := field.New(field.Settings{Zone: time.FixedZone("", 2*3600)})
	rule := Rule{Name: "A \"rule\"", Priority: "Warning", Source: SourceSyscall, Tags: []string{"b", "a", "b"}}
	rule.Output = "Opened | file=%fd.name proc=%proc.name cmd=%proc.cmdline flags=%evt.arg.flags upper=%toupper(proc.cmdline) " +
		"raw=%evt.rawarg.args ino=%fd.ino none=%evt.asynctype dev=%fd.dev failed=%evt.failed"
	with := func(change func(*Options)) Options {
		o := DefaultOptions()
		o.Hostname = "node-1"
		change(&o)
		return o
	}
	for name, opt := range map[string]Options{
		"text":      with(func(*Options) {}),
		"text-iso":  with(func(o *Options) { o.TimeISO8601 = true; o.SuggestedOutput = false }),
		"json":      with(func(o *Options) { o.JSON = true }),
		"json-iso":  with(func(o *Options) { o.JSON, o.TimeISO8601, o.IncludeMessage = true, true, true }),
		"json-bare": {JSON: true},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := NewAlert(rule, d, opt)
			if err != nil {
				t.Fatal(err)
			}
			got := a.Append(nil, goldenEvent())
			if opt.JSON && !json.Valid(got) {
				t.Errorf("no valid JSON: %s", got)
			}
			compareGolden(t, name+".golden", got)
		})
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got = append(got, '\n')
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGivenNameShownIfAnotherMatched(t *testing.T) {
	opt := DefaultOptions()
	opt.JSON = true
	a, err := NewAlert(Rule{Name: "r", Output: "%fd.name %fd.name.given", Priority: "Notice", Source: SourceSyscall}, field.Syscall(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ev := goldenEvent()
	fields := func() map[string]any {
		var s sampleAlert
		if err := json.Unmarshal(a.Append(nil, ev), &s); err != nil {
			t.Fatal(err)
		}
		return s.Fields
	}
	if got := fields(); got["fd.name"] != "/etc/shadow" || got["fd.name.given"] != "/tmp/link" || got["fd.name.matched"] != "resolved" {
		t.Errorf("resolved: got %v", got)
	}
	ev.Matched, ev.File.Source = event.NameSource, "/srv/shadow"
	if got := fields(); got["fd.name"] != "/srv/shadow" || got["fd.name.given"] != "/tmp/link" || got["fd.name.matched"] != "source" {
		t.Errorf("source: got %v", got)
	}
	ev.Matched = event.NameGiven
	if got := fields(); got["fd.name"] != "/tmp/link" || got["fd.name.matched"] != nil {
		t.Errorf("given: got %v", got)
	}
}

// TestMissingShown: an alert whose container's metadata could not be had says why, behind its output and among its fields; no other does.
func TestMissingShown(t *testing.T) {
	opt := DefaultOptions()
	opt.JSON = true
	a, err := NewAlert(Rule{Name: "r", Output: "%proc.name", Priority: "Notice", Source: SourceSyscall}, field.Syscall(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ev := goldenEvent()
	ev.Matched = event.NameGiven
	plain := a.Append(nil, ev)
	if bytes.Contains(plain, []byte("missing")) {
		t.Errorf("got %s", plain)
	}
	ev.ContainerMissing = "too slow"
	var s sampleAlert
	if err := json.Unmarshal(a.Append(nil, ev), &s); err != nil {
		t.Fatal(err)
	}
	if s.Fields["container.missing"] != "too slow" || !strings.HasSuffix(s.Output, " container_missing=too slow") {
		t.Errorf("got %v", s)
	}
	ev.Matched = event.NameResolved
	if err := json.Unmarshal(a.Append(nil, ev), &s); err != nil {
		t.Fatal(err)
	}
	if s.Fields["container.missing"] != "too slow" || s.Fields["fd.name.matched"] != "resolved" {
		t.Errorf("got %v", s)
	}
}

func TestBase64Buffers(t *testing.T) {
	buffer := field.Info{Name: "evt.buffer", Type: field.ByteBuf, Extract: func(_ *event.Event, _ field.Arg, v *field.Value) bool {
		v.Str = "a\x00b"
		return true
	}}
	var infos []field.Info
	for _, in := range field.Syscall().Fields() {
		infos = append(infos, *in)
	}
	d := field.NewDictionary(append(infos, buffer)...)
	opt := DefaultOptions()
	opt.JSON, opt.SuggestedOutput = true, false
	for _, tc := range []struct {
		base64 bool
		want   string
	}{{false, "a.b"}, {true, "YQBi"}} {
		opt.BufferBase64 = tc.base64
		a, err := NewAlert(Rule{Output: "%evt.buffer", Priority: "Debug", Source: SourceSyscall}, d, opt)
		if err != nil {
			t.Fatal(err)
		}
		var got sampleAlert
		if err := json.Unmarshal(a.Append(nil, goldenEvent()), &got); err != nil {
			t.Fatal(err)
		}
		if got.Fields["evt.buffer"] != tc.want || !strings.HasSuffix(got.Output, ": Debug "+tc.want) {
			t.Errorf("base64 %v: got %v and %q", tc.base64, got.Fields, got.Output)
		}
	}
}

func TestAlertNamesItsFields(t *testing.T) {
	a, err := NewAlert(Rule{Output: "%proc.name", Priority: "Debug", Source: SourceSyscall}, field.Syscall(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range a.Fields() {
		got = append(got, r.String())
	}
	want := []string{
		"container.id", "container.image.repository", "container.image.tag", "container.name", "evt.time", "k8s.ns.name", "k8s.pod.name",
		"proc.name",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInternalAlerts(t *testing.T) {
	line := readSamples(t, "internal-drop.jsonl")[0]
	var s sampleAlert
	if err := json.Unmarshal([]byte(line), &s); err != nil {
		t.Fatal(err)
	}
	a := Internal{Rule: s.Rule, Priority: "Debug", Message: s.Output, Time: s.Time.UnixNano(), Fields: s.Fields}
	if diff := cmp.Diff(line, string(a.Append(nil, Options{JSON: true, Hostname: "vm"}))); diff != "" {
		t.Errorf("(-Falco +ours):\n%s", diff)
	}
	small := Internal{Rule: "r", Priority: "Debug", Message: "Lost.", Time: s.Time.UnixNano(),
		Fields: map[string]any{"n": uint64(1<<63 + 1), "b": true, "a": "x\"", "f": 0.5}}
	if got, want := string(small.Append(nil, Options{Zone: time.UTC})),
		`17:32:09.477795595: Debug Lost. (a="x\"" b=true f=0.5 n=9223372036854775809)`; got != want {
		t.Errorf("text: got %s, want %s", got, want)
	}
	if got, want := string(small.Append(nil, Options{TimeISO8601: true})), `2026-11-23T17:32:09.477795595+0000: Debug`; !strings.HasPrefix(got,
		want) {
		t.Errorf("text: got %s, want %s", got, want)
	}
}
