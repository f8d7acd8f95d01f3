package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/config"
)

// File is a rule or configuration file that is in force.
type File struct {
	// Kind is "rules" or "config", Name the last part of the path, Sum the SHA-256 digest in hexadecimal.
	Kind, Name, Sum string
}

// LoadedFiles reads them once more, for their digests. What can't be read by now has none; of two files of a kind and a
// name the last one counts, as their metrics would be the same.
func LoadedFiles(cfg *config.Config, configs []string) []File {
	digests := map[[2]string]string{}
	add := func(kind, path string, text []byte) {
		sum := sha256.Sum256(text)
		digests[[2]string{kind, filepath.Base(path)}] = hex.EncodeToString(sum[:])
	}
	for _, src := range Sources(*cfg) {
		if src.Err == nil {
			add("rules", src.Name, src.Content)
		}
	}
	for _, path := range configs {
		if text, err := os.ReadFile(path); err == nil {
			add("config", path, text)
		}
	}
	var files []File
	for of, sum := range digests {
		files = append(files, File{Kind: of[0], Name: of[1], Sum: sum})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	return files
}
