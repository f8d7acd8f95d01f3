package delivery

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/otlp"
	"github.com/saker-sensor/saker/internal/output/sinks"
	"github.com/saker-sensor/saker/internal/output/spool"
	"github.com/saker-sensor/saker/internal/output/stream"
)

// alertText is an alert of the usual length, in JSON.
const alertText = `{"hostname":"node-1","output":"03:33:20.000000000: Notice Shell with a terminal in a container (command=sh -i ` +
	`user=root parent=runc terminal=34816 exe=/bin/sh) container_id=3f2a9c41d0b7 container_name=shop ` +
	`container_image_repository=registry.example.org/team/shop container_image_tag=1.4 k8s_pod_name=shop-7d9c ` +
	`k8s_ns_name=prod","output_fields":{"container.id":"3f2a9c41d0b7","container.image.repository":"registry.example.org/team/shop",` +
	`"container.image.tag":"1.4","container.name":"shop","evt.time":1784000000000000000,"k8s.ns.name":"prod","k8s.pod.name":"shop-7d9c",` +
	`"proc.cmdline":"sh -i","proc.exepath":"/bin/sh","proc.pname":"runc","proc.tty":34816,"user.name":"root"},` +
	`"priority":"Notice","rule":"Shell with a terminal in a ` +
	`container","source":"syscall","tags":["container","shell"],"time":"2026-07-14T03:33:20.000000000Z"}`

// route is a sink with its receiver.
type route struct {
	output.Named
	// arrived counts what the receiver has; nil takes what the sink has delivered.
	arrived func() uint64
}

func routes() []struct {
	name string
	open func(b *testing.B) route
} {
	kept := func(b *testing.B) *spool.Spool {
		return spool.New(spool.Settings{Dir: b.TempDir(), MaxBytes: 256 << 20})
	}
	type open = func(b *testing.B) route
	withSpool := func(o open) open {
		return func(b *testing.B) route {
			r := o(b)
			r.Spool = kept(b)
			return r
		}
	}
	overOTLP := func(protocol string) open { return func(b *testing.B) route { return toCollector(b, protocol) } }
	return []struct {
		name string
		open func(b *testing.B) route
	}{
		{"standard output, a pipe", toPipe},
		{"file", func(b *testing.B) route {
			f, err := sinks.NewFile(sinks.FileSettings{Path: b.TempDir() + "/alerts", KeepOpen: true})
			return route{Named: output.Named{Sink: check(b, f, err)}}
		}},
		{"syslog socket", toSyslog},
		{"program, kept", func(*testing.B) route {
			return route{Named: output.Named{Sink: sinks.NewProgram(sinks.ProgramSettings{Command: "cat >/dev/null", KeepAlive: true})}}
		}},
		{"HTTP, kept alive", toServer},
		{"HTTP, kept alive, spool", withSpool(toServer)},
		{"OTLP over HTTP", overOTLP(otlp.ProtocolHTTP)},
		{"OTLP over gRPC", overOTLP(otlp.ProtocolGRPC)},
		{"OTLP over gRPC, spool", withSpool(overOTLP(otlp.ProtocolGRPC))},
		{"gRPC, one consumer", func(b *testing.B) route { return toConsumer(b, nil) }},
		{"gRPC, one consumer, spool", func(b *testing.B) route {
			return toConsumer(b, spool.New(spool.Settings{Dir: b.TempDir(), MaxBytes: 256 << 20, DropOldest: true}))
		}},
	}
}

func check[T any](b *testing.B, v T, err error) T {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func toPipe(b *testing.B) route {
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	var lines atomic.Uint64
	go func() {
		for sc := bufio.NewScanner(r); sc.Scan(); {
			lines.Add(1)
		}
	}()
	b.Cleanup(func() { _ = w.Close() })
	return route{output.Named{Sink: sinks.NewWriter(w, false)}, lines.Load}
}

func toSyslog(b *testing.B) route {
	path := filepath.Join(b.TempDir(), "log")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = socket.Close() })
	var n atomic.Uint64
	go func() {
		buffer := make([]byte, 8192)
		for {
			if _, err := socket.Read(buffer); err != nil {
				return
			}
			n.Add(1)
		}
	}()
	return route{output.Named{Sink: sinks.NewSyslog(path)}, n.Load}
}

