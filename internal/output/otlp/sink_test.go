package otlp

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
)

// endpoint takes OTLP over HTTP and answers what a collector would answer only in need. test/delivery has a real one.
type endpoint struct {
	mu       sync.Mutex
	status   int
	rejects  int64
	requests []*collector.ExportLogsServiceRequest
	header   http.Header
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body = z
	}
	text, _ := io.ReadAll(body)
	req := &collector.ExportLogsServiceRequest{}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := proto.Unmarshal(text, req); err != nil || r.URL.Path != "/base/v1/logs" ||
		r.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	e.header = r.Header
	if e.status != 0 {
		w.WriteHeader(e.status)
		return
	}
	e.requests = append(e.requests, req)
	answer, _ := proto.Marshal(&collector.ExportLogsServiceResponse{
		PartialSuccess: &collector.ExportLogsPartialSuccess{RejectedLogRecords: e.rejects, ErrorMessage: "too old"}})
	_, _ = w.Write(answer)
}

func (e *endpoint) answer(status int, rejects int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status, e.rejects = status, rejects
}

func (e *endpoint) counts() (counts []int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.requests {
		counts = append(counts, len(r.ResourceLogs[0].ScopeLogs[0].LogRecords))
	}
	return counts
}

func alert(n int, length int) output.Message {
	return output.Message{ID: fmt.Sprint("run-", n),
		Text: fmt.Appendf(nil, `{"output":"%s","priority":"Notice","rule":"r","time":"2026-07-14T03:33:20Z"}`, strings.Repeat("x", length))}
}

func start(t *testing.T, s Settings) (*endpoint, *Sink) {
	t.Helper()
	e := &endpoint{}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	s.Endpoint, s.Protocol = server.URL+"/base", ProtocolHTTP
	sink, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return e, sink
}

// What is kept back goes in one request, or in several if it is long; what may pass stays for the next Flush.
func TestFlush(t *testing.T) {
	e, sink := start(t, Settings{Compress: true, Headers: map[string]string{"Authorization": "Bearer x"}})
	write := func(n, length int) {
		t.Helper()
		for i := range n {
			if err := sink.Write(alert(i, length)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(10, 10)
	for _, status := range []int{500, 502, 503, 429, 408} {
		e.answer(status, 0)
		if err := sink.Flush(); !errors.Is(err, output.ErrAgain) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v", status, err)
		}
	}
	e.answer(0, 0)
	write(1, 10)
	if err := sink.Flush(); err != nil {
		t.Error(err)
	}
	write(5, 400_000)
	if err := sink.Flush(); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(e.counts()); got != "[11 2 2 1]" {
		t.Errorf("requests of %s alerts", got)
	}
	if e.header.Get("Authorization") != "Bearer x" || e.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("headers %v", e.header)
	}
	// What is refused for good is lost, and not sent again.
	write(3, 10)
	e.answer(400, 0)
	if err := sink.Flush(); err == nil || errors.Is(err, output.ErrAgain) || !strings.Contains(err.Error(), "400") {
		t.Errorf("400: %v", err)
	}
	write(3, 10)
	e.answer(0, 2)
	if err := sink.Flush(); err == nil || errors.Is(err, output.ErrAgain) || !strings.Contains(err.Error(), "it refuses 2 of 3: too old") {
		t.Errorf("a part: %v", err)
	}
	e.answer(0, 0)
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(e.counts()); got != "[11 2 2 1 3]" {
		t.Errorf("requests of %s alerts", got)
	}
}

// A queue without a spool sends each alert, also when it comes to an end.
func TestQueue(t *testing.T) {
	e, sink := start(t, Settings{})
	e.answer(503, 0)
	q := output.NewQueue(output.QueueSettings{RetryFirst: time.Millisecond}, output.Named{Name: "otlp", Sink: sink, JSON: true, Batch: Batch})
	for i := range 2000 {
		q.Put(nil, alert(i, 10).Text, "Notice", "r")
	}
	for end := time.Now().Add(time.Minute); q.Counters().Retries == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no try has failed")
		}
	}
	e.answer(0, 0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range e.counts() {
		if sum += n; n > Batch {
			t.Errorf("a request has %d alerts", n)
		}
	}
	if c := q.Counters(); sum != 2000 || c.Written != 2000 || c.Errors != 0 {
		t.Errorf("%d came, %+v", sum, c)
	}
}

func TestSettings(t *testing.T) {
	for want, s := range map[string]Settings{
		`"localhost:4318" is no URL; set otlp_output.endpoint`: {Endpoint: "localhost:4318", Protocol: ProtocolHTTP},
		`"json" is no protocol; set otlp_output.protocol`:      {Endpoint: "http://localhost:4318", Protocol: "json"},
		"has a path, which gRPC has no use for":                {Endpoint: "http://localhost:4317/v1/logs", Protocol: ProtocolGRPC},
		"see otlp_output.client_cert": {Endpoint: "https://localhost:4317", Protocol: ProtocolGRPC,
			TLS: tlsfiles.Settings{Section: "otlp_output", ClientCert: "/absent"}},
	} {
		if _, err := New(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestPassing(t *testing.T) {
	exhausted := status.New(codes.ResourceExhausted, "busy")
	later, err := exhausted.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{status.Error(codes.Unavailable, ""), true},
		{status.Error(codes.DeadlineExceeded, ""), true},
		{status.Error(codes.InvalidArgument, ""), false},
		{status.Error(codes.Unauthenticated, ""), false},
		{exhausted.Err(), false},
		{later.Err(), true},
	} {
		if passes(tt.err) != tt.want {
			t.Errorf("%v passes: %v", tt.err, !tt.want)
		}
	}
}
