package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/engine/rulefile"
)

// whole is a rule that loads; with changes or adds a key: "" in place of a value takes it out.
func whole(more string) string {
	rule := "- rule: r\n"
	for _, l := range []string{"desc: d", "condition: evt.type = open", "output: o", "priority: INFO"} {
		key, _, _ := strings.Cut(l, ":")
		if !strings.HasPrefix(more, key+":") && !strings.Contains(more, "\n"+key+":") {
			rule += "  " + l + "\n"
		}
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(more, "\n"), "\n") {
		rule += "  " + l + "\n"
	}
	return rule
}

const (
	wholeRule = "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n"
	withE     = wholeRule + "  exceptions: [{name: e, fields: proc.name, values: [a]}]\n"
)

// TestVerdicts: each file loads, or is refused with this code, as in Falco.
func TestVerdicts(t *testing.T) {
	const ok = rulefile.Code("")
	const yaml, validate, condition = rulefile.ErrYAMLValidate, rulefile.ErrValidate, rulefile.ErrCompileCondition
	exception := func(text string) string { return whole("exceptions: [{name: e, " + text + "}]") }
	tests := []struct {
		text string
		want rulefile.Code
	}{
		// Each key of a rule: null, empty, of the wrong type.
		{whole("desc:"), yaml},
		{whole("desc: ''"), yaml},
		{whole("desc: [a]"), yaml},
		{whole("condition:"), yaml},
		{whole("condition: ''"), yaml},
		{whole("condition: {a: b}"), yaml},
		{whole("output:"), yaml},
		{whole("output: ''"), yaml},
		{whole("output: [a]"), yaml},
		{whole("priority:"), yaml},
		{whole("priority: ''"), yaml},
		{whole("priority: [INFO]"), yaml},
		{whole("priority: none"), yaml},
		{whole("source:"), yaml},
		{whole("source: ''"), yaml},
		{whole("source: [syscall]"), yaml},
		{whole("source: syscall"), ok},
		{whole("enabled:"), yaml},
		{whole("enabled: ''"), yaml},
		{whole("enabled: [true]"), yaml},
		{whole("enabled: 1"), yaml},
		{whole("enabled: 'no'"), ok},
		{whole("capture:"), yaml},
		{whole("capture: ''"), yaml},
		{whole("capture_duration:"), yaml},
		{whole("capture_duration: ''"), yaml},
		{whole("capture_duration: -1"), yaml},
		{whole("capture_duration: 1.5"), yaml},
		{whole("capture_duration: 08"), yaml},
		{whole("capture_duration: 0x10"), ok},
		{whole("capture_duration: +5"), ok},
		{whole("capture_duration: 4294967296"), yaml},
		{whole("capture_events: 10\ncapture_filesize: 100"), ok},
		{whole("capture_events: many"), yaml},
		{whole("capture_filesize: -1"), yaml},
		{whole("capture_filesize: 4294967296"), yaml},
		{whole("warn_evttypes:"), yaml},
		{whole("skip-if-unknown-filter:"), yaml},
		{whole("tags:"), yaml},
		{whole("tags: []"), ok},
		{whole("tags: a"), yaml},
		{whole("tags: [~]"), yaml},
		{whole("tags: [null, a]"), yaml},
		{whole("tags: ['~', '']"), ok},
		{whole("tags: [[a]]"), yaml},
		{whole("exceptions:"), ok},
		{whole("exceptions: []"), ok},
		{whole("exceptions: a"), yaml},
		{whole("exceptions: [~]"), yaml},
		{whole("override: append"), ok},
		{whole("override:"), ok},
		{whole("override: {}"), ok},
		{whole("override: [append]"), yaml},
		{whole("append:"), yaml},
		{whole("append: 'no'"), ok},
		{"- rule:\n", yaml},
		{"- rule: r\n  enabled: false\n  desc:\n", yaml},
		{"- rule: r\n  enabled: false\n", validate},
		{wholeRule + "- rule: r\n  enabled:\n", yaml},
		{wholeRule + "- rule: r\n  enabled: false\n", ok},
		{wholeRule + "- rule: r\n  enabled: false\n  source:\n", ok},
		{wholeRule + "- rule: r\n  append: true\n  condition:\n", yaml},
		{wholeRule + "- rule: r\n  append: true\n  exceptions:\n", ok},
		{wholeRule + "- rule: r\n  append: true\n  condition: and proc.name = a\n  source:\n", ok},
		{wholeRule + "- rule: r\n  append: true\n  condition: and proc.name = a\n  source: other\n", validate},
		{wholeRule + "- rule: r\n  tags: [a]\n  source: other\n  override: {tags: append}\n", ok},
		{wholeRule + "- rule: r\n  condition: and proc.name = a\n  source: other\n  override: {condition: append}\n", validate},
		{whole("source: other") + wholeRule, validate},
		{wholeRule + whole("source: other"), validate},
		{wholeRule + "- rule: r\n  priority: low\n  override: {priority: replace}\n", yaml},

		// Each key of a list and a macro.
		{"- list: l\n  items:\n", yaml},
		{"- list: l\n  items: a\n", yaml},
		{"- list: l\n  items: [~]\n", yaml},
		{"- list: l\n  items: [a, null]\n", yaml},
		{"- list: l\n  items: [a, ]\n", ok},
		{"- list: l\n  items: ['~', \"\"]\n", ok},
		{"- list: l\n  items: []\n", ok},
		{"- list:\n  items: []\n", yaml},
		{"- list: ''\n  items: []\n", yaml},
		{"- list: l\n", yaml},
		{"- list: l\n  items: []\n  override: append\n", ok},
		{"- list: l\n  items: []\n  override: {items: append}\n", validate},
		{"- list: l\n  items: []\n  override: {items: replace}\n", ok},
		{"- list: l\n  items: []\n  override: {items: {}}\n", yaml},
		{"- list: l\n  items: []\n  append:\n", yaml},
		{"- macro: m\n  condition:\n", yaml},
		{"- macro: m\n  condition: ''\n", yaml},
		{"- macro: m\n  condition: [a]\n", yaml},
		{"- macro:\n  condition: proc.name = a\n", yaml},
		{"- macro: m\n", yaml},
		{"- macro: m\n  condition: proc.name = a\n  override: append\n", ok},
		{"- macro: m\n  condition: proc.name = a\n  override: {condition: append}\n", validate},

		// Each key of an exception.
		{exception("fields: proc.name"), ok},
		{exception("fields: proc.name, values: ~"), yaml},
		{exception("fields: proc.name, values: a"), yaml},
		{exception("fields: proc.name, values: []"), ok},
		{exception("fields: proc.name, values: ['']"), yaml},
		{exception("fields: [proc.name], values: [['']]"), yaml},
		{exception("fields: [proc.name], values: [[['']]]"), yaml},
		{exception("fields: proc.name, values: [~]"), ok},
		{exception("fields: proc.name, values: [[a]]"), validate},
		{exception("fields: [proc.name], values: [a]"), validate},
		{exception("fields: [proc.name], values: [~]"), validate},
		{exception("fields: [proc.name], values: [[~]]"), condition},
		{exception("fields: [proc.name], comps: [in], values: [[~]]"), ok},
		{exception("fields: []"), validate},
		{exception("fields:"), validate},
		{exception("fields: {}"), validate},
		{exception("fields: ''"), yaml},
		{exception("values: [a]"), yaml},
		{exception("fields: proc.nosuch"), validate},
		{exception("fields: [proc.nosuch]"), validate},
		{exception("fields: proc.name, comps:"), ok},
		{exception("fields: proc.name, comps: []"), ok},
		{exception("fields: proc.name, comps: ''"), yaml},
		{exception("fields: proc.name, comps: [in]"), validate},
		{exception("fields: proc.name, comps: ="), validate},
		{exception("fields: proc.name, comps: pmatch"), ok},
		{exception("fields: proc.name, comps: ' startswith  oneof '"), ok},
		{exception("fields: [proc.name], comps: in"), validate},
		{exception("fields: [proc.name], comps: [in, in]"), validate},
		{exception("fields: [proc.name], comps: [bogus]"), validate},
		{exception("fields: [proc.name], comps: [in oneof]"), validate},
		{exception("fields: [proc.name], comps: [exists]"), ok},
		{exception("fields: [proc.name], comps: [exists], values: [[a]]"), condition},
		{whole("exceptions: [{fields: proc.name}]"), yaml},
		{whole("exceptions: [{name: '', fields: proc.name}]"), yaml},
		{whole("exceptions: [{name: ~, fields: proc.name}]"), yaml},
		{whole("source: other\nexceptions: [{name: e, fields: ka.nosuch}]"), ok},
		{whole("source: other\nexceptions: [{name: e, fields: [ka.a], comps: [bogus]}]"), validate},

		// Exceptions that are changed.
		{withE + "- rule: r\n  exceptions: [{name: e, values: [b]}]\n  override: {exceptions: append}\n", ok},
		{withE + "- rule: r\n  exceptions: [{name: e, fields: [], values: [b]}]\n  override: {exceptions: append}\n", ok},
		{withE + "- rule: r\n  exceptions: [{name: e, fields: proc.name}]\n  override: {exceptions: append}\n", validate},
		{withE + "- rule: r\n  exceptions: [{name: f, values: [b]}]\n  override: {exceptions: append}\n", validate},
		{withE + "- rule: r\n  exceptions: [{name: f, fields: proc.name}]\n  override: {exceptions: append}\n", validate},
		{withE + "- rule: r\n  exceptions: [{name: f, fields: proc.nosuch}]\n  override: {exceptions: replace}\n", ok},
		{withE + "- rule: r\n  exceptions: [{name: f, fields: [proc.nosuch], comps: [=], values: [[a]]}]\n" +
			"  override: {exceptions: replace}\n", condition},
		{withE + "- rule: r\n  exceptions: [{name: f}]\n  override: {exceptions: replace}\n", yaml},
		{withE + "- rule: r\n  exceptions: [{name: f, fields: []}]\n  override: {exceptions: replace}\n", ok},

		// Versions.
		{"- required_engine_version: 0x10\n", ok},
		{"- required_engine_version: 010\n", ok},
		{"- required_engine_version: +5\n", ok},
		{"- required_engine_version: ' 5 '\n", ok},
		{"- required_engine_version: '0.26.0 '\n", ok},
		{"- required_engine_version: 0.26.0.1\n", ok},
		{"- required_engine_version: 0.26.0-rc1\n", ok},
		{"- required_engine_version: 0.26\n", yaml},
		{"- required_engine_version: 08\n", yaml},
		{"- required_engine_version: x\n", yaml},
		{"- required_engine_version:\n", yaml},
		{"- required_engine_version: ''\n", yaml},
		{"- required_engine_version: [1]\n", yaml},
		{"- required_engine_version: 99\n", validate},
		{"- required_engine_version: 1.0.0\n", validate},
		{"- required_plugin_versions:\n", yaml},
		{"- required_plugin_versions: []\n", ok},
		{"- required_plugin_versions: [a]\n", yaml},
		{"- required_plugin_versions: [{name: container}]\n", yaml},
		{"- required_plugin_versions: [{name: container, version: 0.1.0.0}]\n", ok},
		{"- required_plugin_versions: [{name: container, version: '1'}]\n", validate},
		{"- required_plugin_versions: [{name: container, version: 0.1.0, alternatives: ~}]\n", yaml},
		{"- required_plugin_versions: [{name: container, version: 0.1.0, alternatives: [{name: container, version: 0.1.0}]}]\n", validate},

		// What a file is.
		{"", ok},
		{"~\n", ok},
		{"---\n---\n- list: l\n  items: []\n", ok},
		{"a: b\n", yaml},
		{"a\n", yaml},
		{"- a\n", yaml},
		{"- ~\n", ok},
		{"- unknown: item\n", ok},
		{"\xff\xfe" + utf16(wholeRule), ok},
		{"\xff\xfe" + utf16("- rule: r\n"), yaml},
		{"- " + strings.Repeat("k", 1024) + ": x\n", ok},
		{"- " + strings.Repeat("k", 1025) + ": x\n", rulefile.ErrYAMLParse},
		{"- macro: m\n  condition: " + strings.Repeat("(", 198) + "proc.name = a" + strings.Repeat(")", 198) + "\n", ok},
		{"- macro: m\n  condition: " + strings.Repeat("(", 199) + "proc.name = a" + strings.Repeat(")", 199) + "\n", condition},
	}
	for _, tt := range tests {
		t.Run(tt.text[:min(len(tt.text), 200)], func(t *testing.T) {
			_, results := load(t, tt.text)
			got := ok
			if errs := results.Files[0].Errors; len(errs) > 0 {
				got = errs[0].Code
			}
			if got != tt.want {
				t.Errorf("%q, want %q\n%s", got, tt.want, results.Text(true))
			}
		})
	}
}

