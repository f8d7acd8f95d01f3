package state_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/replay/state"
	"github.com/saker-sensor/saker/internal/testutil"
)

// scenario is one of Falco's own tests: events, and what fields and conditions yield of them.
type scenario struct {
	Source   string
	Complete bool
	Plugin   bool `json:"uses_test_plugin"`
	Steps    []scenarioStep
}

type scenarioStep struct {
	Step   string
	N      int
	Type   string
	Helper string
	Args   map[string]any
	Tid    int64
	Params []struct{ Value json.RawMessage }
	Event  int
	Field  string
	Filter string
	Value  *string
	Expect any
	Extra  []string `json:"extra_args"`
}

// differ are the checks of Falco's tests that come out otherwise here, with the reason.
var differ = map[string]string{
	"check_some_fd_fields, event 2: fd.types":     "Falco has the types in no certain order",
	"PROC_FILTER_nchilds, event 17: proc.nchilds": "the test takes the thread out of its process by its own code",
}

// itself are the tests whose own code changes Falco's state between the events.
var itself = []string{"USER_FILTER_extract_from_existent_user_entry"}

// TestScenarios runs Falco's own tests of its state through the state and the dictionary.
func TestScenarios(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "vectors/scenarios.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []scenario
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	table := codesByName(t)
	var checked, whole int
	for i := range all {
		sc := &all[i]
		if !sc.Complete || sc.Plugin {
			continue
		}
		name := sc.Source[strings.LastIndexByte(sc.Source, '.')+1:]
		if slices.Contains(itself, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := run{t: t, name: name, codes: table, state: state.New(state.Settings{}), dictionary: field.Syscall()}
			for j := range sc.Steps {
				r.step(&sc.Steps[j])
			}
			checked += r.checked
		})
		whole++
	}
	t.Logf("%d checks of %d scenarios", checked, whole)
	if whole < 50 || checked < 400 {
		t.Errorf("only %d checks of %d scenarios were made", checked, whole)
	}
}

// run is a scenario that is run.
type run struct {
	t          *testing.T
	name       string
	codes      map[string]uint16
	state      *state.State
	dictionary *field.Dictionary
	time       uint64
	last       int
	event      event.Event
	checked    int
}

func (r *run) step(s *scenarioStep) {
	switch s.Step {
	case "default_init_thread":
		r.state.AddMachine(&scap.Machine{CPUs: 1, Hostname: "testbox"})
		r.state.AddProcess(&scap.Process{
			Tid: 1, Pid: 1, Sid: 0, Vpgid: 1, Vtid: 1, Vpid: 1, Pgid: 0, Comm: "init", Exe: "/sbin/init", ExePath: "/sbin/init",
			Args: "context\x00ls\x00--format\x00{{json .}}\x00", Env: "TEST_ENV_PARENT_LINEAGE=secret\x00HOME=/home/user/parent\x00",
			Cwd: "/root/", Root: "/", FDLimit: 0x100000, ExeWritable: true, CapPermitted: 1<<41 - 1, CapEffective: 1<<41 - 1,
			VMSize: 10000, VMRSS: 100, MajorFaults: 222, MinorFaults: 22, LoginUID: ^uint32(0),
		})
		r.state.AddDescriptor(1, &scap.Descriptor{FD: 0, Ino: 5, Kind: 16, Path: "/dev/null", OpenFlags: 1, MountID: 25})
	case "event":
		r.last = s.N
		r.apply(s)
	case "field", "field_has_value", "filter":
		if s.Event == r.last && len(s.Extra) == 0 {
			r.check(s)
		}
	}
}

func (r *run) apply(s *scenarioStep) {
	r.t.Helper()
	r.time += 1e6
	ev := &scap.Event{Time: 1566230400000000000 + r.time, Tid: s.Tid, CPU: 1}
	if s.Helper != "" {
		r.help(s, ev)
	} else {
		code, ok := r.codes[s.Type]
		if !ok {
			r.t.Fatalf("no code of %s", s.Type)
		}
		ev.Code = code
		for i, p := range s.Params {
			ev.Params = append(ev.Params, wire(r.t, schema.Lookup(code).Params[i].Type, p.Value))
		}
	}
	r.state.Apply(ev, &r.event)
}

