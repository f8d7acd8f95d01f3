package sensor

import "go.uber.org/zap"

// runtimes remembers the state of each container runtime.
type runtimes []string

// report logs each change, once.
func (r *runtimes) report(s *sensor) {
	status := s.enrich.Status()
	if *r == nil {
		*r = make(runtimes, len(status))
	}
	for i, st := range status {
		now := string(st.Connection)
		if (*r)[i] == now {
			continue
		}
		(*r)[i] = now
		fields := []zap.Field{zap.String("socket", st.Socket), zap.String("state", now)}
		if st.Err != nil {
			s.Log.Warn("container runtime", append(fields, zap.Error(st.Err))...)
			continue
		}
		s.Log.Info("container runtime", append(fields, zap.String("version", st.Version))...)
	}
}
