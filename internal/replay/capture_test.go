package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/state"
	"github.com/saker-sensor/saker/internal/testutil"
)

// sharedCaptures are the captures of Falco's tests, and the fields that are known of their events.
func sharedCaptures(t *testing.T) (fields []shown, captures []string) {
	t.Helper()
	rule, err := os.ReadFile(testutil.Shared(t, "regression/expected/each-event.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	fields = templateFields(t, string(rule))
	captures, err = filepath.Glob(testutil.Shared(t, "regression/captures") + "/*.scap")
	if err != nil || len(captures) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	return fields, captures
}

// TestCapturesAreAsFalcoShowsThem compares each event of each capture that rules see, field by field, with what Falco 0.44.1 printed.
func TestCapturesAreAsFalcoShowsThem(t *testing.T) {
	fields, captures := sharedCaptures(t)
	for _, file := range captures {
		name := strings.TrimSuffix(filepath.Base(file), ".scap")
		t.Run(name, func(t *testing.T) {
			want := expected(t, testutil.Shared(t, "regression/expected/"+name+".jsonl.gz"))
			compareCapture(t, file, fields, want)
		})
	}
}

// shown is a field of the template: its place in Falco's JSON, and how to get it.
type shown struct {
	key string
	ref field.Ref
}

func templateFields(t *testing.T, rule string) []shown {
	t.Helper()
	d := field.New(field.Settings{})
	_, template, _ := strings.Cut(rule, "output: ")
	var fields []shown
	for _, m := range regexp.MustCompile(`%([a-z0-9_.]+)(?:\[([^\]]*)\])?`).FindAllStringSubmatch(template, -1) {
		ref, err := d.Lookup(m[1], m[2], m[2] != "")
		if err != nil {
			t.Fatal(err)
		}
		key := strings.TrimPrefix(m[0], "%")
		if key == "evt.time.iso8601" {
			key = "evt.time"
		}
		fields = append(fields, shown{key, ref})
	}
	return fields
}

// expected are the lines of Falco's output, each a JSON object whose missing fields are left out.
func expected(t *testing.T, file string) (lines []map[string]json.RawMessage) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(z)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var line map[string]json.RawMessage
		if err := json.Unmarshal(in.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func compareCapture(t *testing.T, file string, fields []shown, want []map[string]json.RawMessage) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := OpenCapture(f, state.Settings{})
	differences := map[string]int{}
	examples := map[string]string{}
	n := 0
	for ; ; n++ {
		ev, err := c.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
		if n >= len(want) {
			t.Fatalf("more events than the %d that Falco shows: %s", len(want), ev.Type)
		}
		for i := range fields {
			raw := value(&fields[i].ref, ev)
			if string(raw) == string(want[n][fields[i].key]) {
				continue
			}
			got, wanted := normal(raw), normal(want[n][fields[i].key])
			if got == wanted {
				continue
			}
			kind := fields[i].key + " of " + ev.Type.String()
			if differences[kind]++; differences[kind] == 1 {
				examples[kind] = fmt.Sprintf("line %d: got %s, want %s", n+1, got, wanted)
			}
		}
	}
	if n != len(want) {
		t.Errorf("%d events, want %d", n, len(want))
	}
	for _, kind := range slices.Sorted(maps.Keys(differences)) {
		t.Errorf("%s: %d differ: %s", kind, differences[kind], examples[kind])
	}
	if lost := c.Lost(); lost != (Lost{}) {
		t.Errorf("lost: %+v", lost)
	}
}

// value is a field of an event as JSON, empty if it has none.
func value(r *field.Ref, ev *event.Event) []byte {
	var v field.Value
	if !r.GetPrint(ev, &v) {
		return nil
	}
	return r.AppendJSON(nil, &v, true)
}

// normal is JSON in one form.
func normal(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(b)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(b)
	}
	return string(out)
}

// Open knows a capture by its first bytes.
func TestOpenFindsCaptures(t *testing.T) {
	f, err := Open(testutil.Shared(t, "regression/captures/cat_write.scap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ev, err := f.Next()
	if err != nil {
		t.Fatal(err)
	}
	if got := ev.Type.String(); got != "procinfo" {
		t.Errorf("the first event is %s", got)
	}
}

// A clone of an event stays what it was when the capture goes on.
func TestCloneOfCapturedEvent(t *testing.T) {
	f, err := os.Open(testutil.Shared(t, "regression/captures/curl_google.scap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := OpenCapture(f, state.Settings{})
	var clones []*event.Event
	var texts []string
	show := func(ev *event.Event) string {
		text := fmt.Sprint(ev.Captured, ev.Process)
		for _, p := range ev.Params {
			text += fmt.Sprint(p.Text, p.Given, p.Descriptor.Captured, p.Descriptor.Socket.Ends)
		}
		for p := ev.Process; p != nil; p = p.Parent {
			text += p.Comm + p.Cwd
		}
		return regexp.MustCompile(`0x[0-9a-f]+`).ReplaceAllString(text, "")
	}
	for {
		ev, err := c.Next()
		if err != nil {
			break
		}
		if ev.Num%7 == 0 {
			clones, texts = append(clones, ev.Clone()), append(texts, show(ev))
		}
	}
	if len(clones) < 50 {
		t.Fatalf("only %d clones", len(clones))
	}
	for i := range clones {
		if got := show(clones[i]); got != texts[i] {
			t.Fatalf("event %d was %s and is %s", clones[i].Num, texts[i], got)
		}
	}
}
