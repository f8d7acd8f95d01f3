package report

import (
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/enrich"
	"github.com/saker-sensor/saker/internal/enrich/runtimes"
)

// changedRuntimes tells of each container runtime whose state has changed. A usual place where there never was one is no news.
func changedRuntimes(before, now *Snapshot) (notices []Notice) {
	type place struct {
		kind   runtimes.Kind
		socket string
	}
	was := map[place]enrich.Status{}
	for _, st := range before.Runtimes {
		was[place{st.Kind, st.Socket}] = st
	}
	for _, st := range now.Runtimes {
		old, known := was[place{st.Kind, st.Socket}]
		if known && old.Connection == st.Connection && (old.Err == nil) == (st.Err == nil) {
			continue
		}
		fields := []zap.Field{zap.String("kind", string(st.Kind)), zap.String("socket", st.Socket), zap.String("state", string(st.Connection))}
		switch {
		case st.Err != nil:
			notices = append(notices, warn("container runtime", append(fields, zap.Error(st.Err))...))
		case st.Connection == enrich.Absent && !known:
			notices = append(notices, debug("container runtime", fields...))
		default:
			notices = append(notices, info("container runtime", append(fields, zap.String("version", st.Version))...))
		}
	}
	return notices
}
