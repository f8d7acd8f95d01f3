// Package otlp sends alerts to an OpenTelemetry collector, as log records over gRPC or HTTP.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	logs "go.opentelemetry.io/proto/slim/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/proto"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
)

// Protocols, with the names that OTEL_EXPORTER_OTLP_PROTOCOL has for them.
const (
	ProtocolHTTP = "http/protobuf"
	ProtocolGRPC = "grpc"
)

// Settings of a sink.
type Settings struct {
	// Endpoint is http://HOST:PORT, in the clear, or https://HOST:PORT; with HTTP, /v1/logs is put behind its path.
	Endpoint string
	// Protocol is one of those above.
	Protocol string
	// Headers go with each request, as metadata over gRPC.
	Headers map[string]string
	TLS     tlsfiles.Settings
	// Compress sends requests in gzip.
	Compress bool
	// Timeout bounds one request; 0 takes 5 s.
	Timeout time.Duration
	// Version is the sensor's, Hostname that of its host.
	Version, Hostname string
}

const (
	defaultTimeout = 5 * time.Second
	// Batch is how many alerts a request has at most, requestBytes about how long it is; collectors take 4 MiB.
	Batch        = 512
	requestBytes = 1 << 20
)

// transport sends a request. An error that may pass wraps [output.ErrAgain].
type transport interface {
	export(ctx context.Context, r *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error)
	Close() error
}

// Sink is an [output.Sink] whose messages are JSON with every part. It keeps alerts back until Flush, which must come at the
// latest after [Batch] of them.
type Sink struct {
	settings  Settings
	transport transport
	origin    *resource.Resource
	batch     []*logs.LogRecord
}

// New checks the settings and reads the certificates; it does not connect. An error is the configuration's, with the remedy.
func New(s Settings) (*Sink, error) {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("open the OTLP output: %q is no URL; set otlp_output.endpoint to http://HOST:PORT or https://HOST:PORT",
			s.Endpoint)
	}
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	trust, err := s.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("open the OTLP output: %w", err)
	}
	sink := &Sink{settings: s, origin: &resource.Resource{Attributes: []*common.KeyValue{
		attribute("host.name", s.Hostname), attribute("service.name", "saker"), attribute("service.version", s.Version),
	}}}
	switch s.Protocol {
	case ProtocolHTTP:
		sink.transport = newHTTP(&s, u, trust)
	case ProtocolGRPC:
		sink.transport, err = newGRPC(&s, u, trust)
	default:
		err = fmt.Errorf("%q is no protocol; set otlp_output.protocol to %s or %s", s.Protocol, ProtocolHTTP, ProtocolGRPC)
	}
	if err != nil {
		return nil, fmt.Errorf("open the OTLP output: %w", err)
	}
	return sink, nil
}

// Write implements [output.Sink].
func (s *Sink) Write(m output.Message) error {
	r, err := newRecord(m)
	if err != nil {
		return err
	}
	s.batch = append(s.batch, r)
	return nil
}

// Flush implements [output.Sink]. What the collector refuses for good is lost; what it does not take now stays for the next
// Flush.
func (s *Sink) Flush() error {
	var refused []error
	for len(s.batch) > 0 {
		n, size := 1, proto.Size(s.batch[0])
		for ; n < len(s.batch); n++ {
			if size += proto.Size(s.batch[n]); size > requestBytes {
				break
			}
		}
		err := s.send(s.batch[:n])
		if errors.Is(err, output.ErrAgain) {
			return err
		}
		if err != nil {
			refused = append(refused, err)
		}
		s.batch = s.batch[n:]
	}
	s.batch = nil
	return errors.Join(refused...)
}

func (s *Sink) send(records []*logs.LogRecord) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.Timeout)
	defer cancel()
	answer, err := s.transport.export(ctx, &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  s.origin,
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: "saker", Version: s.settings.Version}, LogRecords: records}},
	}}})
	if err != nil {
		return fmt.Errorf("send alerts to %s: %w", s.settings.Endpoint, err)
	}
	if p := answer.GetPartialSuccess(); p.GetRejectedLogRecords() > 0 {
		return fmt.Errorf("send alerts to %s: it refuses %d of %d: %s", s.settings.Endpoint, p.RejectedLogRecords, len(records), p.ErrorMessage)
	}
	return nil
}

// Close implements [output.Sink].
func (s *Sink) Close() error { return errors.Join(s.Flush(), s.transport.Close()) }