func toServer(b *testing.B) route {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(server.Close)
	h, err := sinks.NewHTTP(sinks.HTTPSettings{URL: server.URL, KeepAlive: true})
	return route{Named: output.Named{Sink: check(b, h, err)}}
}

func toCollector(b *testing.B, protocol string) route {
	c := newCollector(b, nil)
	c.start()
	at := map[string]string{otlp.ProtocolHTTP: c.http, otlp.ProtocolGRPC: c.grpc}[protocol]
	s, err := otlp.New(otlp.Settings{Endpoint: "http://" + at, Protocol: protocol})
	return route{Named: output.Named{Sink: check(b, s, err), JSON: true, Batch: otlp.Batch}}
}

func toConsumer(b *testing.B, kept *spool.Spool) route {
	address := "unix://" + filepath.Join(b.TempDir(), "falco.sock")
	s, err := stream.New(stream.Settings{Address: address, Spool: kept, Log: zap.NewNop()})
	check(b, s, err).Start()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
	b.Cleanup(func() { _ = check(b, conn, err).Close() })
	sub, err := outputs.NewServiceClient(conn).Sub(b.Context())
	if err := check(b, sub, err).Send(&outputs.Request{}); err != nil {
		b.Fatal(err)
	}
	var n atomic.Uint64
	go func() {
		for {
			if _, err := sub.Recv(); err != nil {
				return
			}
			n.Add(1)
		}
	}()
	return route{output.Named{Sink: s, JSON: true, Later: true}, n.Load}
}

// BenchmarkSinks: alerts a second through each sink, and how long one takes through an idle one, from the queue's Put until
// it is delivered.
func BenchmarkSinks(b *testing.B) {
	for _, to := range routes() {
		b.Run(to.name, func(b *testing.B) {
			r := to.open(b)
			r.Name = to.name
			q := output.NewQueue(output.QueueSettings{}, r.Named)
			q.Start()
			arrived := r.arrived
			if arrived == nil {
				arrived = func() uint64 { return q.Counters().Written }
			}
			put := uint64(0)
			// A quarter of the queue, so that no rule finds it full.
			send := func() {
				for put-min(put, arrived()) >= output.DefaultCapacity/4 {
					time.Sleep(50 * time.Microsecond)
				}
				if !q.Put([]byte(alertText), []byte(alertText), "Notice", "rule") {
					b.Fatal("an alert is dropped")
				}
				put++
			}
			await := func(pause func()) {
				for end := time.Now().Add(time.Minute); arrived() < put; {
					if time.Now().After(end) {
						b.Fatalf("%d of %d have arrived", arrived(), put)
					}
					pause()
				}
			}
			nap := func() { time.Sleep(10 * time.Microsecond) }
			send() // connects
			await(nap)
			var delays []time.Duration
			for range 300 {
				begin := time.Now()
				send()
				await(runtime.Gosched) // a nap may take a millisecond
				delays = append(delays, time.Since(begin))
			}
			b.ResetTimer()
			for range b.N {
				send()
			}
			await(nap)
			b.StopTimer()
			slices.Sort(delays)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "alerts/s")
			b.ReportMetric(float64(delays[len(delays)/2].Microseconds()), "µs-p50")
			b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds()), "µs-p99")
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := q.Close(ctx); err != nil {
				b.Fatal(err)
			}
			if c := q.Counters(); c.Written != put || c.Errors+c.Dropped+c.Lost > 0 {
				b.Fatalf("%d were put: %+v", put, c)
			}
		})
	}
}
