package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	gzipcodec "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/saker-sensor/saker/internal/output"
)

// overHTTP posts requests.
type overHTTP struct {
	settings *Settings
	url      string
	client   http.Client
}

const mostAnswer = 64 << 10

func newHTTP(s *Settings, u *url.URL, trust *tls.Config) *overHTTP {
	return &overHTTP{settings: s, url: u.JoinPath("v1", "logs").String(), client: http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxIdleConns: 1, IdleConnTimeout: time.Minute,
		},
		// Alerts are for the configured server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (h *overHTTP) export(ctx context.Context, r *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	req, err := h.request(ctx, r)
	if err != nil {
		return nil, err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", output.ErrAgain, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	switch {
	case resp.StatusCode < 300:
		answer := &collector.ExportLogsServiceResponse{}
		if err != nil || proto.Unmarshal(body, answer) != nil {
			return &collector.ExportLogsServiceResponse{}, nil // the server has it, whatever became of its answer
		}
		return answer, nil
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooManyRequests:
		return nil, errors.Join(fmt.Errorf("%w: %s", output.ErrAgain, resp.Status), err)
	}
	return nil, errors.New(resp.Status)
}

func (h *overHTTP) request(ctx context.Context, r *collector.ExportLogsServiceRequest) (*http.Request, error) {
	body, err := proto.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	if h.settings.Compress {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(body) // a buffer takes everything
		_ = z.Close()
		body = b.Bytes()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for key, value := range h.settings.Headers {
		req.Header.Set(key, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	if h.settings.Compress {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

func (h *overHTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

// overGRPC calls the collector's service.
type overGRPC struct {
	settings *Settings
	dial     func() (*grpc.ClientConn, error)
	conn     *grpc.ClientConn
	metadata metadata.MD
}

// exportMethod is LogsService/Export; the slim definitions have the messages alone.
const exportMethod = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"

func newGRPC(s *Settings, u *url.URL, trust *tls.Config) (*overGRPC, error) {
	if strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("%q has a path, which gRPC has no use for; set otlp_output.endpoint to %s://%s", s.Endpoint, u.Scheme, u.Host)
	}
	safety := credentials.NewTLS(trust)
	if u.Scheme == "http" {
		safety = insecure.NewCredentials()
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(safety),
		// The queue decides when to try again.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2,
			MaxDelay: 10 * time.Second}, MinConnectTimeout: s.Timeout}),
	}
	if s.Compress {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzipcodec.Name)))
	}
	g := &overGRPC{settings: s, metadata: metadata.New(s.Headers)}
	g.dial = func() (*grpc.ClientConn, error) { return grpc.NewClient(u.Host, options...) }
	var err error
	g.conn, err = g.dial()
	return g, err
}

func (g *overGRPC) export(ctx context.Context, r *collector.ExportLogsServiceRequest) (*collector.ExportLogsServiceResponse, error) {
	answer := &collector.ExportLogsServiceResponse{}
	err := g.conn.Invoke(metadata.NewOutgoingContext(ctx, g.metadata), exportMethod, r, answer)
	if err == nil {
		return answer, nil
	}
	if !passes(err) {
		return nil, err
	}
	if status.Code(err) == codes.DeadlineExceeded {
		// Nobody answers on this connection.
		if conn, failed := g.dial(); failed == nil {
			_ = g.conn.Close()
			g.conn = conn
		}
	}
	g.conn.ResetConnectBackoff()
	return nil, fmt.Errorf("%w: %w", output.ErrAgain, err)
}

// passes tells whether an error may pass, by OTLP's specification.
func passes(err error) bool {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return true
	case codes.ResourceExhausted:
		for _, d := range s.Details() {
			if _, ok := d.(*errdetails.RetryInfo); ok {
				return true
			}
		}
	}
	return false
}

func (g *overGRPC) Close() error { return g.conn.Close() }
