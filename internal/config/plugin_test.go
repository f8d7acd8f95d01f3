package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlugins: which plugins are loaded, and what their settings are, however these are written.
func TestPlugins(t *testing.T) {
	const two = "plugins:\n- {name: a, open_params: x}\n- name: b\n  init_config: "
	type settings struct {
		Name  string `yaml:"name"`
		Count int    `yaml:"count"`
		On    bool   `yaml:"on"`
		Inner struct {
			Region string `yaml:"region"`
		} `yaml:"inner"`
	}
	set := settings{Name: "n", Count: 7, On: true}
	set.Inner.Region = "r"
	standard := settings{Name: "default", Count: 1}
	for name, c := range map[string]struct {
		text   string
		active []string
		want   settings
	}{
		"a map":     {two + "{name: n, count: 7, on: true, inner: {region: r}, more: [1]}", []string{"a", "b"}, set},
		"JSON":      {two + `'{"name": "n", "count": 7, "on": true, "inner": {"region": "r"}}'`, []string{"a", "b"}, set},
		"nothing":   {two + "''\nload_plugins: [b]", []string{"b"}, standard},
		"none":      {two + "\nload_plugins: []", nil, standard},
		"no list":   {two + "\nload_plugins:", []string{"a", "b"}, standard},
		"not JSON":  {two + "'{'", []string{"a", "b"}, standard},
		"the other": {two + "{count: 7}\nload_plugins: [a]", []string{"a"}, settings{Name: "default", Count: 7}},
	} {
		l, err := Load(Source{File: write(t, map[string]string{"f.yaml": c.text}) + "/f.yaml"})
		if err != nil {
			t.Fatal(name, err)
		}
		var active []string
		for _, p := range l.ActivePlugins() {
			active = append(active, p.Name)
		}
		if diff := cmp.Diff(c.active, active); diff != "" {
			t.Errorf("%s: loaded: %s", name, diff)
		}
		got := standard
		l.Plugins[1].Init(&got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: settings: %s", name, diff)
		}
	}
	file := write(t, map[string]string{"f.yaml": two + "\nload_plugins: [c]"}) + "/f.yaml"
	if _, err := Load(Source{File: file}); err == nil || !strings.Contains(err.Error(), "f.yaml:5:16: load_plugins: c is not among plugins") {
		t.Errorf("a plugin without an entry: got %v", err)
	}
}
