package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/decode"
	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/replay/recording/recordingtest"
)

// events are n opens of a few processes in a few places, as the loop sees them. Some texts are no UTF-8.
func events(t testing.TB, n int, seed uint64) []*event.Event {
	rnd := rand.New(rand.NewPCG(seed, 1))
	init := &event.Process{Key: event.Key{Tgid: 1}, Comm: "init", ExePath: "/sbin/init", LoginUID: 4294967295}
	shell := &event.Process{
		Key: event.Key{Tgid: 50, Start: 5}, ExecID: 2, Comm: "ba\xffsh", Cmdline: "bash -c 'a\nb'", ArgList: []string{"-c", "a\nb"},
		Env: []string{"A=\xfe"}, Parent: init, CapEffective: 1<<40 - 1,
	}
	processes := []*event.Process{init, shell, {
		Key: event.Key{Tgid: 100, Start: 7}, ExecID: 3, Comm: "cat", Parent: shell, ExeID: event.FileID{Ino: 1 << 60},
	}}
	pod := &event.Pod{Name: "web-1", Namespace: "shop", UID: "u", Labels: map[string]string{"app": "web"}}
	places := []Place{
		{ContainerID: event.HostID, Accounts: &event.Accounts{
			Users: map[uint32]event.User{0: {Name: "root"}}, Groups: map[uint32]string{0: "root"},
		}},
		{ContainerID: "0123456789ab", Container: &event.Container{ID: strings.Repeat("0123456789ab", 5), Image: "nginx:1", Pod: pod,
			Mounts: []event.Mount{{Source: "/a", Dest: "/b", RdWr: true}},
			Probes: []event.Probe{{Kind: event.ReadinessProbe, Exe: "x", Args: []string{"y"}}}},
			PodMeta: &event.PodMeta{Name: "web-1", Owner: event.Owner{Kind: "ReplicaSet", Name: "web"},
				Related: event.Related{Namespace: &event.Object{Name: "shop"}, Services: []*event.Object{{Name: "s"}}}}},
		{ContainerID: "ffff00000000", ContainerMissing: "the runtime does not answer"},
	}
	clocks := []*event.Clock{event.NewClock(1e18), event.NewClock(1e18).Follow(1500, 1e18+5e9)}
	hosts := event.Hosts{netip.MustParseAddr("10.0.0.1"): {"db.example"}, netip.MustParseAddr("::1"): {"localhost"}}
	var all []*event.Event
	for i := range n {
		ev := recordingtest.Open(t, i, fmt.Sprintf("/tmp/%x", rnd.Uint64()), clocks[min(i/500, 1)])
		ev.Process = processes[rnd.IntN(len(processes))]
		p := places[rnd.IntN(len(places))]
		ev.Container, ev.ContainerID, ev.ContainerMissing = p.Container, p.ContainerID, p.ContainerMissing
		ev.PodMeta, ev.Accounts = p.PodMeta, p.Accounts
		if i%3 == 0 {
			ev.Flags |= event.FlagRepaired
			ev.File.Source, ev.File.Watched = "/host/source", "/etc/\xffshadow"
			ev.Hosts = hosts
		}
		all = append(all, ev)
	}
	return all
}

// want is an event as a reader gives it.
func want(ev, first, previous *event.Event, num int) *event.Event {
	w := *ev
	w.Raw, w.Num, w.First, w.Previous = nil, uint64(num), first.Boot, previous.Boot
	return &w
}

