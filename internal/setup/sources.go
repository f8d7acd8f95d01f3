package setup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/output/render"
	"github.com/saker-sensor/saker/internal/source"
	"github.com/saker-sensor/saker/internal/source/document"
)

// EventSource is a source other than the kernel that a configuration loads.
type EventSource struct {
	source.Kind
	plugin config.Plugin
}

// Open opens it.
func (s *EventSource) Open() (source.Stream, error) {
	stream, err := s.Kind.Open(s.plugin.Init, s.plugin.OpenParams)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.plugin.Place, err)
	}
	return stream, nil
}

// EventSources are those of the loaded plugins, in their order.
func EventSources(cfg *config.Config) (all []EventSource) {
	kinds := source.Kinds()
	for _, p := range cfg.ActivePlugins() {
		i := slices.IndexFunc(kinds, func(k source.Kind) bool { return k.Plugin == p.Name })
		if i >= 0 {
			all = append(all, EventSource{kinds[i], p})
		}
	}
	return all
}

// LoadedPlugin is a plugin of Falco's that is loaded and built in.
type LoadedPlugin struct {
	Name, Version string
	// Source is empty for one that has fields alone.
	Source string
}

// plugins are those that are built in.
func plugins() (all []LoadedPlugin) {
	for name, version := range source.Extractors() {
		all = append(all, LoadedPlugin{Name: name, Version: version})
	}
	for _, k := range source.Kinds() {
		all = append(all, LoadedPlugin{Name: k.Plugin, Version: k.Version, Source: k.Name})
	}
	slices.SortFunc(all, func(a, b LoadedPlugin) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// LoadedPlugins are the loaded plugins that are built in, in the order of the configuration.
func LoadedPlugins(cfg *config.Config) (loaded []LoadedPlugin) {
	all := plugins()
	for _, p := range cfg.ActivePlugins() {
		if i := slices.IndexFunc(all, func(l LoadedPlugin) bool { return l.Name == p.Name }); i >= 0 {
			loaded = append(loaded, all[i])
		}
	}
	return loaded
}

// UnknownPlugins tells of the loaded plugins that are not built in: a line each, with the place.
func UnknownPlugins(cfg *config.Config) (lines []string) {
	var names []string
	for _, p := range plugins() {
		names = append(names, p.Name)
	}
	for _, p := range cfg.ActivePlugins() {
		if !slices.Contains(names, p.Name) {
			lines = append(lines, fmt.Sprintf("%s: the plugin %s is not built in, so there are no events and fields of it; built in are %s", p.Place,
				p.Name, strings.Join(names, ", ")))
		}
	}
	return lines
}

// pluginVersions are the versions of the loaded plugins that are built in. The container plugin's fields are always there.
func pluginVersions(cfg *config.Config) map[string]string {
	versions := map[string]string{"container": source.Extractors()["container"]}
	for _, p := range LoadedPlugins(cfg) {
		versions[p.Name] = p.Version
	}
	return versions
}

// AllDictionaries are those of all sources, loaded or not, with the default configuration.
func AllDictionaries() map[string]*field.Dictionary {
	cfg := config.Default()
	for _, p := range plugins() {
		cfg.Plugins, cfg.LoadPlugins = append(cfg.Plugins, config.Plugin{Name: p.Name}), append(cfg.LoadPlugins, p.Name)
	}
	return Dictionaries(&cfg)
}

// Dictionaries hold the fields that rules and outputs may name, by the source.
func Dictionaries(cfg *config.Config) map[string]*field.Dictionary {
	all := map[string]*field.Dictionary{rulefile.SyscallSource: Dictionary(*cfg)}
	for _, s := range EventSources(cfg) {
		all[s.Name] = field.Documents(fieldSettings(cfg), s.Source)
	}
	return all
}

// engineSources are the sources other than syscall.
func engineSources(cfg *config.Config, dicts map[string]*field.Dictionary) (all []engine.Source) {
	for _, s := range EventSources(cfg) {
		dict := dicts[s.Name]
		all = append(all, engine.Source{Name: s.Name, Dictionary: dict, CheckOutput: outputCheck(dict), Types: document.Types()})
	}
	return all
}

func outputCheck(dict *field.Dictionary) func(string) error {
	return func(template string) error {
		_, err := render.Compile(template, dict)
		return err
	}
}

// Enabled are the sources whose events are read: all that are loaded, or what --enable-source and --disable-source say. The error has
// Falco's words.
func Enabled(cfg *config.Config) (map[string]bool, error) {
	enabled := map[string]bool{rulefile.SyscallSource: cfg.Engine.Kind != config.KindNone}
	for _, s := range EventSources(cfg) {
		enabled[s.Name] = true
	}
	choice := &cfg.Sources
	if len(choice.Enable) > 0 && len(choice.Disable) > 0 {
		return nil, errors.New("You can not mix --enable-source and --disable-source") //nolint:staticcheck // Falco's text
	}
	for _, c := range []struct {
		names []string
		doing string
	}{{choice.Enable, "enabling"}, {choice.Disable, "disabling"}} {
		for _, name := range c.names {
			if _, known := enabled[name]; !known {
				return nil, fmt.Errorf("Attempted %s an unknown event source: %s", c.doing, name) //nolint:staticcheck // Falco's text
			}
		}
	}
	some := false
	for name, on := range enabled {
		on = on && !slices.Contains(choice.Disable, name) && (len(choice.Enable) == 0 || slices.Contains(choice.Enable, name))
		enabled[name] = on
		some = some || on
	}
	if !some {
		return nil, errors.New("Must enable at least one event source") //nolint:staticcheck // Falco's text
	}
	return enabled, nil
}
