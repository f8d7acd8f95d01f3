package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// write makes files in a folder of the test's, which $DIR in their text stands for.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWholeFile loads a file with every section and looks at all that it set.
func TestWholeFile(t *testing.T) {
	dir := write(t, map[string]string{
		"falco_rules.yaml":       "[]",
		"rules.d/mine.yaml":      "[]",
		"config.d/10-http.yaml":  "http_output:\n  enabled: true\n  url: https://alerts.example.org\n",
		"config.d/20-rules.yaml": "rules:\n- disable: {tag: noisy}\n",
	})
	t.Setenv("RULES_DIR", dir)
	t.Setenv("CLUSTER", "blue")
	l, err := Load(Source{File: "testdata/falco.yaml", Options: []string{"json_output=false"}})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.RulesFiles = []string{dir + "/falco_rules.yaml", dir + "/rules.d"}
	want.Priority = "notice"
	want.Rules = []RuleSwitch{
		{Disable: &RuleMatch{Rule: "*"}}, {Enable: &RuleMatch{Tag: "container"}},
		{Enable: &RuleMatch{Rule: "Terminal shell in container"}}, {Disable: &RuleMatch{Tag: "noisy"}},
	}
	want.Engine.Kind = "kmod"
	want.Engine.BPF.BufSizePreset = 5
	want.Engines = Engines{
		Containerd: Runtime{true, []string{"/run/containerd/containerd.sock"}},
		CRI:        Runtime{true, []string{"/run/k3s/containerd/containerd.sock", "/run/crio/crio.sock"}},
	}
	want.LoadPlugins = []string{"container"}
	want.Plugins = []Plugin{
		{
			Name: "container", Place: "testdata/falco.yaml:46:5",
			LibraryPath: "libcontainer.so",
			InitConfig: `{"engines":{"bpm":{"enabled":"false"},"containerd":{"enabled":"true","sockets":["/run/containerd/containerd.sock"]},` +
				`"cri":{"enabled":"true","sockets":["/run/k3s/containerd/containerd.sock","/run/crio/crio.sock"]},"docker":{"enabled":"false"},` +
				`"libvirt_lxc":{"enabled":"false"},"lxc":{"enabled":"false"},"podman":{"enabled":"false"}},"label_max_len":"100","with_size":"false"}`,
		},
		{Name: "json", LibraryPath: "libjson.so", InitConfig: "", Place: "testdata/falco.yaml:65:5"},
	}
	want.AppendOutput = append(want.AppendOutput, Append{
		Match: AppendMatch{Source: "syscall", Tags: []string{"persistence"}}, ExtraOutput: "on CPU %evt.cpu",
		ExtraFields: []any{map[string]any{"cluster": "blue"}, "evt.hostname"},
	})
	want.StaticFields = map[string]string{}
	want.File.Filename = "./events.txt"
	want.Program.Program = "jq '{text: .output}' | curl -d @- -X POST https://hooks.example.org/XXX"
	want.HTTP.Enabled, want.HTTP.URL = true, "https://alerts.example.org"
	want.Webserver.Enabled = true
	want.Metrics.OutputRule, want.Metrics.OutputFile = true, "/tmp/falco_stats.jsonl"
	want.Drops.Threshold = .1
	if diff := cmp.Diff(want, l.Config, noPlaces); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"testdata/falco.yaml", dir + "/config.d/10-http.yaml", dir + "/config.d/20-rules.yaml"},
		l.Files); diff != "" {
		t.Error(diff)
	}
	if len(l.Warnings) > 0 {
		t.Errorf("warnings: %q", l.Warnings)
	}
	sockets := []string{"/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "/run/crio/crio.sock"}
	if diff := cmp.Diff(sockets, append(l.Engines.Containerd.Sockets, l.Engines.CRI.Sockets...)); diff != "" {
		t.Error(diff)
	}
	notes := []string{
		"testdata/falco.yaml:25:3: engine.kmod does not apply: Saker brings its own kernel programs; see engine.modern_ebpf",
		"testdata/falco.yaml:29:5: engine.modern_ebpf.cpus_for_each_buffer does not apply: all CPUs share two rings",
		"testdata/falco.yaml:37:3: falco_libs.thread_table_size does not apply: tables have bounds of their own",
		"testdata/falco.yaml:38:3: falco_libs.thread_table_auto_purging_interval_s does not apply: tables have bounds of their own",
		"testdata/falco.yaml:39:3: falco_libs.thread_table_auto_purging_thread_timeout_s does not apply: tables have bounds of their own",
		"testdata/falco.yaml:44:1: plugins_hostinfo does not apply: what is built in knows it",
		"testdata/falco.yaml:129:1: libs_logger does not apply: there are no such libraries; see log_level",
		"testdata/falco.yaml:24:9: engine.kind kmod does not apply: Saker brings its own kernel programs",
		"testdata/falco.yaml:6:5: rules_files: " + dir + "/falco_rules.local.yaml is absent and left out",
	}
	var got []string
	for _, n := range l.Notes {
		if !strings.Contains(n, "no effect yet") { // which grow fewer
			got = append(got, n)
		}
	}
	if diff := cmp.Diff(notes, got); diff != "" {
		t.Error(diff)
	}
}

