package report

import (
	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/metrics"
)

// Scrape is what the metrics are made of.
type Scrape struct {
	*Snapshot
	process processFacts
}

// NewScrape adds to a snapshot what is read of /proc; it returns nil for nil.
func NewScrape(last *Snapshot) *Scrape {
	if last == nil {
		return nil
	}
	return &Scrape{last, readProcess()}
}

// Shown are the families that the configuration asks for.
func Shown(cfg *config.Metrics) []metrics.Family[Scrape] {
	on := map[string]bool{
		"": true, rulesSwitch: cfg.RulesCounters, resourceSwitch: cfg.ResourceUtilization, stateSwitch: cfg.StateCounters,
		kernelSwitch: cfg.KernelEventCounters,
	}
	var out []metrics.Family[Scrape]
	for _, f := range Families() {
		if on[f.Switch] {
			out = append(out, f)
		}
	}
	return out
}
