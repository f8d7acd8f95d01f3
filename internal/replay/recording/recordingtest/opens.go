// Package recordingtest makes kernel records for tests of recordings, which need no kernel then.
package recordingtest

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/saker-sensor/saker/internal/bpfgen"
	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
)

// OpenRaw is the kernel's record of the n-th open, at n ns after a second since boot, of a file for reading and writing.
func OpenRaw(n int, name string) []byte {
	const readWrite = 2 // O_RDWR
	r := &bpfgen.SensorOpenRecord{
		Ret: int64(n), OpenFlags: readWrite, Dirfd: event.AtFDCWD, Call: uint32(bpfgen.SensorCallCALL_OPENAT),
		RawLen: uint32(len(name)), PathLen: uint32(len(name)),
	}
	r.H = bpfgen.SensorRecordHeader{
		Size: uint32(unsafe.Sizeof(*r)) + uint32(2*len(name)), Type: uint8(bpfgen.SensorRecordTypeRECORD_OPEN), Cpu: 1, Seq: uint64(n),
		Time: 1e9 + uint64(n), StartTime: 7, ExecId: 3, CgroupId: 9, Tgid: 100, Tid: 101, Vpid: 1, Vtid: 2,
	}
	b := bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r)))
	return append(append(b, name...), name...)
}

// Open is the event of that record on the host. It may be changed.
func Open(t testing.TB, n int, name string, clock *event.Clock) *event.Event {
	t.Helper()
	dec := decode.Decoder{Clock: clock, KeepRaw: true}
	var rec event.Record
	if err := dec.Decode(OpenRaw(n, name), &rec); err != nil {
		t.Fatal(err)
	}
	ev := rec.Event.Clone()
	ev.ContainerID = event.HostID
	ev.Process = &event.Process{Key: ev.Key, ExecID: ev.ExecID, Comm: "cat", ExePath: "/bin/cat"}
	return ev
}