func TestMerge(t *testing.T) {
	const main = "rules_files: [/a]\npriority: error\nwebserver: {enabled: true, listen_port: 1}\nconfig_files:\n"
	more := map[string]string{"more/b.yaml": "rules_files: [/b]\npriority: notice\nwebserver: {listen_port: 2}\njson_output: true\n"}
	tests := map[string]struct {
		entries string
		files   map[string]string
		want    func(*Config)
	}{
		"append is the default": {"- $DIR/more/b.yaml", more, func(c *Config) {
			c.RulesFiles, c.Priority, c.JSONOutput = []string{"/a", "/b"}, "notice", true
			c.Webserver.ListenPort = 2
		}},
		"append to a text": {
			"- {path: $DIR/more/1, strategy: override}\n- $DIR/more/2",
			map[string]string{"more/1": "rules_files: /1", "more/2": "rules_files: [/2]"},
			func(c *Config) { c.RulesFiles = []string{"/1", "/2"} },
		},
		"override": {"- {path: $DIR/more/b.yaml, strategy: override}", more, func(c *Config) {
			c.RulesFiles, c.Priority, c.JSONOutput = []string{"/b"}, "notice", true
			c.Webserver.ListenPort = 2
		}},
		"add-only": {"- {path: $DIR/more/b.yaml, strategy: add-only}", more, func(c *Config) { c.JSONOutput = true }},
		"a directory, by name, without its folders": {"- $DIR/more", map[string]string{
			"more/2.conf": "priority: alert\nrule_matching: all\n", "more/1.yaml": "priority: notice\nrules_files: [/1]\n",
			"more/sub/3.yaml": "priority: debug\n"},
			func(c *Config) { c.RulesFiles, c.Priority, c.RuleMatching = []string{"/a", "/1"}, "alert", "all" }},
		"absent":        {"- $DIR/nothing", nil, func(*Config) {}},
		"an empty file": {"- $DIR/more", map[string]string{"more/a.yaml": "# nothing\n"}, func(*Config) {}},
		"each its strategy": {
			"- {path: $DIR/more/1, strategy: override}\n- $DIR/more/2",
			map[string]string{"more/1": "rules_files: [/1]", "more/2": "rules_files: [/2]"},
			func(c *Config) { c.RulesFiles = []string{"/1", "/2"} },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"main.yaml": main + tt.entries}
			for n, text := range tt.files {
				files[n] = text
			}
			l, err := Load(Source{File: write(t, files) + "/main.yaml"})
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			want.RulesFiles, want.Priority = []string{"/a"}, "error"
			want.Webserver.Enabled, want.Webserver.ListenPort = true, 1
			tt.want(&want)
			if diff := cmp.Diff(want, l.Config, noPlaces); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestOrder: the file, then what it includes, then the options; an option may name a file to include.
func TestOrder(t *testing.T) {
	dir := write(t, map[string]string{
		"main.yaml": "priority: error\nrule_matching: all\nlog_level: debug\n",
		"more.yaml": "priority: notice\nrule_matching: first\nrules_files: [/a, /b]\n",
	})
	l, err := Load(Source{File: dir + "/main.yaml", Options: []string{
		"priority=alert", "rules_files[0]=/c", "rules_files[]=/d", "config_files[]=" + dir + "/more.yaml",
		"append_output[]={match: {rule: Shell}, extra_output: '${HOME} %proc.name'}",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Priority, want.LogLevel = "alert", "debug"
	want.RulesFiles = []string{"/c", "/b", "/d"}
	want.AppendOutput = []Append{{Match: AppendMatch{Rule: "Shell"}, ExtraOutput: "${HOME} %proc.name"}}
	if diff := cmp.Diff(want, l.Config, noPlaces); diff != "" {
		t.Error(diff)
	}
}

func TestRulesFlagReplacesFiles(t *testing.T) {
	l, err := Load(Source{File: os.DevNull, Options: []string{"rules_files=/nothing"}, Rules: []string{"/mine"}})
	if err != nil || cmp.Diff([]string{"/mine"}, l.RulesFiles) != "" {
		t.Errorf("got %v, %v", l, err)
	}
}

func TestExpand(t *testing.T) {
	env := map[string]string{"A": "x", "OUTER": "${A}", "SELF": "${SELF}", "EMPTY": ""}
	for in, want := range map[string]string{
		"plain": "plain", "${A}": "x", " ${A} ": " x ", "/${A}/${A}${A}/f": "/x/xx/f", "${UNSET}/f": "/f", "${EMPTY}": "",
		"$A": "$A", "$$A": "$$A", "$${A}": "${A}", "$${A}$${A}": "${A}${A}", "$${A}${A}": "${A}x", "$${${A}}": "${x}",
		"${OUTER}/f": "x/f", "${A": "${A", "$${A": "$${A", "}${A}": "}x", "$ ${A}": "$ ${A}", "": "", "a$": "a$",
	} {
		if got, _, err := expand(in, func(n string) string { return env[n] }); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	if _, _, err := expand("${SELF}", func(n string) string { return env[n] }); err == nil {
		t.Error("a variable that names itself expands")
	}
}

// TestTypes: values of any spelling that Falco takes, also out of the environment.
func TestTypes(t *testing.T) {
	t.Setenv("ON", "On")
	t.Setenv("PORT", "0x1f90")
	dir := write(t, map[string]string{"f.yaml": `
json_output: ${ON}
time_format_iso_8601: "yes"
json_include_tags_property: ${UNSET_HERE}
json_include_output_property:
webserver:
  listen_port: ${PORT}
metrics: {interval: 1d2h30s}
syscall_event_drops:
  threshold: 1
  actions: alert
rules_files: /etc
priority: WARNING
http_output: &sink
  user_agent: ""
  ca_cert: |
    two
    lines
static_fields: {cluster: 7}
redaction: {defaults: off, patterns: 'pin=(\d+)'}
deduplication: {window: 1m, rules: [{tag: shell, window: 0}, {rule: "Read *", window: 10s}]}
`})
	l, err := Load(Source{File: dir + "/f.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.JSONOutput, want.TimeISO8601 = true, true
	want.Webserver.ListenPort = 8080
	want.Metrics.Interval = 26*time.Hour + 30*time.Second
	want.Drops.Threshold, want.Drops.Actions = 1, []string{"alert"}
	want.RulesFiles, want.Priority = []string{"/etc"}, "WARNING"
	want.HTTP.UserAgent, want.HTTP.CACert = "", "two\nlines\n"
	want.StaticFields = map[string]string{"cluster": "7"}
	want.Redaction.Defaults, want.Redaction.Patterns = false, []string{`pin=(\d+)`}
	want.Deduplication = Deduplication{Window: time.Minute, Rules: []RuleWindow{{Tag: "shell"}, {Rule: "Read *", Window: 10 * time.Second}}}
	if diff := cmp.Diff(want, l.Config, noPlaces); diff != "" {
		t.Error(diff)
	}
}

func TestWarnings(t *testing.T) {
	dir := write(t, map[string]string{"f.yaml": `
json_outpt: true
htp_output: {enabled: true}
http_output:
  enabeld: true
  zzz: 1
priority: error
priority: debug
rules:
  - enabel: {tag: x}
    enable: {tag: y}
`})
	l, err := Load(Source{File: dir + "/f.yaml", Options: []string{"rule_match=all"}})
	if err != nil {
		t.Fatal(err)
	}
	f := dir + "/f.yaml"
	want := []string{
		f + ":8:1: key priority is there twice; the first one, in line 7, counts",
		f + ":2:1: key json_outpt is unknown and has no effect; did you mean json_output?",
		f + ":3:1: key htp_output is unknown and has no effect; did you mean http_output?",
		f + ":5:3: key http_output.enabeld is unknown and has no effect; did you mean http_output.enabled?",
		f + ":6:3: key http_output.zzz is unknown and has no effect",
		f + ":10:5: key rules[].enabel is unknown and has no effect; did you mean rules[].enable?",
		"option -o rule_match=all: key rule_match is unknown and has no effect; did you mean rule_matching?",
	}
	if diff := cmp.Diff(want, l.Warnings); diff != "" {
		t.Error(diff)
	}
	if l.Priority != "error" {
		t.Errorf("priority: got %s", l.Priority)
	}
}

// TestNotes: what has no effect is said once, and only if it asks for something.
func TestNotes(t *testing.T) {
	dir := write(t, map[string]string{"f.yaml": `
libs_logger: {enabled: false, severity: debug}
base_syscalls: {repair: true, custom_set: [read]}
plugins: []
load_plugins:
output_timeout: 2000
capture: {enabled: true, mode: all_rules}
syscall_event_timeouts: {max_consecutives: 5}
static_fields: {a: b}
container_engines: {docker: {enabled: true}, lxc: {enabled: true}}
rules_file: [/etc]
`})
	l, err := Load(Source{File: dir + "/f.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range l.Notes {
		got = append(got, strings.TrimPrefix(n, dir+"/f.yaml:"))
	}
	want := []string{
		"11:13: rules_file is the old name of rules_files",
		"3:17: base_syscalls.repair does not apply: processes are followed in any case; beyond that the rules decide what the kernel sends",
		"3:31: base_syscalls.custom_set does not apply: processes are followed in any case; beyond that the rules decide what the kernel sends",
		"10:46: container_engines.lxc does not apply: its containers are recognised by their cgroup, without a name",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMistakes: the exact words for each.
func TestMistakes(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"broken YAML": {"a: [1\nb: 2\n", `$F:1:4: broken YAML: end of sequence flow not found`},
		"a list":      {"- a\n", "$F:1:1: the file holds a list; write lines of the form key: value"},
		"a text":      {"json_output\n", "$F:1:1: the file holds a text; write lines of the form key: value"},
		"NUL":         {"a: 1\nb\x00", "$F:2:2: broken YAML: NUL byte, the file is no text"},
		"deep": {
			"a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100),
			"$F:1:68: broken YAML: collections nest deeper than 64",
		},
		"deep dashes":  {strings.Repeat("- ", 5000) + "a", "$F:1:257: broken YAML: collections nest deeper than 64"},
		"alias":        {"a: *b\n", "$F:1:4: broken YAML: the requested alias is not defined: b"},
		"bool":         {"json_output: maybe\n", `$F:1:14: json_output: "maybe" is neither true nor false`},
		"bool as list": {"json_output: [true]\n", `$F:1:14: json_output: a list stands where a true or false is expected`},
		"number":       {"webserver:\n  listen_port: http\n", `$F:2:16: webserver.listen_port: "http" is no whole number`},
		"range":        {"webserver:\n  listen_port: 99999\n", `$F:2:16: webserver.listen_port: 99999 is not between 0 and 65535`},
		"fraction":     {"syscall_event_drops: {threshold: 1.1}\n", `$F:1:34: syscall_event_drops.threshold: 1.1 is not between 0 and 1`},
		"no number":    {"syscall_event_drops: {rate: fast}\n", `$F:1:29: syscall_event_drops.rate: "fast" is no number`},
		"choice": {
			"priority: loud\n",
			`$F:1:11: priority: "loud" is not one of: emergency, alert, critical, error, warning, notice, informational, info, debug`,
		},
		"choice in a list": {
			"syscall_event_drops:\n  actions: [log, shout]\n",
			`$F:2:18: syscall_event_drops.actions: "shout" is not one of: ignore, log, alert, exit`,
		},
		"contradiction": {
			"syscall_event_drops:\n  actions: [log, ignore]\n",
			`$F:2:12: syscall_event_drops.actions: ignore makes no sense beside log or alert; take one out`,
		},
		"section": {"stdout_output: true\n", `$F:1:16: stdout_output: a text stands where keys are expected: enabled`},
		"sections": {
			"rules: {enable: {tag: x}}\n",
			`$F:1:9: rules: a map of keys stands where a list is expected; begin each entry with "- "`,
		},
		"entry":         {"rules:\n  - all\n", `$F:2:5: rules[0]: a text stands where keys are expected: enable, disable`},
		"texts":         {"rules_files: {a: b}\n", `$F:1:15: rules_files: a map of keys stands where a list of texts is expected`},
		"text of texts": {"rules_files: [[a]]\n", `$F:1:15: rules_files: a list stands where a text is expected`},
		"map of texts":  {"static_fields: [a]\n", `$F:1:16: static_fields: a list stands where lines of the form key: text are expected`},
		"text in a map": {"static_fields: {a: [b]}\n", `$F:1:20: static_fields.a: a list stands where a text is expected`},
		"static name": {
			"static_fields: {my-name: x}\n",
			`$F:1:17: static_fields: "my-name" can't be a field's name; use letters, digits and _`,
		},
		"pattern": {
			"redaction:\n  patterns: ['a', '(']\n",
			"$F:2:19: redaction.patterns[1]: error parsing regexp: missing closing ): `(`; write it in RE2's syntax",
		},
		"empty pattern": {
			"redaction: {patterns: 'x*'}\n",
			`$F:1:23: redaction.patterns[0]: "x*" fits an empty text; name what surrounds the secret`,
		},
		"too many patterns": {
			"redaction: {patterns: [" + strings.Repeat("x,", 33) + "]}\n",
			`$F:1:23: redaction.patterns: 33 are too many; use at most 32`,
		},
		"short window": {"deduplication: {window: 50ms}\n", `$F:1:25: deduplication.window: 50ms is less than 100ms`},
		"window of nothing": {
			"deduplication:\n  rules:\n    - window: 10s\n",
			`$F:3:7: deduplication.rules[0]: neither a rule nor a tag is named`,
		},
		"no unit": {
			"metrics: {interval: 5000}\n",
			`$F:1:21: metrics.interval: "5000" is no duration; write a number with its unit, such as 30s, 5m or 1h`,
		},
		"too short":    {"metrics: {interval: 50ms}\n", `$F:1:21: metrics.interval: 50ms is less than 100ms`},
		"engine":       {"engine:\n  kind: gvisor\n", `$F:2:9: engine.kind: Saker has no engine gvisor; use modern_ebpf`},
		"hasty canary": {"guard: {canary_interval: 500ms}\n", `$F:1:26: guard.canary_interval: 500ms is less than 1s`},
		"kubelet in clear": {
			"kubernetes: {kubelet: {address: 'http://127.0.0.1:10255'}}\n",
			`$F:1:33: kubernetes.kubelet.address: "http://127.0.0.1:10255" is not of the form https://HOST:PORT`,
		},
		"hasty kubelet":  {"kubernetes: {kubelet: {interval: 500ms}}\n", `$F:1:34: kubernetes.kubelet.interval: 500ms is less than 1s`},
		"relative state": {"guard: {state_file: state}\n", `$F:1:21: guard.state_file: "state" is no absolute path`},
		"endpoint": {
			"webserver: {k8s_healthz_endpoint: healthz}\n",
			`$F:1:35: webserver.k8s_healthz_endpoint: "healthz" does not begin with /`,
		},
		"address": {"webserver: {listen_address: localhost}\n", `$F:1:29: webserver.listen_address: "localhost" is no IP address`},
		"no file": {"file_output:\n  enabled: true\n", `$F:2:3: file_output is on, but has no filename; set file_output.filename`},
		"no url":  {"http_output: {enabled: true}\n", `$F:1:15: http_output is on, but has no url; set http_output.url`},
		"both names": {
			"rules_file: a\nrules_files: [b]\n",
			`$F:1:13: rules_file is the old name of rules_files, and both are set; keep rules_files, which is at $F:2:14`,
		},
		"no switch": {"rules:\n  - enable: {rule: ''}\n", `$F:2:5: rules[0]: neither a rule nor a tag is named`},
		"strategy": {
			"config_files:\n  - path: /x\n    strategy: replace\n",
			`$F:3:15: config_files: strategy "replace" is not one of: append, override, add-only`,
		},
		"no path": {"config_files:\n  - strategy: append\n", `$F:2:5: config_files: no path; write a path, or path: and strategy:`},
		"itself":  {"config_files: [$DIR/../$BASE/f.yaml]\n", `$F:1:16: config_files: $F includes itself; take it out of the list`},
		"nested": {
			"config_files: [$DIR/nested.yaml]\n",
			`$DIR/nested.yaml:1:1: an included file can't include others; move its config_files to the main file`,
		},
		"appended to a map": {
			"http_output: {}\nconfig_files: [$DIR/list.yaml]\n",
			`$DIR/list.yaml:1:14: http_output: a list can't be appended to the map of keys in $F:1:14; use the strategy override`,
		},
		"endless":  {"priority: ${SELF}\n", `$F:1:11: the variables in this value have no end; does one name itself?`},
		"a device": {"config_files: [/dev/null]\n", `$F:1:16: config_files: /dev/null is neither a file nor a directory`},
	}
	t.Setenv("SELF", "${SELF}")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"nested.yaml": "config_files: [/x]\n", "list.yaml": "http_output: [a]\n"})
			path := dir + "/f.yaml"
			put := strings.NewReplacer("$DIR", dir, "$BASE", filepath.Base(dir), "$F", path)
			if err := os.WriteFile(path, []byte(put.Replace(tt.file)), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Load(Source{File: path})
			if want := "read configuration file " + put.Replace(tt.want); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// TestAllMistakes: one run tells them all.
func TestAllMistakes(t *testing.T) {
	dir := write(t, map[string]string{"f.yaml": "json_output: 1\npriority: 2\n"})
	_, err := Load(Source{File: dir + "/f.yaml", Options: []string{"log_level=3"}})
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	dir := write(t, map[string]string{"main.yaml": "config_files: [$DIR/loop]\n"})
	if err := os.Symlink("loop", dir+"/loop"); err != nil {
		t.Fatal(err)
	}
	big := dir + "/big.yaml"
	if err := os.WriteFile(big, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 100<<20); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir + "/nope.yaml": "read configuration file " + dir +
			"/nope.yaml: no such file or directory; check the path given with -c or config_files",
		dir: "read configuration file " + dir + ": is a directory; check the path given with -c or config_files",
		big: "read configuration file " + big + ": it is larger than 1 MiB; is it the right file?",
		dir + "/main.yaml": "read configuration file " + dir +
			"/loop: too many levels of symbolic links; check the path given with -c or config_files",
	} {
		if _, err := Load(Source{File: path}); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestPlugin: the container plugin's runtimes count if it is loaded and the file has none of its own.
func TestPlugin(t *testing.T) {
	const plugins = "plugins:\n- name: container\n  library_path: x\n  init_config: "
	const settings = `{"engines": {"docker": {"enabled": false}, "podman": {"enabled": false}}}`
	for name, tt := range map[string]struct {
		file   string
		docker bool
	}{
		"a map":       {plugins + settings, false},
		"JSON text":   {plugins + "'" + settings + "'", false},
		"loaded":      {plugins + settings + "\nload_plugins: [container]", false},
		"not loaded":  {plugins + settings + "\nload_plugins: []", true},
		"own section": {plugins + settings + "\ncontainer_engines: {docker: {enabled: true}}", true},
		"broken JSON": {plugins + "'{[}'", true},
		"another":     {strings.Replace(plugins, "container", "json", 1) + settings, true},
	} {
		l, err := Load(Source{File: write(t, map[string]string{"f.yaml": tt.file}) + "/f.yaml"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if l.Engines.Docker.Enabled != tt.docker {
			t.Errorf("%s: docker is %v", name, l.Engines.Docker.Enabled)
		}
	}
}

// showAndLoad reads what is shown of a configuration.
func showAndLoad(t *testing.T, l *Loaded) (*Loaded, string) {
	t.Helper()
	var text strings.Builder
	if err := l.Show(&text); err != nil {
		t.Fatal(err)
	}
	again, err := Load(Source{File: write(t, map[string]string{"shown.yaml": text.String()}) + "/shown.yaml"})
	if err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	return again, text.String()
}

// TestShowIsConfiguration: what is shown is a configuration file with the same meaning, whatever the options.
func TestShowIsConfiguration(t *testing.T) {
	for _, file := range []string{os.DevNull, "testdata/falco.yaml"} {
		l, err := Load(Source{File: file, Options: []string{
			"append_output[].extra_output=a: 'b' # \"c\"", "append_output[].match.tags[]=no", "append_output[1].match.tags[]=-",
			"append_output[1].extra_fields[]={k: '%a', l: \"x\\ny\"}", "static_fields.a=1", "rules[].enable.tag=2", "metrics.interval=90s",
		}})
		if err != nil {
			t.Fatal(err)
		}
		again, text := showAndLoad(t, l)
		if diff := cmp.Diff(l.Config, again.Config, cmpopts.EquateEmpty(), noPlaces); diff != "" {
			t.Errorf("%s\n%s", diff, text)
		}
	}
}

// FuzzLoad: whatever the file, a configuration is loaded or an error returned, and what is loaded can be shown and read again.
func FuzzLoad(f *testing.F) {
	whole, err := os.ReadFile("testdata/falco.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("a: &a [*a, *a]\nrules: *a\n"))
	f.Add([]byte("rules: [{enable: {tag: x}}]\nappend_output: [{extra_fields: [a, {b: c}]}]\nstatic_fields: {a: b}\n"))
	f.Add([]byte("? [a]\n: b\n<<: {c: d}\n- e"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if strings.Contains(string(content), "config_files") || strings.Contains(string(content), "$${") {
			return // no files of this machine; what is shown has no variables
		}
		path := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		l, err := Load(Source{File: path, Options: []string{"rules[].disable.rule=x"}})
		if err != nil {
			return
		}
		again, text := showAndLoad(t, l)
		if diff := cmp.Diff(l.Config, again.Config, cmpopts.EquateEmpty(), noPlaces); diff != "" {
			t.Errorf("%s\nof the file as it was shown:\n%s", diff, text)
		}
	})
}
