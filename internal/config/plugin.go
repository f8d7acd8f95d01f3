package config

import (
	"encoding/json"
	"reflect"
	"slices"
)

// Plugin is a plugin of Falco's. What the sensor has of it is built in.
type Plugin struct {
	// Place is where it was written: FILE:LINE:COLUMN, or the option.
	Place string `yaml:"-"`
	Name  string `yaml:"name"`
	// LibraryPath is not read.
	LibraryPath string `yaml:"library_path"`
	// InitConfig are its settings: nil, or a text that is JSON.
	InitConfig any `yaml:"init_config"`
	// OpenParams say what its source reads.
	OpenParams string `yaml:"open_params"`
}

// Init sets what InitConfig says in a plugin's settings, by their yaml tags; the rest stays.
func (p *Plugin) Init(settings any) {
	text, _ := p.InitConfig.(string)
	n, err := parseInline(text, origin{})
	if err != nil {
		return // the plugin's to judge, and it takes its defaults
	}
	decode(n, reflect.ValueOf(settings).Elem())
}

// ActivePlugins are those that are loaded.
func (c *Config) ActivePlugins() []Plugin {
	return slices.DeleteFunc(slices.Clone(c.Plugins), func(p Plugin) bool { return !slices.Contains(c.LoadPlugins, p.Name) })
}

// finishPlugins sets what decode can't: settings that are written as YAML, and that all plugins are loaded where nothing else is said.
func (l *Loaded) finishPlugins() {
	for i, n := range l.root.get("plugins").elements() {
		p := &l.Plugins[i]
		p.Place = n.from.String()
		if init := n.get("init_config"); init != nil && init.kind != scalar && init.kind != null {
			text, _ := json.Marshal(init.plain()) // texts, lists and maps of them always can be
			p.InitConfig = string(text)
		}
	}
	if l.LoadPlugins == nil {
		for _, p := range l.Plugins {
			l.LoadPlugins = append(l.LoadPlugins, p.Name)
		}
	}
}

// plain is a value without places. Scalars are texts.
func (n *node) plain() any {
	switch n.kind {
	case scalar:
		return n.text
	case list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.plain()
		}
		return items
	case mapping:
		m := map[string]any{}
		for _, p := range n.pairs {
			m[p.key] = p.value.plain()
		}
		return m
	}
	return nil
}

// SourceChoice are the sources that flags switch on or off.
type SourceChoice struct{ Enable, Disable []string }
