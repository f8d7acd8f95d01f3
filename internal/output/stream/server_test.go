package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/falcopb/schema"
	"github.com/saker-sensor/saker/internal/output/falcopb/version"
)

// rig is a server on a Unix socket, unless the settings say otherwise.
type rig struct {
	*Server
	t *testing.T
}

func start(t *testing.T, s Settings) *rig {
	t.Helper()
	if s.Address == "" {
		s.Address = "unix://" + filepath.Join(t.TempDir(), "run", "falco.sock")
	}
	if s.Log == nil {
		s.Log = zap.NewNop()
	}
	srv, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{srv, t}
}

// write sends n alerts of a rule, numbered from the first.
func (r *rig) write(rule string, first, n int) {
	r.t.Helper()
	for i := first; i < first+n; i++ {
		text := fmt.Appendf(nil, `{"output":"o","output_fields":{"n":"%d"},"priority":"Notice","rule":%q,`+
			`"source":"syscall","tags":["t"],"time":"2026-07-14T03:33:20Z"}`, i, rule)
		if err := r.Write(output.Message{Text: text, Priority: "Notice", Rule: rule, ID: fmt.Sprint("run-", i)}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// deadline bounds what a test waits for.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// connect waits until the server is there.
func (r *rig) connect(options ...grpc.DialOption) outputs.ServiceClient {
	r.t.Helper()
	return outputs.NewServiceClient(dial(r.t, r.settings.Address, options...))
}

func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true))}, options...)
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// get reads a whole call.
func get(t *testing.T, c outputs.ServiceClient, r *outputs.Request) []*outputs.Response {
	t.Helper()
	stream, err := c.Get(deadline(t), r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, stream, -1)
}

type receiver interface {
	Recv() (*outputs.Response, error)
}

// read takes n responses, or all until the end.
func read(t *testing.T, stream receiver, n int) []*outputs.Response {
	t.Helper()
	var all []*outputs.Response
	for len(all) != n {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) && n < 0 {
			break
		}
		if err != nil {
			t.Fatalf("after %d responses: %v", len(all), err)
		}
		all = append(all, r)
	}
	return all
}

func sub(t *testing.T, c outputs.ServiceClient, r *outputs.Request) grpc.BidiStreamingClient[outputs.Request, outputs.Response] {
	t.Helper()
	stream, err := c.Sub(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(r); err != nil {
		t.Fatal(err)
	}
	return stream
}

// numbers are the alerts' fields n.
func numbers(alerts []*outputs.Response) []string {
	var n []string
	for _, a := range alerts {
		n = append(n, a.OutputFields["n"])
	}
	return n
}

func wantNumbers(t *testing.T, what string, got []*outputs.Response, first, n int) {
	t.Helper()
	var want []string
	for i := first; i < first+n; i++ {
		want = append(want, fmt.Sprint(i))
	}
	if !slices.Equal(numbers(got), want) {
		t.Errorf("%s: got %v, want %v", what, numbers(got), want)
	}
}

// TestGet: a call ends with what is there; the next one on the same connection goes on, one on another begins anew.
func TestGet(t *testing.T) {
	r := start(t, Settings{MaxCount: 300})
	r.write("r", 0, 200)
	c := r.connect()
	wantNumbers(t, "first call", get(t, c, &outputs.Request{}), 0, 200)
	wantNumbers(t, "nothing new", get(t, c, &outputs.Request{}), 0, 0)
	r.write("r", 200, 3)
	wantNumbers(t, "second call", get(t, c, &outputs.Request{}), 200, 3)
	wantNumbers(t, "another connection", get(t, r.connect(), &outputs.Request{}), 0, 203)
	r.write("r", 203, 305)
	got := get(t, c, &outputs.Request{})
	if got[0].Missed != 5 {
		t.Errorf("missed %d between two calls, want 5", got[0].Missed)
	}
	wantNumbers(t, "after a long time", got[1:], 208, 300)
	wantNumbers(t, "a new connection has missed nothing", get(t, r.connect(), &outputs.Request{}), 208, 300)
}

// TestSub: what is kept, then what comes; Falco's clients send empty requests all the time, which change nothing, nor a
// filter that was set; after the last request the call ends with what is there.
func TestSub(t *testing.T) {
	r := start(t, Settings{})
	r.write("r", 0, 100)
	stream := sub(t, r.connect(), &outputs.Request{Rules: []string{"r"}})
	wantNumbers(t, "kept", read(t, stream, 100), 0, 100)
	if err := stream.Send(&outputs.Request{}); err != nil {
		t.Fatal(err)
	}
	r.write("other", 0, 1)
	r.write("r", 100, 2)
	wantNumbers(t, "new", read(t, stream, 2), 100, 2)
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if rest := read(t, stream, -1); len(rest) > 0 {
		t.Errorf("got %v", rest)
	}
}

// TestChangedFilter: a later request sets another filter.
func TestChangedFilter(t *testing.T) {
	r := start(t, Settings{})
	stream := sub(t, r.connect(), &outputs.Request{Rules: []string{"a"}})
	r.write("b", 0, 1)
	r.write("a", 1, 1)
	wantNumbers(t, "a", read(t, stream, 1), 1, 1)
	// Going back tells when the request has been heeded.
	if err := stream.Send(&outputs.Request{MinPriority: schema.Priority_NOTICE.Enum(), Rules: []string{"b"}, Run: r.history.run}); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, "b", read(t, stream, 1), 0, 1)
}