// utf16 encodes ASCII in little endian.
func utf16(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		b.Write([]byte{c, 0})
	}
	return b.String()
}

// TestListOperatorsInExceptions: of an operator that takes a list, one text is the inside of the list.
func TestListOperatorsInExceptions(t *testing.T) {
	for _, op := range []string{"in", "pmatch", "intersects", "startswith oneof", "= anyof", "contains allof"} {
		for _, tt := range []struct{ value, want string }{
			{`"a"`, "(a)"},
			{`"(a)"`, "(a)"},
			{`"a, b"`, "(a, b)"},
			{`"(a, b)"`, "(a, b)"},
			{`"(mylist, x)"`, "(m1, m2, x)"},
			{`"mylist, x"`, "(m1, m2, x)"},
			{`"( mylist )"`, "(m1, m2)"},
			{`"mylist"`, "(m1, m2)"},
			{`'"a b"'`, `("a b")`},
			{`'("a b", c)'`, `("a b", c)`},
			{`[a, b]`, "(a, b)"},
			{`["a b", c]`, `("a b", c)`},
			{`[mylist, x]`, "(m1, m2, x)"},
			{`[]`, "()"},
			{`"a b"`, ""},
			{`"(a b, c)"`, ""},
			{`"(a"`, ""},
		} {
			t.Run(op+" "+tt.value, func(t *testing.T) {
				field := "proc.name"
				if op == "intersects" {
					field = "proc.aname"
				}
				rs, results := load(t, "- list: mylist\n  items: [m1, m2]\n"+
					whole("exceptions: [{name: e, fields: ["+field+"], comps: ["+op+"], values: [["+tt.value+"]]}]"))
				if tt.want == "" {
					if results.Successful() || results.Files[0].Errors[0].Code != rulefile.ErrCompileCondition {
						t.Errorf("it loads, or fails otherwise:\n%s", results.Text(true))
					}
					return
				}
				if !results.Successful() {
					t.Fatal(results.Text(true))
				}
				want := "(evt.type = open and not " + field + " " + op + " " + tt.want + ")"
				if diff := cmp.Diff(want, condition(t, rs, "r")); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// twoCodes are event types with two codes each.
var twoCodes = strings.Fields("accept4 access bind capset chdir chmod chown chroot clone3 close connect copy_file_range " +
	"creat delete_module " +
	"drop dup2 dup3 epoll_create epoll_create1 epoll_wait eventfd eventfd2 execveat fchdir fchmod fchmodat fchown " +
	"fchownat fcntl finit_module flock fsconfig fstat fstat64 futex getcwd getdents getdents64 getegid geteuid " +
	"getgid getpeername getresgid getresuid getrlimit getsockname getsockopt getuid init_module inotify_init")

// TestWarnings: codes and counts as in Falco, in the order in which they come.
func TestWarnings(t *testing.T) {
	const (
		app  = "- rule: r\n  append: true\n"
		many = "and proc.name = a"
	)
	dir := func(name string) string {
		return "- rule: " + name + "\n  desc: d\n  condition: evt.type = open and m\n  output: o %evt.dir %evt.latency.ns\n  priority: INFO\n"
	}
	tests := []struct{ text, want string }{
		{withE + "- rule: r\n  exceptions: [{name: e, values: [b]}, {name: e, values: [c]}]\n  override: {exceptions: append}\n",
			"LOAD_EXCEPTION_NAME_NOT_UNIQUE"},
		{whole("exceptions: [{name: e, fields: proc.name}, {name: e, fields: proc.name}, {name: e, fields: proc.name}]"),
			"LOAD_EXCEPTION_NAME_NOT_UNIQUE LOAD_EXCEPTION_NAME_NOT_UNIQUE"},
		{withE + "- rule: r\n  exceptions: [{name: e}]\n  override: {exceptions: append}\n", "LOAD_APPEND_NO_VALUES"},
		{withE + "- rule: r\n  exceptions: [{name: e, values: []}]\n  override: {exceptions: append}\n", ""},
		{withE + "- rule: r\n  exceptions: [{name: f, fields: proc.name}]\n  override: {exceptions: append}\n", "LOAD_APPEND_NO_VALUES"},
		{"- list: l\n  items: [a]\n- list: l\n  items: [l]\n  override: {items: append}\n", ""},
		{"- list: l\n  items: [l]\n", "LOAD_UNUSED_LIST"},
		{"- list: l\n  items: [a]\n", "LOAD_UNUSED_LIST"},
		{"- list: l\n  items: [a]\n  unknown: x\n", "LOAD_UNKNOWN_KEY LOAD_UNUSED_LIST"},
		{"- list: l\n  items: a\n  unknown: x\n", ""},
		{"- rule: r\n  unknown: x\n  desc: d\n", ""},
		{"- macro: m\n  unknown: x\n", ""},
		{wholeRule + app + "  condition: " + many + "\n", "LOAD_DEPRECATED_ITEM"},
		// One of each deprecated field a rule and place, also where rules share a macro; the output is searched for the name.
		{"- macro: m\n  condition: evt.dir = < and evt.dir = <\n" + dir("a") + dir("b"),
			strings.TrimSpace(strings.Repeat("LOAD_DEPRECATED_ITEM ", 8))},
		{whole("condition: evt.type = open and proc.is_container_healthcheck = true"), ""},
		// A rule that fails later is warned of nevertheless.
		{whole("condition: evt.type = open and evt.dir = < and proc.nosuch = a"), "LOAD_DEPRECATED_ITEM"},
		{whole("output: o %evt.dir\ncondition: evt.type = open and nosuch"), "LOAD_DEPRECATED_ITEM"},
		{whole("condition: proc.name = a") + strings.Replace(whole("condition: proc.nosuch = a"), "rule: r", "rule: s", 1), "LOAD_NO_EVTTYPE"},
		{whole("condition: proc.name = a\nwarn_evttypes: false"), ""},
		{whole("condition: evt.num = 0"), ""},
		// Falco counts codes: two for most types, 16 for execve, two for all generic calls together.
		{whole("condition: evt.type in (" + strings.Join(twoCodes[:50], ", ") + ")"), ""},
		{whole("condition: evt.type in (" + strings.Join(twoCodes[:50], ", ") + ", cpu_hotplug)"), "LOAD_NO_EVTTYPE"},
		{whole("condition: evt.type in (" + strings.Join(twoCodes[:42], ", ") + ", execve)"), ""},
		{whole("condition: evt.type in (" + strings.Join(twoCodes[:43], ", ") + ", execve)"), "LOAD_NO_EVTTYPE"},
		{whole("condition: evt.type in (" + strings.Join(twoCodes[:49], ", ") + ", acct, add_key, adjtimex, alarm)"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, results := load(t, tt.text)
			var got []string
			for _, w := range results.Files[0].Warnings {
				got = append(got, string(w.Code))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s\n%s", diff, results.Text(true))
			}
		})
	}
}

// TestSchema: what Falco's schema validation says, which decides no file's fate.
func TestSchema(t *testing.T) {
	for text, want := range map[string]rulefile.Schema{
		wholeRule:                                rulefile.SchemaValid,
		whole("enabled: yes"):                    rulefile.SchemaValid,
		whole("enabled: 'true'"):                 rulefile.SchemaValid,
		whole("enabled: 'yes'"):                  rulefile.SchemaInvalid,
		whole("enabled: \"no\""):                 rulefile.SchemaInvalid,
		whole("capture: 'no'"):                   rulefile.SchemaInvalid,
		whole("capture: no"):                     rulefile.SchemaValid,
		whole("append: \"yes\""):                 rulefile.SchemaInvalid,
		whole("warn_evttypes: 'n'"):              rulefile.SchemaInvalid,
		whole("desc:"):                           rulefile.SchemaInvalid,
		whole("output:"):                         rulefile.SchemaInvalid,
		whole("condition:"):                      rulefile.SchemaInvalid,
		whole("source:"):                         rulefile.SchemaInvalid,
		"- rule:\n":                              rulefile.SchemaInvalid,
		"- list:\n":                              rulefile.SchemaInvalid,
		"- macro:\n":                             rulefile.SchemaInvalid,
		whole("tags: [~]"):                       rulefile.SchemaInvalid,
		"- list: l\n  items: [~]\n":              rulefile.SchemaInvalid,
		wholeRule + "  desc: e\n":                rulefile.SchemaInvalid,
		"- list: l\n  items: []\n  items: [a]\n": rulefile.SchemaInvalid,
		whole("exceptions: [{name: e, name: f, fields: proc.name}]"):    rulefile.SchemaInvalid,
		wholeRule + "- rule: r\n  desc: e\n  override: replace\n":       rulefile.SchemaInvalid,
		wholeRule + "- rule: r\n  desc: e\n  override: {desc: other}\n": rulefile.SchemaInvalid,
	} {
		t.Run(text, func(t *testing.T) {
			_, results := load(t, text)
			if got := results.Files[0].Schema; got != want {
				t.Errorf("schema = %v, want %v: %v", got, want, results.Files[0].SchemaWarnings)
			}
		})
	}
}

// TestAllMistakesOfARule: a rule's mistakes are reported together, first the one that Falco reports.
func TestAllMistakesOfARule(t *testing.T) {
	_, results := load(t, `
- rule: r
  desc: d
  condition: evt.type = open and proc.nosuch = a and fd.neither = b
  output: o %proc.wrong
  priority: high
  enabled: maybe
  tags: a
  source: ''
  capture_duration: long
  exceptions: [{name: e, fields: proc.third}]
- rule: r
  priority: higher
  tags: [a]
  desc: [a]
  override: {priority: replace, tags: append, desc: append}
`)
	var got []string
	for _, e := range results.Files[0].Errors {
		got = append(got, e.Where[len(e.Where)-1].Type+" "+e.Message)
	}
	want := []string{
		"rule priority Invalid priority",
		"value for Value must be non-empty",
		"value for Can't decode YAML scalar value: 'maybe' is neither true nor false",
		"value for Can't decode YAML scalar value: 'long' is no number of milliseconds",
		"value for Value is not a sequence",
	}
	if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	all := strings.Join(got, "\n")
	for _, part := range []string{"'proc.third' is not a supported filter field", "proc.wrong", "nonexistent field proc.nosuch",
		"nonexistent field fd.neither", "rule priority Invalid priority", "Value is not a scalar value"} {
		if !strings.Contains(all, part) {
			t.Errorf("%s is not reported among\n%s", part, all)
		}
	}
}

// TestPriorityAndUnused: a rule below the minimum priority is checked, and counts as a user of lists and macros.
func TestPriorityAndUnused(t *testing.T) {
	opt := testOptions()
	opt.MinPriority = rulefile.Warning
	text := "- list: l\n  items: [a]\n- macro: m\n  condition: proc.name in (l)\n" + whole("condition: evt.type = open and m")
	rs, results := Load([]rulefile.Source{file("a.yaml", text)}, opt)
	if !results.Successful() || len(results.Files[0].Warnings) > 0 {
		t.Errorf("it does not load without a warning:\n%s", results.Text(true))
	}
	if n := len(rs.Rules()); n != 0 {
		t.Errorf("%d rules are there, want 0", n)
	}
	if _, results := Load([]rulefile.Source{file("a.yaml", whole("condition: proc.nosuch = a"))}, opt); results.Successful() {
		t.Error("a rule below the minimum priority that names an unknown field loads")
	}
}

// TestNullWords: YAML's words for null are null, their quoted forms texts.
func TestNullWords(t *testing.T) {
	for word, null := range map[string]bool{
		"~": true, "null": true, "Null": true, "NULL": true, "": true, "nULL": false, "'null'": false, `"~"`: false,
	} {
		_, results := load(t, "- list: l\n  items:\n  - a\n  - "+word+"\n")
		if got := !results.Successful(); got != null {
			t.Errorf("%q is null: %v, want %v", word, got, null)
		}
	}
}

// TestDifferencesOfLoading: where loading differs from Falco on purpose; each is a row of docs/rules.md.
func TestDifferencesOfLoading(t *testing.T) {
	t.Run("a warning of an earlier file is not repeated", func(t *testing.T) {
		_, results := load(t, whole("condition: proc.name = a"), "- list: l\n  items: []\n")
		if n := len(results.Files[0].Warnings); n != 1 {
			t.Errorf("%d warnings of the first file, want 1", n)
		}
		for _, w := range results.Files[1].Warnings {
			if w.Code == rulefile.WarnNoEvttype {
				t.Error("the warning is repeated in the second file")
			}
		}
	})
	t.Run("replaced exceptions have default operators", func(t *testing.T) {
		for fields, want := range map[string]string{
			"fields: proc.name, values: [b]":                "(evt.type = open and not proc.name in (b))",
			"fields: [proc.name, fd.num], values: [[b, 1]]": "(evt.type = open and not (proc.name = b and fd.num = 1))",
		} {
			rs := mustLoad(t, withE+"- rule: r\n  exceptions: [{name: e, "+fields+"}]\n  override: {exceptions: replace}\n")
			if diff := cmp.Diff(want, condition(t, rs, "r")); diff != "" {
				t.Error(diff)
			}
		}
	})
	t.Run("lists in lists of exception values are refused", func(t *testing.T) {
		_, results := load(t, whole("exceptions: [{name: e, fields: [proc.name], comps: [in], values: [[[[b]]]]}]"))
		if results.Successful() {
			t.Error("they are accepted")
		}
	})
}
