package sensor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine"
	"github.com/saker-sensor/saker/internal/setup"
	"github.com/saker-sensor/saker/internal/source/document"
	"github.com/saker-sensor/saker/internal/testutil"
)

// BenchmarkSources reads recorded documents and gives their events to the published rules: the whole walk of an event but for its alert.
func BenchmarkSources(b *testing.B) {
	for _, c := range []struct{ plugin, documents, rules string }{
		{"k8saudit", testutil.Shared(b, "plugin-vectors/k8saudit"), "plugin-vectors/rules/k8s_audit_rules.yaml"},
		{"cloudtrail", filepath.Join(testutil.Root(b), "internal/source/cloudtrail/testdata"), "plugin-vectors/rules/aws_cloudtrail_rules.yaml"},
	} {
		b.Run(c.plugin, func(b *testing.B) {
			cfg := config.Default()
			cfg.RulesFiles, cfg.LoadPlugins = []string{testutil.Shared(b, c.rules)}, []string{c.plugin, "json"}
			cfg.Plugins = []config.Plugin{{Name: c.plugin, OpenParams: copies(b, c.documents)}, {Name: "json"}}
			rules, results := setup.Rules(cfg)
			if !results.Successful() {
				b.Fatal(setup.RulesError(&results))
			}
			src := setup.EventSources(&cfg)[0]
			set, scratch := rules.Of(src.Name), engine.NewScratch()
			b.ReportAllocs()
			b.ResetTimer()
			for events := 0; events < b.N; {
				stream, err := src.Open()
				if err != nil {
					b.Fatal(err)
				}
				for events < b.N {
					ev, err := stream.Next(context.Background())
					var bad *document.Malformed
					if errors.As(err, &bad) {
						continue
					}
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					set.Match(ev, scratch, func(*engine.Rule) {})
					events++
				}
				_ = stream.Close()
			}
		})
	}
}

// copies is a folder with a hundred copies of the documents of another one, so that opening it costs next to nothing: a file a copy.
func copies(b *testing.B, dir string) string {
	b.Helper()
	paths, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(paths) == 0 {
		b.Fatal("no documents in ", dir, err)
	}
	var all []byte
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			b.Fatal(err)
		}
		all = append(append(all, bytes.TrimSpace(text)...), '\n')
	}
	to := b.TempDir()
	for i := range 100 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d.json", to, i), all, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return to
}
