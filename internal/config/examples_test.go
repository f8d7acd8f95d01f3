package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestExamples: the settings that the pages about outputs show are taken without a warning.
func TestExamples(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(testutil.Root(t), "docs", "outputs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(block[1], "receivers:") {
				continue // the collector's; test/delivery runs it
			}
			file := filepath.Join(t.TempDir(), "saker.yaml")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := Load(Source{File: file})
			if err != nil {
				t.Errorf("%s: %v\n%s", page, err, block[1])
				continue
			}
			if len(l.Warnings)+len(l.Notes) > 0 {
				t.Errorf("%s: %q %q", page, l.Warnings, l.Notes)
			}
			seen++
		}
	}
	if seen < len(pages) {
		t.Errorf("%d examples on %d pages", seen, len(pages))
	}
}
