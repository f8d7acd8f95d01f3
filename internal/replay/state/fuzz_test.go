package state_test

import (
	"math/rand/v2"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
	"github.com/saker-sensor/saker/internal/replay/state"
)

// fuzzSettings are bounds that a fuzzer reaches.
var fuzzSettings = state.Settings{MaxThreads: 16, MaxDescriptors: 64, MaxBytes: 1 << 16}

// readEvents makes events of any bytes: a code, a thread, and parameters with their lengths.
func readEvents(data []byte, each func(*scap.Event)) {
	take := func(n int) []byte {
		n = min(n, len(data))
		b := data[:n]
		data = data[n:]
		return b
	}
	number := func() int {
		if b := take(1); len(b) == 1 {
			return int(b[0])
		}
		return 0
	}
	for time := uint64(1); len(data) > 0; time++ {
		ev := &scap.Event{Time: time << 20, Code: uint16(number()) | uint16(number())<<8, Tid: int64(number()%24) - 1}
		for range number() % 34 {
			ev.Params = append(ev.Params, take(number()%40))
		}
		each(ev)
	}
}

// showAll asks for every field that takes no argument.
func showAll(refs []field.Ref, ev *event.Event) {
	var v field.Value
	for i := range refs {
		ok := refs[i].GetPrint(ev, &v)
		refs[i].AppendJSON(nil, &v, ok)
	}
}

func allFields() (refs []field.Ref) {
	d := field.Syscall()
	for _, in := range d.Fields() {
		if ref, err := d.Lookup(in.Name, "", false); err == nil {
			refs = append(refs, ref)
		}
	}
	return refs
}

// FuzzApply: whatever an event has, the state stays within its bounds and the fields can be shown.
func FuzzApply(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	const seeds = 8
	var all [seeds][]byte
	for code := range schema.Count() {
		seed := append(all[code%seeds], byte(code), byte(code>>8), 2, byte(len(schema.Lookup(uint16(code)).Params)))
		for _, p := range schema.Lookup(uint16(code)).Params {
			size := p.Type.Size()
			if size == 0 {
				size = rng.IntN(39) + 1
			}
			seed = append(seed, byte(size), byte(rng.IntN(12)))
			for range size - 1 {
				seed = append(seed, byte(rng.IntN(2)))
			}
		}
		all[code%seeds] = seed
	}
	for _, seed := range all {
		f.Add(seed)
	}
	refs := allFields()
	f.Fuzz(func(t *testing.T, data []byte) {
		s := state.New(fuzzSettings)
		s.AddProcess(&scap.Process{Tid: 1, Pid: 1, Vtid: 1, Vpid: 1, Comm: "init", Cwd: "/"})
		s.AddDescriptor(1, &scap.Descriptor{FD: 1, Kind: 3})
		var ev event.Event
		readEvents(data, func(in *scap.Event) {
			if s.Apply(in, &ev) {
				showAll(refs, &ev)
			}
		})
		if err := s.CheckBounds(); err != nil {
			t.Error(err)
		}
	})
}

// TestRandomEvents applies many events of plausible parameters one behind the other: threads that begin and end in any order, and
// descriptors that are opened, copied and closed.
func TestRandomEvents(t *testing.T) {
	refs := allFields()
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := state.New(fuzzSettings)
		var ev event.Event
		for i := range 3000 {
			code := uint16(rng.IntN(schema.Count()))
			if rng.IntN(3) > 0 {
				code = likely[rng.IntN(len(likely))]
			}
			in := &scap.Event{Time: uint64(rng.IntN(1 << 40)), Code: code, Tid: int64(rng.IntN(24))}
			for _, p := range schema.Lookup(code).Params {
				in.Params = append(in.Params, plausible(rng, p.Type))
			}
			if s.Apply(in, &ev) && i%8 == 0 {
				showAll(refs, &ev)
			}
		}
		if err := s.CheckBounds(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if s.Lost().Threads == 0 {
			t.Errorf("seed %d: no thread was too many", seed)
		}
	}
}

// likely are the codes that change the state most.
var likely = []uint16{
	schema.CloneV20X, schema.ForkV20X, schema.VforkV20X, schema.Clone3X, schema.ExecveV19X, schema.ProcexitV1E, schema.OpenX, schema.OpenatV2X,
	schema.CloseX, schema.Dup2X, schema.FcntlX, schema.SocketX, schema.ConnectX, schema.BindX, schema.AcceptV5X, schema.SendtoX,
	schema.RecvfromX, schema.PipeX, schema.ChdirX, schema.CloseRangeX, schema.PidfdOpenX, schema.PidfdGetfdX,
}

func plausible(rng *rand.Rand, typ schema.Type) []byte {
	if rng.IntN(10) == 0 {
		return nil
	}
	switch typ {
	case schema.TypeCharbuf, schema.TypeFspath, schema.TypeFsrelpath, schema.TypeBytebuf:
		return append([]byte([]string{"/a/b", "..", "x", "", "/"}[rng.IntN(5)]), 0)
	case schema.TypeSocktuple:
		b := make([]byte, []int{13, 37, 20}[rng.IntN(3)])
		b[0], b[5] = map[int]byte{13: 2, 37: 10, 20: 1}[len(b)], byte(rng.IntN(3))
		return b
	case schema.TypeSockaddr:
		b := make([]byte, []int{7, 19, 4}[rng.IntN(3)])
		b[0], b[len(b)-2] = map[int]byte{7: 2, 19: 10, 4: 1}[len(b)], byte(rng.IntN(3))
		return b
	case schema.TypeDyn:
		return []byte{byte(rng.IntN(6)), 1, 2, 3, 4}
	case schema.TypeFdlist:
		return []byte{1, 0, byte(rng.IntN(8)), 0, 0, 0, 0, 0, 0, 0, 1, 0}
	}
	n := int64(rng.IntN(24)) - 1
	if typ == schema.TypeFlags32 {
		n = int64(rng.Uint32())
	}
	return little(n, typ.Size())
}