// TestConsumers: ten at once, of which one never reads. The others get everything, in order, and the writer never waits.
func TestConsumers(t *testing.T) {
	const n = 4000
	r := start(t, Settings{})
	sub(t, r.connect(), &outputs.Request{}) // nobody reads it
	got := make(chan []*outputs.Response)
	for range 9 {
		stream := sub(t, r.connect(), &outputs.Request{})
		go func() {
			var all []*outputs.Response
			for len(all) < n {
				a, err := stream.Recv()
				if err != nil {
					t.Errorf("after %d: %v", len(all), err)
					break
				}
				all = append(all, a)
			}
			got <- all
		}()
	}
	r.write("r", 0, n)
	for range 9 {
		wantNumbers(t, "a consumer", <-got, 0, n)
	}
}

// TestSlowConsumer: what falls out of the history before it was read is missed by that consumer alone, which is told how
// many; it goes on with the oldest that is kept.
func TestSlowConsumer(t *testing.T) {
	const n = 20000
	r := start(t, Settings{MaxCount: 100, Hostname: "node-1"})
	slow := sub(t, r.connect(), &outputs.Request{})
	r.write("r", 0, 1)
	read(t, slow, 1)
	r.write("r", 1, n-1) // more than the connection holds, and more than is kept
	seen, missed := uint64(1), uint64(0)
	for seen+missed < n {
		a := read(t, slow, 1)[0]
		if a.Missed == 0 {
			if seen++; a.Cursor != seen+missed {
				t.Fatalf("cursor %d after %d seen and %d missed", a.Cursor, seen, missed)
			}
			continue
		}
		missed += a.Missed
		if a.Source != "internal" || a.SourceDeprecated != schema.Source_INTERNAL || a.Priority != schema.Priority_WARNING ||
			a.Hostname != "node-1" ||
			a.OutputFields["n_missed"] != fmt.Sprint(a.Missed) || a.Cursor != seen+missed || a.Run != r.history.run {
			t.Fatalf("told by %v", a)
		}
	}
	if missed == 0 || seen+missed != n {
		t.Errorf("%d seen, %d missed", seen, missed)
	}
}

// TestResume: a client goes on behind the last alert that it has, on another connection; what is not kept any more is told.
func TestResume(t *testing.T) {
	r := start(t, Settings{MaxCount: 10})
	r.write("r", 0, 5)
	last := get(t, r.connect(), &outputs.Request{})[2]
	wantNumbers(t, "behind the third", get(t, r.connect(), &outputs.Request{Run: last.Run, Cursor: last.Cursor}), 3, 2)
	stream := sub(t, r.connect(), &outputs.Request{Run: last.Run, Cursor: last.Cursor})
	wantNumbers(t, "sub behind the third", read(t, stream, 2), 3, 2)
	r.write("r", 5, 10)
	got := get(t, r.connect(), &outputs.Request{Run: last.Run, Cursor: last.Cursor})
	if got[0].Missed != 2 || got[0].Cursor != 5 {
		t.Errorf("missed %d up to %d, want 2 up to 5", got[0].Missed, got[0].Cursor)
	}
	wantNumbers(t, "what is kept", got[1:], 5, 10)
	got = get(t, r.connect(), &outputs.Request{Run: "another", Cursor: 1000})
	if got[0].Missed != 5 {
		t.Errorf("of this run, missed %d, want 5", got[0].Missed)
	}
	wantNumbers(t, "another run's cursor", got[1:], 5, 10)
	for want, request := range map[string]*outputs.Request{
		"cursor without run":                       {Cursor: 1},
		"cursor 16 is ahead of the last alert, 15": {Run: r.history.run, Cursor: 16},
	} {
		stream, err := r.connect().Get(deadline(t), request)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v", request, err)
		}
	}
}

// TestTooManyConsumers: one more than there is room for is told so, until another leaves.
func TestTooManyConsumers(t *testing.T) {
	r := start(t, Settings{})
	r.write("r", 0, 1)
	c := r.connect()
	var first context.CancelFunc
	for i := range maxConsumers {
		if i%(maxConsumers/2) == 0 {
			c = r.connect() // there is a bound by connection, too
		}
		ctx, cancel := context.WithCancel(deadline(t))
		defer cancel()
		if first == nil {
			first = cancel
		}
		stream, err := c.Sub(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&outputs.Request{}); err != nil {
			t.Fatal(err)
		}
		read(t, stream, 1)
	}
	c = r.connect()
	if _, err := sub(t, c, &outputs.Request{}).Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
	first()
	for end := time.Now().Add(time.Minute); ; {
		_, err := sub(t, c, &outputs.Request{}).Recv()
		if err == nil {
			break
		}
		if status.Code(err) != codes.ResourceExhausted || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestClose: consumers get what is left, then the end; one that never reads is not waited for long.
func TestClose(t *testing.T) {
	r := start(t, Settings{Log: zaptest.NewLogger(t)})
	sub(t, r.connect(), &outputs.Request{}) // nobody reads it
	reads := sub(t, r.connect(), &outputs.Request{})
	r.write("r", 0, 1500) // more than a connection holds
	read(t, reads, 1)
	c := r.connect()
	asksNothing, err := c.Sub(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	get(t, c, &outputs.Request{}) // a later call of that connection: the server knows the first, too
	done := make(chan error)
	go func() { done <- r.Close() }()
	wantNumbers(t, "the rest", read(t, reads, -1), 1, 1499)
	read(t, asksNothing, -1)
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Close waits for a consumer that never reads")
	}
}

func TestVersion(t *testing.T) {
	r := start(t, Settings{Version: "v1.2.3", EngineVersion: "0.63.0", FieldsChecksum: "abc"})
	v, err := version.NewServiceClient(dial(t, r.settings.Address)).Version(deadline(t), &version.Request{})
	if err != nil || v.Version != "v1.2.3" || v.Minor != 2 || v.EngineVersion != "0.63.0" || v.EngineMinor != 63 ||
		v.EngineFieldsChecksum != "abc" {
		t.Errorf("got %v, %v", v, err)
	}
}