// help makes the events that Falco's tests make by helpers of theirs.
func (r *run) help(s *scenarioStep, ev *scap.Event) {
	number := func(name string, otherwise int64) int64 {
		if n, ok := s.Args[name].(float64); ok {
			return int64(n)
		}
		return otherwise
	}
	str := func(name, otherwise string) string {
		switch v := s.Args[name].(type) {
		case string:
			return latin1(v)
		case []any:
			return fmt.Sprint(v[0])
		}
		return otherwise
	}
	ev.Tid = number("tid", 1)
	var given map[int]any
	switch s.Helper {
	case "generate_socket_exit_event":
		ev.Code, given = schema.SocketX, map[int]any{0: int64(4), 1: int64(2), 2: int64(1)}
		if p, ok := s.Args["params"].(map[string]any); ok {
			given[1], given[2] = int64(p["domain"].(float64)), int64(p["type"].(float64))
		}
	case "generate_clone_x_event":
		ev.Code = schema.CloneV20X
		given = map[int]any{
			0: number("retval", 0), 1: "bash", 3: ev.Tid, 4: number("pid", 0), 5: number("ppid", 0), 13: "bash", 14: nil, 15: number("flags", 0),
			18: number("vtid", ev.Tid), 19: number("vpid", number("pid", 0)),
		}
	case "generate_execve_enter_and_exit_event":
		ev.Code, ev.Tid = schema.ExecveV19X, number("new_tid", 1)
		path := str("pathname", "/bin/test-exe")
		given = map[int]any{
			0: number("retval", 0), 1: path, 3: ev.Tid, 4: number("pid", 1), 5: number("ppid", 0), 13: str("comm", "test-exe"), 14: nil, 15: nil,
			27: str("resolved_kernel_path", "/bin/test-exe"), 30: path,
		}
	case "generate_execve_exit_event_with_default_params":
		ev.Code, ev.Tid = schema.ExecveV19X, number("pid", 1)
		path := str("file_to_run", "")
		given = map[int]any{1: path, 3: ev.Tid, 4: ev.Tid, 5: ev.Tid, 13: str("comm", ""), 14: nil, 15: nil, 30: path}
	case "generate_proc_exit_event":
		ev.Code, ev.Tid = schema.ProcexitV1E, number("tid_to_remove", 0)
		given = map[int]any{1: int64(-1), 4: number("reaper_tid", 0)}
	case "generate_random_event":
		ev.Code, ev.Tid = schema.GetsocknameX, number("tid_caller", 1)
		return
	case "generate_getcwd_failed_entry_event":
		ev.Code, ev.Tid, given = schema.GetcwdX, number("tid_caller", 1), map[int]any{0: int64(-1), 1: "/test/dir"}
	default:
		r.t.Fatalf("no helper %s", s.Helper)
	}
	for i, p := range schema.Lookup(ev.Code).Params {
		var b []byte
		switch v := given[i].(type) {
		case string:
			b = append([]byte(v), 0)
		case int64:
			b = little(v, p.Type.Size())
		default:
			b = make([]byte, p.Type.Size())
			if p.Type == schema.TypeCharbuf || p.Type == schema.TypeFspath {
				b = []byte{0}
			}
		}
		ev.Params = append(ev.Params, b)
	}
}

