package inspect

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/setup"
)

// SupportInfo is what the command knows for WriteSupport.
type SupportInfo struct {
	Version string
	// Args is the command line, ConfigFiles what was read by it.
	Args, ConfigFiles []string
}

// WriteSupport prints what a report of a problem needs as `falco --support` does: indented JSON with the versions, the
// system, the command line and the text of the configuration and rule files.
func WriteSupport(w io.Writer, cfg config.Config, info SupportInfo) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("read the kernel's version: %w", err)
	}
	type variant struct {
		Content string `json:"content"`
	}
	type ruleFile struct {
		Name     string    `json:"name"`
		Variants []variant `json:"variants"`
	}
	files := []ruleFile{}
	for _, s := range setup.Sources(cfg) {
		if s.Err != nil {
			return s.Err
		}
		files = append(files, ruleFile{s.Name, []variant{{string(s.Content)}}})
	}
	texts := []map[string]string{}
	for _, path := range info.ConfigFiles {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read configuration file %s: %w", path, err)
		}
		texts = append(texts, map[string]string{"name": path, "content": string(content)})
	}
	main := ""
	if len(texts) > 0 {
		main = texts[0]["content"]
	}
	return writeJSON(w, map[string]any{
		"version":     info.Version,
		"engine_info": map[string]any{"engine_version": rulefile.Version},
		"system_info": map[string]any{
			"sysname": unix.ByteSliceToString(u.Sysname[:]), "nodename": unix.ByteSliceToString(u.Nodename[:]),
			"release": unix.ByteSliceToString(u.Release[:]), "version": unix.ByteSliceToString(u.Version[:]),
			"machine": unix.ByteSliceToString(u.Machine[:]),
		},
		"cmdline":      strings.Join(info.Args, " "),
		"config":       main,
		"config_files": texts, // ours: the included ones too
		"rules_files":  files,
	})
}
