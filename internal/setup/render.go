package setup

import (
	"fmt"
	"sync/atomic"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/output/render"
)

// AlertOptions are the shape of alerts that a configuration asks for. Secrets that they do not show are counted in redacted.
func AlertOptions(cfg *config.Config, redacted *atomic.Uint64) (render.Options, error) {
	o := render.Options{
		JSON:                cfg.JSONOutput,
		IncludeMessage:      cfg.JSONIncludeMessage,
		IncludeOutput:       cfg.JSONIncludeOutput,
		IncludeOutputFields: cfg.JSONIncludeOutputFields,
		IncludeTags:         cfg.JSONIncludeTags,
		TimeISO8601:         cfg.TimeISO8601,
		BufferBase64:        cfg.BufferBase64,
		SuggestedOutput:     cfg.SuggestedOutput(),
		Append:              appends(cfg.AppendOutput),
		Hostname:            config.Hostname(),
	}
	if !cfg.Redaction.Enabled {
		return o, nil
	}
	var err error
	o.Redactor, err = render.NewRedactor(render.RedactorSettings{
		Defaults: cfg.Redaction.Defaults, Patterns: cfg.Redaction.Patterns, Count: redacted,
	})
	return o, err
}

// appends puts append_output into the output's words.
func appends(entries []config.Append) []render.Append {
	var out []render.Append
	for _, e := range entries {
		a := render.Append{Place: e.Place, Source: e.Match.Source, Rule: e.Match.Rule, Tags: e.Match.Tags, Output: e.ExtraOutput}
		for _, f := range e.ExtraFields {
			switch f := f.(type) {
			case string:
				a.Fields = append(a.Fields, render.AppendField{Key: f})
			case map[string]any:
				for key, text := range f {
					a.Fields = append(a.Fields, render.AppendField{Key: key, Text: fmt.Sprint(text)})
				}
			}
		}
		out = append(out, a)
	}
	return out
}