func record(t testing.TB, all []*event.Event, s Settings) []byte {
	t.Helper()
	if s.Path == "" {
		s.Path = filepath.Join(t.TempDir(), "recording")
	}
	r, err := NewRecorder(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range all {
		for before := r.Counters().Lost; ; before = r.Counters().Lost {
			if r.Record(ev); r.Counters().Lost == before {
				break
			}
			time.Sleep(time.Millisecond) // the disk is behind
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRoundTrip: a reader gives what was recorded, over several blocks.
func TestRoundTrip(t *testing.T) {
	all := events(t, 12000, 1)
	b := record(t, all, Settings{Header: Header{Version: "1.2.3", Hostname: "node-1", Filter: "evt.type=open"}})
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if h := r.Header(); h.Version != "1.2.3" || h.Hostname != "node-1" || h.Filter != "evt.type=open" || h.Schema != decode.Schema() {
		t.Errorf("the header is %+v", h)
	}
	previous := all[0]
	for i, ev := range all {
		got, err := r.Next()
		if err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if d := cmp.Diff(want(ev, all[0], previous, i+1), got); d != "" {
			t.Fatalf("event %d (-want +got):\n%s", i, d)
		}
		previous = ev
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	if r.Offset() != int64(len(b)) || bytes.Count(b, []byte("SBLK")) < 3 {
		t.Errorf("read %d of %d bytes, %d blocks", r.Offset(), len(b), bytes.Count(b, []byte("SBLK")))
	}
}

// read returns the number of events before the error at the end.
func read(t *testing.T, b []byte) (int, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for n := 0; ; n++ {
		if _, err := r.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
	}
}

// TestDamaged: wherever a file is cut or changed, the error names a place, and the blocks before it are read.
func TestDamaged(t *testing.T) {
	all := events(t, 3, 2)
	one := record(t, all, Settings{})
	whole := append(bytes.Clone(one), one[bytes.LastIndex(one, []byte("SBLK")):]...) // two blocks of events
	second := bytes.LastIndex(whole, []byte("SBLK"))
	for cut := 0; cut < len(whole); cut += stride(cut, second) {
		n, err := read(t, whole[:cut])
		wantN := 0
		if cut >= second {
			wantN = len(all)
		}
		var at *Error
		atEnd := cut == second || cut == bytes.LastIndex(one, []byte("SBLK")) // between two blocks: a recorder was killed there
		if n != wantN || atEnd != (err == nil) || err != nil && !errors.As(err, &at) {
			t.Fatalf("cut at %d of %d: %d events, error %v", cut, len(whole), n, err)
		}
	}
	for i := 0; i < len(whole); i += stride(i, second) {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x10
		n, err := read(t, bad)
		var at *Error
		if !errors.As(err, &at) || i >= second && (n != len(all) || at.Offset != int64(second)) {
			t.Fatalf("byte %d changed: %d events, error %v", i, n, err)
		}
	}
}

// stride is 1 around the begin of the file and of the second block, and more elsewhere, for a reader takes its time to open.
func stride(at, second int) int {
	if at < 2*headBytes || at > second-headBytes && at < second+2*headBytes {
		return 1
	}
	return 23
}

// TestOthers: a file that can't be read is named.
func TestOthers(t *testing.T) {
	b := record(t, events(t, 1, 3), Settings{})
	with := func(was, will string) []byte {
		begin, end := bytes.IndexByte(b, '{'), bytes.IndexByte(b, '}')+1
		text := bytes.Replace(b[begin:end], []byte(was), []byte(will), 1)
		h := head{kind: blockHeader, stored: uint32(len(text)), full: uint32(len(text))}
		return append(append(h.append([]byte(magic), text), text...), b[end:]...)
	}
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"text":   {[]byte("- rule: a\n"), "no recording of Saker's"},
		"empty":  {nil, "no recording of Saker's"},
		"newer":  {with(`"Format":1`, `"Format":2`), "has form 2"},
		"arch":   {with(`"Arch":"`, `"Arch":"not-`), "replay it with Saker for not-"},
		"schema": {with(`"Schema":"`, `"Schema":"9-`), "records of schema 9-"},
	} {
		if _, err := read(t, tt.file); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// TestLimits: files end by size, older ones are kept, and each can be read by itself.
func TestLimits(t *testing.T) {
	all := events(t, 40000, 4)
	path := filepath.Join(t.TempDir(), "r")
	record(t, all, Settings{Path: path, MaxBytes: 1, Files: 3})
	found, err := filepath.Glob(path + "*")
	if err != nil || len(found) != 3 {
		t.Fatalf("files %v, %v", found, err)
	}
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := read(t, b); err != nil || n == 0 && f != path {
			t.Errorf("%s: %d events, %v", f, n, err)
		}
	}
	r, err := NewRecorder(Settings{Path: path, MaxBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	recorded := 0
	for ; !r.Over(); recorded++ {
		if recorded > 1<<22 {
			t.Fatal("the limit does not end the recording")
		}
		r.Record(all[recorded%len(all)])
	}
	c := r.Counters()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if c.Recorded+c.Lost != uint64(recorded) || c.Recorded == 0 {
		t.Errorf("counters %+v of %d", c, recorded)
	}
}

// TestDiskFull: what can't be written is told once and counted, and the recorder goes on.
func TestDiskFull(t *testing.T) {
	told := make(chan error, 8)
	r, err := NewRecorder(Settings{Path: "/dev/full", Failed: func(err error) { told <- err }})
	if err == nil {
		t.Error("the header was written to a full disk")
		_ = r.Close()
	}
	path := filepath.Join(t.TempDir(), "r")
	if r, err = NewRecorder(Settings{Path: path, MaxBytes: 1, Files: 2, Failed: func(err error) { told <- err }}); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".1", 0o700); err != nil { // the file can't be renamed
		t.Fatal(err)
	}
	all := events(t, 6000, 5)
	for range 4 {
		for _, ev := range all {
			r.Record(ev)
		}
	}
	if err := r.Close(); err == nil {
		t.Error("closing tells of no error")
	}
	if len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
	if c := r.Counters(); c.Lost == 0 || c.Recorded+c.Lost != uint64(4*len(all)) {
		t.Errorf("counters %+v of %d", c, 4*len(all))
	}
}

func FuzzReader(f *testing.F) {
	mode, err := encoding()
	if err != nil {
		f.Fatal(err)
	}
	b := newBlock(mode)
	for _, ev := range events(f, 3, 6) {
		e := EntryOf(ev)
		if err := b.add(&e); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(append(bytes.Clone(b.refs), b.events...))
	f.Fuzz(func(t *testing.T, contents []byte) {
		// Behind a right head and checksum: what a hostile writer can make.
		var file bytes.Buffer
		w, err := NewWriter(&file, Header{})
		if err != nil {
			t.Fatal(err)
		}
		if len(contents) > maxContents {
			return
		}
		if err := w.block(&block{events: contents, count: 1}); err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(&file)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			ev, err := r.Next()
			if err != nil {
				var at *Error
				if !errors.Is(err, io.EOF) && !errors.As(err, &at) {
					t.Fatalf("no place: %v", err)
				}
				return
			}
			if ev.Process == nil || !ev.Type.Captured() && ev.Type != event.TypeUnknown {
				t.Fatalf("event %+v", ev)
			}
		}
	})
}

// BenchmarkRecord is all that an event costs, the goroutine's compression and a copy of what is written with it.
func BenchmarkRecord(b *testing.B) {
	all := events(b, 1000, 7)
	mode, err := encoding()
	if err != nil {
		b.Fatal(err)
	}
	w, err := NewWriter(io.Discard, Header{})
	if err != nil {
		b.Fatal(err)
	}
	now := newBlock(mode)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := EntryOf(all[i%len(all)])
		if err := now.add(&e); err != nil {
			b.Fatal(err)
		}
		if now.full() {
			if err := w.block(now); err != nil {
				b.Fatal(err)
			}
			now.reset()
		}
	}
	b.ReportMetric(float64(w.written)/float64(b.N), "bytes/event")
}

func BenchmarkRead(b *testing.B) {
	file := record(b, events(b, 50000, 8), Settings{})
	n := 0
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		for _, err = r.Next(); err == nil; _, err = r.Next() {
			n++
		}
		_ = r.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
