package scap

import (
	"bytes"
	"compress/gzip"
	"errors"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/saker-sensor/saker/internal/replay/scap/schema"
)

func TestErrorsSayWhatTheFileIs(t *testing.T) {
	ev := Event{Code: schema.GenericX, Tid: 1, Params: [][]byte{raw{}.u16(1)}}
	good := raw{}.add(section(), eventBlock(0x216, &ev))
	end := int64(len(good))
	// patch is an event with other bytes at an offset of its block.
	patch := func(number uint32, at int, with ...byte) []byte {
		block := eventBlock(number, &ev)
		copy(block[at:], with)
		return raw{}.add(good, block)
	}
	header := func(magic uint32, major uint16) []byte {
		return block(sectionType, raw{}.u32(magic).u16(major).u16(0).i64(-1))
	}
	swapped := raw{0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0}
	badCRC := zipped(good)
	badCRC[len(badCRC)-8] ^= 1
	cases := []struct {
		name   string
		file   []byte
		err    error
		offset int64
		says   string
	}{
		{"nothing", nil, ErrFormat, 0, "empty"},
		{"gzip of nothing", zipped(nil), ErrFormat, 0, "in the gzip is empty"},
		{"text", []byte("- rule: x\n  condition: evt.type = open\n"), ErrFormat, 0, "is a text"},
		{"a letter", []byte("x"), ErrFormat, 0, "is a text"},
		{"letters cut at the end of what is looked at", []byte("abc äöüäöüäöüäöüäöüäöü"), ErrFormat, 0, "is a text"},
		{"gzip of a text", zipped([]byte("{\"a\": 1}")), ErrFormat, 0, "what is in the gzip is a text"},
		{"gzip of a capture twice", zipped(zipped(good)), ErrFormat, 0, "compressed twice"},
		{"recording", []byte("\x89SAKER\r\n"), ErrFormat, 0, "recording of Saker's"},
		{"zstd", []byte("\x28\xb5\x2f\xfd\x04\x00"), ErrFormat, 0, "zstd"},
		{"pcap", []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00"), ErrFormat, 0, "packets"},
		{"program", []byte("\x7fELF\x02\x01"), ErrFormat, 0, "program"},
		{"zeros", make([]byte, 100), ErrFormat, 0, "no capture"},
		{"pcapng", raw{}.add(section(), block(1, make([]byte, 8)), block(6, make([]byte, 40))), ErrFormat, 48, "Wireshark"},
		{"big endian", swapped.add(make([]byte, 20)), ErrFormat, 0, "big-endian"},
		{"major version 2", header(orderMagic, 2), ErrFormat, 0, "version 2"},
		{"magic", header(0x1A2B3C4E, 1), ErrDamaged, 0, "magic number"},
		{"section of a newer version behind", raw{}.add(good, header(orderMagic, 3)), ErrFormat, end, "version 3"},
		{"cut in the magic", good[:3], ErrTruncated, 0, ""},
		{"cut in the section", good[:27], ErrTruncated, 0, ""},
		{"cut in the head of a block", raw{}.add(good, good[28:35]), ErrTruncated, end, ""},
		{"cut in a block", raw{}.add(good, good[28:end-1]), ErrTruncated, end, ""},
		{"cut in an unknown block", raw{}.add(good, block(0x999, make([]byte, 100))[:50]), ErrTruncated, end, ""},
		{"cut in a list", raw{}.add(good, block(0x206, make([]byte, 100))[:50]), ErrTruncated, end, ""},
		{"cut in gzip", zipped(good)[:len(zipped(good))-9], ErrTruncated, end, ""},
		{"sum of gzip", badCRC, ErrDamaged, end, "unpack"},
		{"something behind gzip", append(zipped(good), "garbage, longer than a header"...), ErrDamaged, end, "unpack"},
		{"end of an event", patch(0x216, len(eventBlock(0x216, &ev))-4, 1), ErrDamaged, end, "by its end"},
		{"end of a list", raw{}.add(good, block(0x206, nil)[:8], raw{}.u32(16)), ErrDamaged, end, "by its end"},
		{"end of an unknown block", raw{}.add(good, block(0x999, nil)[:8], raw{}.u32(16)), ErrDamaged, end, "by its end"},
		{"length of a block", raw{}.add(good, raw{}.u32(0x216).u32(11)), ErrDamaged, end, "11 bytes"},
		{"length of a section", raw{}.add(good, raw{}.u32(sectionType).u32(12).u32(orderMagic).u32(1).u64(0).u64(0)), ErrDamaged, end,
			"12 bytes"},
		{"length of an event", patch(0x216, 4, 0, 0, 2, 0), ErrDamaged, end, "at most"},
		{"length of a large event", patch(0x221, 4, 0xff, 0xff, 0xff, 0xff), ErrDamaged, end, "at most"},
		{"event without a header", raw{}.add(good, block(0x216, make([]byte, 24))), ErrDamaged, end, "at least"},
		{"event shorter than its header", patch(0x216, 8+2+16, 25), ErrDamaged, end, "where its block has"},
		{"event longer than its block", patch(0x216, 8+2+16, 200), ErrDamaged, end, "where its block has"},
		{"number of parameters", patch(0x216, 8+2+22, 0, 0, 1), ErrDamaged, end, "65536 parameters"},
		{"parameters beyond the event", patch(0x216, 8+2+22, 2), ErrDamaged, end, "longer"},
		{"length of a parameter", patch(0x216, 8+2+26, 0xff, 0xff), ErrDamaged, end, "longer"},
		{"parameters that fill less", patch(0x204, 8+2+22, 1), ErrDamaged, end, "number of parameters"},
		{"parameters that fit no number", patch(0x204, 8+2+16, 23), ErrDamaged, end, "number of parameters"},
		{"entry beyond its block", raw{}.add(good, block(0x206, raw{0}.u32(1).u32(1).u16(0xffff).u16(0))), ErrDamaged, end, "passes the end"},
		{"sized entry beyond its block", raw{}.add(good, block(0x220, raw{}.u32(1<<31).u64(0))), ErrDamaged, end, "an entry says"},
		{"sized entry of no bytes", raw{}.add(good, block(0x215, raw{}.u32(0).u64(0))), ErrDamaged, end, "an entry says"},
		{"interface beyond its block", raw{}.add(good, block(0x219, raw{}.u32(0xffffffff).u64(0))), ErrDamaged, end, "interface says"},
		{"kind of an interface", raw{}.add(good, block(0x205, raw{}.u16(9).u16(0))), ErrDamaged, end, "unknown kind 9"},
		{"kind of a descriptor", raw{}.add(good, block(0x203, raw{}.u64(1).u64(1).u64(1).u8(99))), ErrDamaged, end, "unknown kind 99"},
		{"block of the machine", raw{}.add(good, block(0x201, make([]byte, 100))), ErrDamaged, end, "machine"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			records, err := readAll(test.file)
			var place *Error
			if !errors.As(err, &place) || !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if place.Offset != test.offset || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v at %d, want one about %q at %d", err, place.Offset, test.says, test.offset)
			}
			if test.offset == end && len(records) < 2 {
				t.Errorf("%d records before the error", len(records))
			}
		})
	}
}

