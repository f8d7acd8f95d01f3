package convert

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/testutil"
)

// reference is converter-table.json.
type reference struct {
	Types map[string]struct {
		Min     int  `json:"min_len"`
		Max     *int `json:"max_len"`
		Default any
	}
	Events map[string]struct {
		Code    uint16
		Dir     string
		Unused  bool
		Old     bool `json:"old_version"`
		Managed bool `json:"converter_managed"`
		Large   bool `json:"large_payload"`
		Params  []struct{ Name, Type string }
	}
	Rows []struct {
		Event, Action string
		Code          uint16
		ToCode        uint16 `json:"to_code"`
		NParams       int
		Params        []referenceParam
	}
}

type referenceParam struct {
	Name, Type, From, Else, Builder string
	Index                           uint8
}

func load(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(testutil.Shared(t, "vectors/"+name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func TestTableIsTheReference(t *testing.T) {
	var want reference
	load(t, "converter-table.json", &want)
	c := New()
	if len(want.Events) != schema.Count() {
		t.Errorf("%d events, want %d", schema.Count(), len(want.Events))
	}
	for name, event := range want.Events {
		got := schema.Lookup(event.Code)
		if got == nil || schema.IsEnter(event.Code) != (event.Dir == "enter") {
			t.Errorf("%s: not there, or of the other direction", name)
			continue
		}
		has := func(flag schema.Flags) bool { return got.Flags&flag != 0 }
		if has(schema.Unused) != event.Unused || has(schema.OldVersion) != event.Old || has(schema.ConverterManaged) != event.Managed ||
			has(schema.LargePayload) != event.Large || len(got.Params) != len(event.Params) {
			t.Errorf("%s: got %+v, want %+v", name, got, event)
			continue
		}
		for i, param := range event.Params {
			typ := want.Types[param.Type]
			size := got.Params[i].Type.Size()
			if got.Params[i].Name != param.Name || size != typ.Min || (size == 0) != (typ.Max == nil) || typ.Max != nil && size != *typ.Max {
				t.Errorf("%s: parameter %+v of %d bytes, want %+v %+v", name, got.Params[i], size, param, typ)
			}
			initial := uint64(0)
			if number, ok := typ.Default.(float64); ok {
				initial = uint64(number)
			}
			var wide [16]byte
			copy(wide[:], c.initial(got.Params[i].Type))
			if binary.LittleEndian.Uint64(wide[:]) != initial {
				t.Errorf("%s: parameter %s begins as %v, want %v", name, param.Name, wide, initial)
			}
		}
	}
	rows := c.rows
	if len(rows) != len(table()) {
		t.Errorf("%d rows have the key of another one", len(table())-len(rows))
	}
	if len(rows) != len(want.Rows) {
		t.Errorf("%d rows, want %d", len(rows), len(want.Rows))
	}
	for _, ref := range want.Rows {
		got := rows[key{ref.Code, ref.NParams}]
		if got == nil {
			t.Errorf("%s with %d parameters: no row", ref.Event, ref.NParams)
			continue
		}
		if diff := cmp.Diff(describeReference(ref.Action, ref.ToCode, ref.Params), describe(got)); diff != "" {
			t.Errorf("%s with %d parameters (-want +got):\n%s", ref.Event, ref.NParams, diff)
		}
	}
}

func describe(r *row) (lines []string) {
	actions := []string{"pass", "store", "store_and_pass", "add_params", "change_type"}
	lines = append(lines, fmt.Sprint(actions[r.action], " ", r.to))
	if r.action == actionAdd {
		for i := range r.params {
			lines = append(lines, fmt.Sprint("keep ", i))
		}
	}
	names := map[origin]string{fromOld: "old %d", fromEnter: "enter %d else default", fromEnterOrEmpty: "enter %d else empty",
		fromNothing: "empty%.0d", fromInitial: "default%.0d", fromContainer: "build container_json else empty%.0d"}
	for _, source := range r.layout {
		lines = append(lines, fmt.Sprintf(names[source.origin], source.index))
	}
	return lines
}

func describeReference(action string, to uint16, params []referenceParam) (lines []string) {
	lines = append(lines, fmt.Sprint(action, " ", to))
	for i, param := range params {
		line := param.From
		switch param.From {
		case "keep":
			line = fmt.Sprint("keep ", i)
		case "old":
			line = fmt.Sprintf("old %d", param.Index)
		case "enter":
			line = fmt.Sprintf("enter %d else %s", param.Index, param.Else)
		case "build":
			line = fmt.Sprintf("build %s else %s", param.Builder, param.Else)
		}
		lines = append(lines, line)
	}
	return lines
}

// caseEvent is an event of converter.json.
type caseEvent struct {
	Type    string
	TS, Tid string
	Params  []struct {
		Type  string
		Value any
	}
	Result     string
	ThenStored bool `json:"then_stored"`
}

func TestCases(t *testing.T) {
	var names reference
	load(t, "converter-table.json", &names)
	var cases []struct {
		Name, How, Result string
		In                caseEvent
		Stored            []caseEvent
		Out               *caseEvent
		ThenStored        bool `json:"then_stored"`
	}
	load(t, "converter.json", &cases)
	codes := map[string]uint16{}
	for name, event := range names.Events {
		codes[name] = event.Code
	}
	for _, test := range cases {
		t.Run(test.Name, func(t *testing.T) {
			c := New()
			for _, stored := range test.Stored {
				ev := stored.event(t, codes)
				if _, result := convert(c, ev, "once"); result != stored.Result {
					t.Fatalf("storing %s: %s, want %s", stored.Type, result, stored.Result)
				}
				if stored.ThenStored {
					checkStored(t, c, ev)
				}
			}
			ev := test.In.event(t, codes)
			out, result := convert(c, ev, test.How)
			if result != test.Result {
				t.Fatalf("%s, want %s", result, test.Result)
			}
			if test.Out != nil {
				if diff := cmp.Diff(test.Out.event(t, codes), out, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			if test.ThenStored {
				checkStored(t, c, ev)
			}
			if test.How == "full" {
				whole, ok, err := New().Convert(test.In.event(t, codes))
				if len(test.Stored) == 0 && (err != nil || ok != (result == "PASS")) {
					t.Errorf("in one call: %v, %v, %v", whole, ok, err)
				}
			}
		})
	}
	t.Log(len(cases), "cases")
}

// convert does what a case says, with the words of the cases for the result.
func convert(c *Converter, ev *scap.Event, how string) (*scap.Event, string) {
	next, err := check(ev)
	if how != "gate" {
		if err != nil || next != verdictConvert {
			return nil, "ERROR"
		}
		for range maxSteps {
			ev, next, err = c.step(ev)
			if how == "once" || err != nil || next != verdictConvert {
				break
			}
		}
	}
	if err != nil {
		return nil, "ERROR"
	}
	return ev, map[verdict]string{verdictPass: "PASS", verdictDrop: "DROP", verdictConvert: "CONTINUE"}[next]
}

func checkStored(t *testing.T, c *Converter, ev *scap.Event) {
	t.Helper()
	entry := c.entries.get(ev.Tid)
	if entry == nil || entry.code != ev.Code {
		t.Fatalf("stored %+v, want %+v", entry, ev)
	}
	if diff := cmp.Diff(ev.Params, entry.params, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func (e *caseEvent) event(t *testing.T, codes map[string]uint16) *scap.Event {
	t.Helper()
	code, ok := codes[e.Type]
	if !ok {
		t.Fatalf("no event %s", e.Type)
	}
	ts, err := strconv.ParseUint(e.TS, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	tid, err := strconv.ParseInt(e.Tid, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	ev := &scap.Event{Time: ts, Tid: tid, Code: code, Params: [][]byte{}}
	for _, param := range e.Params {
		ev.Params = append(ev.Params, wire(t, schema.Lookup(code).Params[len(ev.Params)].Type, param.Value))
	}
	return ev
}

// wire returns the bytes of a value of a case.
func wire(t *testing.T, typ schema.Type, value any) []byte {
	t.Helper()
	text, isText := value.(string)
	switch {
	case value == nil:
		return []byte{}
	case typ == schema.TypeCharbuf || typ == schema.TypeFspath || typ == schema.TypeFsrelpath:
		return []byte(text + "\x00")
	case isText && typ.Size() == 8:
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			unsigned, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			number = int64(unsigned)
		}
		return binary.LittleEndian.AppendUint64(nil, uint64(number))
	case isText:
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(int64(value.(float64))))[:typ.Size()]
}

// TestCapturesConvert converts every event of the captures: each result has today's form.
func TestCapturesConvert(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testutil.Shared(t, "regression/captures"), "*.scap"))
	if err != nil || len(files) == 0 {
		t.Fatalf("find the captures: %v, %d files", err, len(files))
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		reader, c := scap.NewReader(file), New()
		events, passed := 0, 0
		for {
			record, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if record.Kind != scap.KindEvent {
				continue
			}
			events++
			out, ok, err := c.Convert(&record.Event)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if ok {
				passed++
				kind := schema.Lookup(out.Code)
				if !schema.IsEnter(out.Code) && (kind.Flags&(schema.OldVersion|schema.Unused) != 0 || len(out.Params) > len(kind.Params)) {
					t.Fatalf("%s: %s passed with %d parameters", name, nameOf(out.Code), len(out.Params))
				}
			}
		}
		file.Close()
		t.Log(filepath.Base(name), events, "events,", passed, "passed,", len(c.entries.threads), "entries left")
	}
}