func (r *run) check(s *scenarioStep) {
	r.t.Helper()
	what := s.Field
	if s.Step == "filter" {
		what = s.Filter
	}
	if s.Step == "field" && s.Value == nil {
		return // it is computed by the test's own code
	}
	r.checked++
	got, want := "", ""
	switch s.Step {
	case "filter":
		got, want = r.match(s.Filter), fmt.Sprint(s.Expect)
	case "field_has_value":
		_, ok := r.value(s.Field)
		got, want = fmt.Sprint(ok), fmt.Sprint(s.Expect)
	default:
		v, ok := r.value(s.Field)
		got, want = v, latin1(*s.Value)
		if !ok {
			got = "(missing)"
		}
	}
	if key := fmt.Sprintf("%s, event %d: %s", r.name, s.Event, what); got != want && differ[key] == "" {
		r.t.Errorf("event %d: %s: got %q, want %q", s.Event, what, got, want)
	}
}

// match is whether a condition holds, or "error" if it is refused.
func (r *run) match(text string) string {
	e, err := filter.Parse(text, filter.ParseOptions{})
	if err != nil {
		return "error"
	}
	f, err := filter.Compile(e, filter.CompileOptions{Dictionary: r.dictionary})
	if err != nil {
		return "error"
	}
	return fmt.Sprint(f.Match(&r.event, filter.NewScratch()))
}

var withArgument = regexp.MustCompile(`^([^\[]+)\[(.*)\]$`)

// value is a field's as templates show it, but for what can't be printed: Falco's tests look at the texts as they are.
func (r *run) value(name string) (string, bool) {
	arg, hasArg := "", false
	if m := withArgument.FindStringSubmatch(name); m != nil {
		name, arg, hasArg = m[1], m[2], true
	}
	ref, err := r.dictionary.Lookup(name, arg, hasArg)
	if err != nil {
		r.t.Errorf("%s: %v", name, err)
		return "", false
	}
	get := ref.Extract
	if ref.Print != nil {
		get = ref.Print
	}
	var v field.Value
	ok := get(&r.event, ref.Args, &v)
	return string(ref.AppendText(nil, &v, ok)), ok
}

func codesByName(t *testing.T) map[string]uint16 {
	t.Helper()
	b, err := os.ReadFile(testutil.Shared(t, "reference/event_table.csv"))
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]uint16{}
	for _, line := range strings.Split(string(b), "\n")[1:] {
		var code uint16
		parts := strings.SplitN(line, ",", 3)
		if len(parts) == 3 {
			if _, err := fmt.Sscan(parts[0], &code); err != nil {
				t.Fatal(err)
			}
			codes[parts[1]] = code
		}
	}
	return codes
}

// latin1 turns the code points of a text into bytes.
func latin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func little(n int64, size int) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(n)), make([]byte, 16)...)[:size]
}

// wire are the bytes of a parameter.
func wire(t *testing.T, typ schema.Type, value json.RawMessage) []byte {
	t.Helper()
	var n int64
	var u uint64
	var s string
	var list []json.RawMessage
	switch {
	case string(value) == "null":
		return nil
	case json.Unmarshal(value, &n) == nil:
		return little(n, max(typ.Size(), 1))
	case json.Unmarshal(value, &u) == nil:
		return little(int64(u), typ.Size())
	case json.Unmarshal(value, &s) == nil:
		return append([]byte(latin1(s)), 0)
	case json.Unmarshal(value, &list) == nil:
		if string(list[0]) == "null" {
			return nil
		}
		return wire(t, typ, list[0])
	}
	type end struct {
		Family, Addr string
		Port         uint16
	}
	var made struct {
		Bytes    *string `json:"bytes_hex"`
		Sockaddr *end
		Tuple    []end `json:"socktuple"`
	}
	if err := json.Unmarshal(value, &made); err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	ends := made.Tuple
	switch {
	case made.Bytes != nil:
		b, err := hex.DecodeString(*made.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return b
	case made.Sockaddr != nil:
		ends = []end{*made.Sockaddr}
	}
	var b []byte
	for i, e := range ends {
		a := netip.MustParseAddr(e.Addr)
		if i == 0 {
			b = append(b, map[string]byte{"inet": 2, "inet6": 10}[e.Family])
		}
		b = binary.LittleEndian.AppendUint16(append(b, a.AsSlice()...), e.Port)
	}
	return b
}
