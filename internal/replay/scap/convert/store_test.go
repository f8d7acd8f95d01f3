package convert

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/replay/scap"
	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

func number(size int, value uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, value)[:size]
}

// readE and readX are a read as old recorders had it.
func readE(tid int64, fd uint64) *scap.Event {
	return &scap.Event{Code: schema.ReadE, Tid: tid, Params: [][]byte{number(8, fd), number(4, 100)}}
}

func readX(tid int64) *scap.Event {
	return &scap.Event{Code: schema.ReadX, Tid: tid, Params: [][]byte{number(8, 3), []byte("abc")}}
}

func TestEntriesAreBoundedByNumber(t *testing.T) {
	c := New()
	for tid := range int64(maxStored + 10) {
		if _, ok, err := c.Convert(readE(tid, uint64(tid))); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if c.Evicted() != 10 || len(c.entries.threads) != maxStored {
		t.Errorf("%d evicted, %d kept", c.Evicted(), len(c.entries.threads))
	}
	for tid, want := range map[int64]uint64{9: 0, 10: 10, maxStored + 9: maxStored + 9} {
		out, ok, err := c.Convert(readX(tid))
		if !ok || err != nil || !bytes.Equal(out.Params[2], number(8, want)) {
			t.Errorf("thread %d: %v %v %v", tid, out, ok, err)
		}
	}
	c.Reset()
	if out, _, err := c.Convert(readX(20)); err != nil || !bytes.Equal(out.Params[2], number(8, 0)) || c.Evicted() != 10 {
		t.Errorf("after a reset: %v, %v, %d evicted", out, err, c.Evicted())
	}
}

func TestEntriesAreBoundedByBytes(t *testing.T) {
	c := New()
	path := bytes.Repeat([]byte("x"), 60<<10)
	for tid := range int64(1000) {
		ev := &scap.Event{Code: schema.MkdirE, Tid: tid, Params: [][]byte{path, number(4, 0)}}
		if _, ok, err := c.Convert(ev); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if c.Evicted() == 0 || c.entries.bytes > maxStoredBytes {
		t.Errorf("%d evicted, %d bytes", c.Evicted(), c.entries.bytes)
	}
	for tid := range int64(1000) {
		if _, _, err := c.Convert(&scap.Event{Code: schema.MkdirX, Tid: tid, Params: [][]byte{number(8, 0)}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.entries.threads) != 0 || c.entries.bytes != 0 || len(c.entries.unused) != 0 {
		t.Errorf("%d entries, %d bytes, %d unused", len(c.entries.threads), c.entries.bytes, len(c.entries.unused))
	}
}

func TestNewerEntryReplacesTheOlder(t *testing.T) {
	c := New()
	for fd := range uint64(3) {
		if _, ok, err := c.Convert(readE(1, fd)); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for _, want := range []uint64{2, 0} {
		out, ok, err := c.Convert(readX(1))
		if !ok || err != nil || !bytes.Equal(out.Params[2], number(8, want)) {
			t.Fatal(out, ok, err)
		}
	}
}

func TestErrors(t *testing.T) {
	cases := []struct {
		name   string
		stored *scap.Event
		ev     *scap.Event
		says   string
	}{
		{"unknown code", nil, &scap.Event{Code: 60000}, "not known"},
		{"too many parameters", nil, &scap.Event{Code: schema.CloseX, Params: make([][]byte, 3)}, "at most"},
		{"no row", nil, &scap.Event{Code: schema.OpenE, Params: make([][]byte, 2)}, "2 parameters"},
		{"entry of another call", readE(1, 1), &scap.Event{Code: schema.CloseX, Tid: 1, Params: [][]byte{number(8, 0)}}, "read (entry)"},
	}
	for _, test := range cases {
		c := New()
		if test.stored != nil {
			if _, _, err := c.Convert(test.stored); err != nil {
				t.Fatal(err)
			}
		}
		if out, ok, err := c.Convert(test.ev); err == nil || ok || out != nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, %v, %v", test.name, out, ok, err)
		}
		if _, ok, err := c.Convert(readX(2)); !ok || err != nil {
			t.Errorf("%s: the next event: %v, %v", test.name, ok, err)
		}
	}
}

func TestContainerThatCannotBeRead(t *testing.T) {
	good := [][]byte{[]byte("id\x00"), number(4, 1), []byte("name\x00"), []byte("image\x00")}
	for i, bad := range [][]byte{{}, number(8, 1), {}, {}} {
		params := append([][]byte{}, good...)
		params[i] = bad
		out, ok, err := New().Convert(&scap.Event{Code: schema.ContainerE, Params: params})
		if !ok || err != nil || len(out.Params) != 1 || len(out.Params[0]) != 0 {
			t.Errorf("parameter %d: %v, %v, %v", i, out, ok, err)
		}
	}
	good[0] = bytes.Repeat([]byte("x"), 1<<16)
	if _, ok, err := New().Convert(&scap.Event{Code: schema.ContainerE, Params: good}); ok || err == nil {
		t.Error("a text longer than a parameter can be is no error")
	}
}

func TestLongValuesAreCut(t *testing.T) {
	c := New()
	entry := &scap.Event{Code: schema.BPFE, Tid: 1, Params: [][]byte{number(8, 0x1122334455667788)}}
	if _, _, err := c.Convert(entry); err != nil {
		t.Fatal(err)
	}
	out, ok, err := c.Convert(&scap.Event{Code: schema.BPFX, Tid: 1, Params: [][]byte{number(8, 0)}})
	if !ok || err != nil || !bytes.Equal(out.Params[1], number(4, 0x55667788)) {
		t.Errorf("%v, %v, %v", out, ok, err)
	}
}

func TestConversionsTakeNoMemory(t *testing.T) {
	c, enter, exit := New(), readE(1, 3), readX(1)
	chain := &scap.Event{Code: schema.ExecveV8X, Params: make([][]byte, 8)}
	turn := func() {
		for _, ev := range []*scap.Event{enter, exit, chain} {
			if _, _, err := c.Convert(ev); err != nil {
				t.Fatal(err)
			}
		}
	}
	turn()
	if count := testing.AllocsPerRun(100, turn); count > 0 {
		t.Errorf("%v allocations", count)
	}
}

// FuzzConvert converts events made of random bytes: for each a code, a thread, a number of parameters and their lengths.
func FuzzConvert(f *testing.F) {
	f.Add([]byte{0, byte(schema.ReadE), 1, 2, 8, 4, 0, byte(schema.ReadX), 1, 2, 8, 3})
	f.Add([]byte{0, byte(schema.ExecveV8X), 1, 8, 1, 1, 1, 1, 1, 1, 1, 1, 0, byte(schema.ContainerE), 1, 4, 2, 4, 2, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		c := New()
		zeros := make([]byte, 255)
		for len(data) >= 4 {
			ev := &scap.Event{Code: binary.BigEndian.Uint16(data) % uint16(schema.Count()+1), Tid: int64(data[2] % 4)}
			count := min(int(data[3]%40), len(data)-4)
			for _, length := range data[4 : 4+count] {
				ev.Params = append(ev.Params, zeros[:length])
			}
			data = data[4+count:]
			out, ok, err := c.Convert(ev)
			if ok != (out != nil) || ok && err != nil {
				t.Fatalf("%v, %v, %v", out, ok, err)
			}
			if !ok {
				continue
			}
			kind := schema.Lookup(out.Code)
			managed := kind.Flags&schema.ConverterManaged != 0 && !schema.IsEnter(out.Code)
			if kind.Flags&schema.Unused != 0 || managed && (len(out.Params) != len(kind.Params) || kind.Flags&schema.OldVersion != 0) {
				t.Fatalf("%s passed with %d parameters", nameOf(out.Code), len(out.Params))
			}
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	c, enter, exit := New(), readE(1, 3), readX(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := c.Convert(enter); err != nil {
			b.Fatal(err)
		}
		if _, _, err := c.Convert(exit); err != nil {
			b.Fatal(err)
		}
	}
}