func TestFailedReadIsAnError(t *testing.T) {
	broken := errors.New("no such device")
	reader := NewReader(io.MultiReader(bytes.NewReader(section()), iotest.ErrReader(broken)))
	if record, err := reader.Next(); err != nil || record.Kind != KindSection {
		t.Fatal(err)
	}
	for range 2 {
		_, err := reader.Next()
		var place *Error
		if !errors.As(err, &place) || !errors.Is(err, broken) || place.Offset != 28 {
			t.Fatalf("got %v", err)
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLengthsAloneTakeNoMemory(t *testing.T) {
	for name, file := range map[string][]byte{
		"large event":   raw{}.add(section(), raw{}.u32(0x221).u32(MaxLargeEvent).add(make([]byte, 100))),
		"unknown block": raw{}.add(section(), raw{}.u32(0x999).u32(0xffffff00).add(make([]byte, 100))),
		"list":          raw{}.add(section(), raw{}.u32(0x215).u32(0xffffff00).u32(0xffff0000).add(make([]byte, 100))),
		"bomb":          zipped(raw{}.add(section(), raw{}.u32(0x999).u32(0xffffff00).add(make([]byte, 4<<20)))),
	} {
		used := allocated(func() {
			if _, err := readAll(file); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if used > 1<<20 {
			t.Errorf("%s: %d bytes allocated", name, used)
		}
	}
}

func TestEventsAreReadWithoutAllocation(t *testing.T) {
	ev := Event{Code: schema.OpenX, Params: [][]byte{raw{}.i64(5), []byte("/etc/passwd\x00"), raw{}.u32(1), raw{}.u32(0)}}
	for _, number := range []uint32{0x204, 0x216, 0x217, 0x222} {
		reader := NewReader(bytes.NewReader(raw{}.add(section(), bytes.Repeat(eventBlock(number, &ev), 5000))))
		next := func() {
			if _, err := reader.Next(); err != nil {
				t.Fatal(err)
			}
		}
		next()
		next()
		if count := testing.AllocsPerRun(4000, next); count > 0 {
			t.Errorf("%#x: %v allocations an event", number, count)
		}
	}
}

// marks are the ends of records in the uncompressed file, with a hash of each.
type mark struct {
	end int64
	sum uint64
}

var seed = maphash.MakeSeed()

func marks(data []byte) ([]mark, error) {
	reader := NewReader(bytes.NewReader(data))
	var out []mark
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		var hash maphash.Hash
		hash.SetSeed(seed)
		e, p := &record.Event, &record.Process
		for _, number := range []uint64{uint64(record.Kind), e.Time, uint64(e.Tid), uint64(e.Code), uint64(p.Tid), uint64(p.Pgid),
			uint64(record.Tid), uint64(record.Descriptor.FD)} {
			hash.Write(raw{}.u64(number))
		}
		for _, param := range e.Params {
			hash.Write(param)
		}
		for _, text := range []string{p.Exe, p.Args, p.Env, p.Root, record.Descriptor.Path, record.User.Shell, record.Group.Name} {
			hash.WriteString(text)
		}
		out = append(out, mark{reader.stream.offset, hash.Sum64()})
	}
}

// TestDamagedCaptures changes or cuts captures: what is before the place is delivered as it was, and an error has a place.
func TestDamagedCaptures(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, packed := range captures(t) {
		plain := unzipped(packed)
		want, err := marks(plain)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		check := func(what string, at int64, data []byte, mustFail bool) {
			got, err := marks(data)
			var place *Error
			if err != nil && !errors.As(err, &place) {
				t.Fatalf("%s: %s %d: an error without a place: %v", name, what, at, err)
			}
			// Some bits of gzip have no meaning.
			if mustFail && err == nil && !slices.Equal(got, want) {
				t.Fatalf("%s: %s %d: no error", name, what, at)
			}
			for i, record := range want {
				if record.end > at {
					break
				}
				if i >= len(got) || got[i] != record {
					t.Fatalf("%s: %s %d: record %d, before the place, is lost or changed (%v)", name, what, at, i, err)
				}
			}
			if mustFail && len(got) > len(want) {
				t.Fatalf("%s: %s %d: %d records of %d", name, what, at, len(got), len(want))
			}
		}
		boundary := map[int64]bool{}
		reader := NewReader(bytes.NewReader(plain))
		for _, err := reader.Next(); err == nil; _, err = reader.Next() {
			boundary[reader.start] = true
		}
		for range 2 {
			cut := random.Int64N(int64(len(plain)))
			check("cut at", cut, plain[:cut], !boundary[cut] && cut > 0)
			cut = random.Int64N(int64(len(packed)))
			check("cut of the gzip at", 0, packed[:cut], true)
			flip := random.Int64N(int64(len(plain)))
			changed := bytes.Clone(plain)
			changed[flip] ^= 1 << random.IntN(8)
			check("flip at", flip, changed, false)
			flip = 10 + random.Int64N(int64(len(packed)-10))
			changed = bytes.Clone(packed)
			changed[flip] ^= 1 << random.IntN(8)
			check("flip of the gzip at", 0, changed, isGzip(packed))
		}
	}
}

func isGzip(data []byte) bool {
	_, err := gzip.NewReader(bytes.NewReader(data))
	return err == nil
}

// fuzzSeed is a capture with every form of event and list.
func fuzzSeed() []byte {
	ev := Event{Code: schema.OpenX, Params: [][]byte{raw{}.i64(5), []byte("/etc/passwd\x00"), raw{}.u32(1), raw{}.u32(0)}}
	p := fullProcess()
	all := section()
	for _, number := range []uint32{0x204, 0x208, 0x216, 0x217, 0x221, 0x222} {
		all = append(all, eventBlock(number, &ev)...)
	}
	all = raw{}.add(all, block(0x201, make([]byte, 168)), block(0x202, writeProcess(&p, 1)), block(0x214, writeProcess(&p, 8)),
		block(0x215, sized(writeProcess(&p, 9).u64(1).u32(2).u32(3).u8(1))), block(0x203, raw{}.u64(1).u64(0).u64(2).u8(1).text("/f")),
		block(0x218, raw{}.u64(1).add(sized(raw{}.u64(0).u64(2).u8(3).add(make([]byte, 13))))),
		block(0x206, raw{0}.u64(1).text("a").text("b").text("c")),
		block(0x220, sized(raw{1}.u32(1).text("g"))), block(0x205, raw{}.u16(3).u16(1).add(make([]byte, 13))), block(0x999, nil))
	return all
}

func FuzzReader(f *testing.F) {
	all := fuzzSeed()
	f.Add(all)
	f.Add(zipped(all))
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		reader := NewReader(bytes.NewReader(data))
		last := int64(-1)
		for {
			record, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				var place *Error
				if !errors.As(err, &place) || place.Offset < 0 || place.Offset > reader.stream.offset {
					t.Fatalf("an error without a place: %v", err)
				}
				return
			}
			if reader.stream.offset <= last || len(reader.stream.buf) > 2*MaxLargeEvent || record.Kind == 0 {
				t.Fatalf("record %+v ends at %d behind %d, window %d", record, reader.stream.offset, last, len(reader.stream.buf))
			}
			last = reader.stream.offset
			if record.Kind == KindEvent && len(record.Event.Params) > MaxParams {
				t.Fatalf("%d parameters", len(record.Event.Params))
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	ev := Event{Code: schema.OpenatV2X, Params: [][]byte{raw{}.i64(5), raw{}.i64(-100), []byte("/usr/lib/x86_64-linux-gnu/libc.so.6\x00"),
		raw{}.u32(1), raw{}.u32(0), raw{}.u32(8), raw{}.u64(123456)}}
	const events = 200_000
	random, file := rand.New(rand.NewPCG(1, 2)), raw(section())
	for range events {
		ev.Time, ev.Tid = ev.Time+random.Uint64N(10000), random.Int64N(5000)
		file = file.add(eventBlock(0x216, &ev))
	}
	for name, data := range map[string][]byte{"plain": file, "gzip": zipped(file)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				kinds, err := count(bytes.NewReader(data))
				if err != nil || kinds[KindEvent] != events {
					b.Fatal(kinds, err)
				}
			}
			b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
