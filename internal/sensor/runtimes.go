package sensor

import (
	"go.uber.org/zap"

	"github.com/saker-sensor/saker/internal/enrich"
)

// runtimeReport keeps what was logged last of each container runtime, by its socket.
type runtimeReport map[string]string

// report logs each change, once. That there is nothing at one of the usual places is none.
func (r *runtimeReport) report(s *sensor) {
	if *r == nil {
		*r = runtimeReport{}
	}
	for _, st := range s.enrich.Status() {
		now := string(st.Connection)
		if st.Err != nil {
			now += ", failing"
		}
		before, known := (*r)[st.Socket]
		if before == now {
			continue
		}
		(*r)[st.Socket] = now
		fields := []zap.Field{zap.String("kind", string(st.Kind)), zap.String("socket", st.Socket), zap.String("state", string(st.Connection))}
		switch {
		case st.Err != nil:
			s.Log.Warn("container runtime", append(fields, zap.Error(st.Err))...)
		case st.Connection == enrich.Absent && !known:
			s.Log.Debug("container runtime", fields...)
		default:
			s.Log.Info("container runtime", append(fields, zap.String("version", st.Version))...)
		}
	}
}
