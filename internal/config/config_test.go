package config

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// noPlaces leaves out where an entry was written: other files and options may say the same.
var noPlaces = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Place" }, cmp.Ignore())

func TestLoad(t *testing.T) {
	tests := []struct {
		name      string
		overrides []string
		want      func(*Config)
	}{
		{"nothing", nil, func(*Config) {}},
		{"bool", []string{"json_output=true"}, func(c *Config) { c.JSONOutput = true }},
		{"socket", []string{"container_engines.containerd.sockets[0]=/run/x.sock"}, func(c *Config) {
			c.Engines.Containerd.Sockets = []string{"/run/x.sock"}
		}},
		{"two sockets", []string{"container_engines.containerd.sockets[]=/a", "container_engines.containerd.sockets[]=/b"}, func(c *Config) {
			c.Engines.Containerd.Sockets = []string{"/a", "/b"}
		}},
		{"the last one wins", []string{"priority=error", "priority=notice"}, func(c *Config) { c.Priority = "notice" }},
		{"list of maps", []string{"append_output[0].suggested_output=false"}, func(c *Config) {
			c.AppendOutput = []Append{{}}
		}},
		{"appended output", []string{"append_output[].match.tags[]=shell", "append_output[0].extra_output=pid=%proc.pid",
			"append_output[0].extra_fields[]=proc.vpid", "append_output[0].extra_fields[].who=%proc.name"}, func(c *Config) {
			c.AppendOutput = []Append{{Match: AppendMatch{Tags: []string{"shell"}}, ExtraOutput: "pid=%proc.pid",
				ExtraFields: []any{"proc.vpid", map[string]any{"who": "%proc.name"}}}}
		}},
		{"rules switched", []string{"rules[].disable.rule=*", "rules[].enable.tag=network"}, func(c *Config) {
			c.Rules = []RuleSwitch{{Disable: &RuleMatch{Rule: "*"}}, {Enable: &RuleMatch{Tag: "network"}}}
		}},
		{"rules switched by index", []string{"rules[0].disable.rule=Terminal shell in container"}, func(c *Config) {
			c.Rules = []RuleSwitch{{Disable: &RuleMatch{Rule: "Terminal shell in container"}}}
		}},
		{"equals sign in the value", []string{"rules_files[0]=/etc/a=b.yaml"}, func(c *Config) { c.RulesFiles = []string{"/etc/a=b.yaml"} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Default()
			tt.want(&want)
			got, err := Load(Source{File: os.DevNull, Options: tt.overrides})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Config, noPlaces); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := map[string]struct{ override, want string }{
		"no value":      {"json_output", "read option -o json_output: no value; write it as -o key=value"},
		"bad key":       {"a..b=1", `read option -o a..b=1: key "a..b" is not of the form a.b[0].c`},
		"no map":        {"stdout_output={", `read option -o stdout_output={: stdout_output: a text stands where keys are expected: enabled`},
		"broken map":    {"stdout_output={enabled: ]}", `read option -o stdout_output={enabled: ]}: the value in braces is no YAML map`},
		"skipped index": {"rules_files[1]=x", `read option -o rules_files[1]=x: key "rules_files[1]" skips an index: the next one is [0]`},
		"bad choice":    {"rule_matching=some", `read option -o rule_matching=some: rule_matching: "some" is not one of: first, all`},
		"extra field": {
			"append_output[].extra_fields[]={a: [1]}",
			"read option -o append_output[].extra_fields[]={a: [1]}: append_output[].extra_fields[0].a: a list stands where a text is expected",
		},
		"switch of nothing": {"rules[].disable.rule=", "read option -o rules[].disable.rule=: rules[0]: neither a rule nor a tag is named"},
		"bad preset": {
			"engine.modern_ebpf.buf_size_preset=11",
			"read option -o engine.modern_ebpf.buf_size_preset=11: engine.modern_ebpf.buf_size_preset: 11 is not between 1 and 10",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Load(Source{File: os.DevNull, Options: []string{tt.override}})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// FuzzSet: whatever the keys, a tree is built or an error returned.
func FuzzSet(f *testing.F) {
	f.Add("a.b[0].c=1", "a.b[0]={x: [1]}")
	f.Add("x[][]=1", "x[0]=2")
	f.Fuzz(func(t *testing.T, first, second string) {
		_, _ = Load(Source{File: os.DevNull, Options: []string{first, second}})
	})
}
