// Package config is the sensor's settings, under the names that they have in falco.yaml.
package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

// Config holds the settings that the sensor knows today. The zero value of a list means the built-in default.
type Config struct {
	// RulesFiles are rule files and directories in the order in which they load; none means the built-in rules.
	RulesFiles []string `yaml:"rules_files"`
	// Rules switch rules on and off once all files are loaded, in this order.
	Rules []RuleSwitch `yaml:"rules"`
	// Priority is the least severe priority that is loaded.
	Priority string `yaml:"priority"`
	// RuleMatching is "first" or "all".
	RuleMatching string `yaml:"rule_matching"`

	JSONOutput              bool `yaml:"json_output"`
	JSONIncludeOutput       bool `yaml:"json_include_output_property"`
	JSONIncludeMessage      bool `yaml:"json_include_message_property"`
	JSONIncludeOutputFields bool `yaml:"json_include_output_fields_property"`
	JSONIncludeTags         bool `yaml:"json_include_tags_property"`
	TimeISO8601             bool `yaml:"time_format_iso_8601"`
	BufferBase64            bool `yaml:"buffer_format_base64"`
	BufferedOutputs         bool `yaml:"buffered_outputs"`

	LogLevel     string       `yaml:"log_level"`
	Stdout       Stdout       `yaml:"stdout_output"`
	AppendOutput []Append     `yaml:"append_output"`
	OutputsQueue OutputsQueue `yaml:"outputs_queue"`
	Engines      Engines      `yaml:"container_engines"`
	Engine       Engine       `yaml:"engine"`
}

// RuleSwitch switches the rules that fit; one of its parts is set.
type RuleSwitch struct {
	Enable  *RuleMatch `yaml:"enable"`
	Disable *RuleMatch `yaml:"disable"`
}

// RuleMatch picks rules by name, in which * stands for any text, or by tag.
type RuleMatch struct {
	Rule string `yaml:"rule"`
	Tag  string `yaml:"tag"`
}

// Stdout is the sink that is on by default.
type Stdout struct {
	Enabled bool `yaml:"enabled"`
}

// Append adds to the outputs of the rules that fit.
type Append struct {
	Match       AppendMatch `yaml:"match"`
	ExtraOutput string      `yaml:"extra_output"`
	// ExtraFields are names of fields, or maps of a key to a text with fields in it.
	ExtraFields     []any `yaml:"extra_fields"`
	SuggestedOutput bool  `yaml:"suggested_output"`
}

// AppendMatch is what a rule must have; what is empty asks for nothing.
type AppendMatch struct {
	Source string   `yaml:"source"`
	Rule   string   `yaml:"rule"`
	Tags   []string `yaml:"tags"`
}

// OutputsQueue bounds the rendered alerts that wait for the sinks. Falco's 0, "without bound", is the default bound here.
type OutputsQueue struct {
	Capacity int `yaml:"capacity"`
}

// Engines are the container runtimes to ask.
type Engines struct {
	Containerd Containerd `yaml:"containerd"`
}

// Containerd names the sockets of containerd; none means the usual ones.
type Containerd struct {
	Enabled bool     `yaml:"enabled"`
	Sockets []string `yaml:"sockets"`
}

// Engine is the event source.
type Engine struct {
	Kind string     `yaml:"kind"`
	BPF  ModernEBPF `yaml:"modern_ebpf"`
}

// ModernEBPF sizes the rings by Falco's presets: 4 is 8 MiB.
type ModernEBPF struct {
	BufSizePreset int `yaml:"buf_size_preset"`
}

// Default is the configuration without any file or flag.
func Default() Config {
	return Config{
		Priority:                "debug",
		RuleMatching:            "first",
		JSONIncludeOutput:       true,
		JSONIncludeOutputFields: true,
		JSONIncludeTags:         true,
		LogLevel:                "info",
		Stdout:                  Stdout{Enabled: true},
		AppendOutput:            []Append{{SuggestedOutput: true}},
		Engines:                 Engines{Containerd{Enabled: true}},
		Engine:                  Engine{Kind: "modern_ebpf", BPF: ModernEBPF{BufSizePreset: 4}},
	}
}

