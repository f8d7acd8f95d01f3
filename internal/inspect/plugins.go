package inspect

import (
	"fmt"
	"io"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/setup"
)

// ListPlugins prints the loaded plugins that are built in, as falco --list-plugins does.
func ListPlugins(w io.Writer, cfg config.Config) error {
	var b strings.Builder
	loaded := setup.LoadedPlugins(&cfg)
	fmt.Fprintf(&b, "%d Plugins Loaded:\n\n", len(loaded))
	for i := range loaded {
		writePlugin(&b, &loaded[i])
	}
	_, err := fmt.Fprintf(w, "%s\n", b.String())
	return err
}

// DescribePlugin prints one of them, as falco --plugin-info does.
func DescribePlugin(w io.Writer, cfg config.Config, name string) error {
	for _, p := range setup.LoadedPlugins(&cfg) {
		if p.Name == name {
			var b strings.Builder
			writePlugin(&b, &p)
			_, err := io.WriteString(w, b.String())
			return err
		}
	}
	return fmt.Errorf("describe plugin %q: it is not loaded; see plugins and load_plugins of the configuration file, and "+
		"sensor --list-plugins", name)
}

func writePlugin(b *strings.Builder, p *setup.LoadedPlugin) {
	fmt.Fprintf(b, "Name: %s (built in)\nVersion: %s\nCapabilities:\n", p.Name, p.Version)
	if p.Source != "" {
		fmt.Fprintf(b, "  - Event Sourcing (source=%s)\n", p.Source)
	}
	b.WriteString("  - Field Extraction\n\n")
}
