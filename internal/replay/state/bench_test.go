package state_test

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// BenchmarkApply applies an open, a read and a close of a process with five ancestors and 100 descriptors.
func BenchmarkApply(b *testing.B) {
	s := state.New(state.Settings{})
	for tid := int64(1); tid <= 6; tid++ {
		s.AddProcess(&scap.Process{Tid: tid, Pid: tid, Ptid: tid - 1, Vtid: tid, Vpid: tid, Comm: "bash", Cwd: "/root"})
	}
	for fd := range int64(100) {
		s.AddDescriptor(6, &scap.Descriptor{FD: fd, Kind: 16, Path: "/dev/null"})
	}
	text := func(s string) []byte { return append([]byte(s), 0) }
	fd, zero := little(200, 8), little(0, 8)
	events := []scap.Event{
		{Tid: 6, Code: schema.OpenX, Params: [][]byte{fd, text("/etc/passwd"), little(1, 4), little(0, 4), little(5, 4), little(9, 8)}},
		{Tid: 6, Code: schema.ReadX, Params: [][]byte{little(4, 8), []byte("root"), fd, little(4096, 4)}},
		{Tid: 6, Code: schema.CloseX, Params: [][]byte{zero, fd}},
	}
	var ev event.Event
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		in := &events[i%len(events)]
		in.Time++
		s.Apply(in, &ev)
	}
}