// Load applies "-o key=value" overrides to the defaults, in order. The error names the override and the remedy.
func Load(overrides []string) (Config, error) {
	tree := map[string]any{}
	for _, o := range overrides {
		key, value, ok := strings.Cut(o, "=")
		if !ok {
			return Config{}, fmt.Errorf("read option -o %s: no value; write it as -o key=value", o)
		}
		var v any
		if err := yaml.Unmarshal([]byte(value), &v); err != nil {
			v = value
		}
		if err := set(tree, strings.TrimSpace(key), v); err != nil {
			return Config{}, fmt.Errorf("read option -o %s: %w", o, err)
		}
	}
	c := Default()
	text, err := yaml.Marshal(tree)
	if err != nil {
		return Config{}, fmt.Errorf("read options: %w", err)
	}
	if len(tree) > 0 {
		if err := yaml.UnmarshalWithOptions(text, &c, yaml.DisallowUnknownField()); err != nil {
			return Config{}, fmt.Errorf("read options -o: %s", oneLine(err))
		}
	}
	return c, c.check()
}

// check refuses values that would fail later, with the values that are allowed.
func (c *Config) check() error {
	for _, f := range []struct{ key, value, allowed string }{
		{"rule_matching", c.RuleMatching, "first all"},
		{"engine.kind", c.Engine.Kind, "modern_ebpf"},
		{"log_level", c.LogLevel, "emergency alert critical error warning notice info debug"},
	} {
		if !contains(strings.Fields(f.allowed), strings.ToLower(f.value)) {
			return fmt.Errorf("read option %s: %q is not one of: %s", f.key, f.value, strings.ReplaceAll(f.allowed, " ", ", "))
		}
	}
	if c.Engine.BPF.BufSizePreset < 1 || c.Engine.BPF.BufSizePreset > 10 {
		return fmt.Errorf("read option engine.modern_ebpf.buf_size_preset: %d is not between 1 and 10", c.Engine.BPF.BufSizePreset)
	}
	for i, r := range c.Rules {
		for _, m := range []*RuleMatch{r.Enable, r.Disable} {
			if m != nil && m.Rule == "" && m.Tag == "" {
				return fmt.Errorf("read option rules[%d]: neither a rule nor a tag is named", i)
			}
		}
	}
	for i, a := range c.AppendOutput {
		for _, f := range a.ExtraFields {
			if !isExtraField(f) {
				return fmt.Errorf("read option append_output[%d].extra_fields: %v is neither a field's name nor a key with a text", i, f)
			}
		}
	}
	if c.OutputsQueue.Capacity < 0 {
		return fmt.Errorf("read option outputs_queue.capacity: %d is negative", c.OutputsQueue.Capacity)
	}
	return nil
}

func isExtraField(f any) bool {
	m, ok := f.(map[string]any)
	for _, text := range m {
		if _, is := text.(string); !is {
			return false
		}
	}
	_, name := f.(string)
	return ok || name
}

// BulkBytes is the bulk ring's size: preset 1 is 1 MiB, each next one twice the last (falco.yaml, buf_size_preset).
func (c *Config) BulkBytes() int { return 1 << (19 + c.Engine.BPF.BufSizePreset) }

// SuggestedOutput tells whether the container and pod fields are appended to each output.
func (c *Config) SuggestedOutput() bool {
	for _, a := range c.AppendOutput {
		if a.SuggestedOutput {
			return true
		}
	}
	return false
}

// Hostname is FALCO_HOSTNAME, or the node's name.
func Hostname() string {
	if h := os.Getenv("FALCO_HOSTNAME"); h != "" {
		return h
	}
	h, _ := os.Hostname()
	return h
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// oneLine keeps the first line of a YAML error: the rest quotes text that the user did not write.
func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
