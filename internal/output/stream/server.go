// Package stream serves alerts to the consumers of Falco's gRPC API, which Falco had until 0.43, and keeps the latest for
// those that come late or were away.
package stream

import (
	"context"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/falcopb/version"
	"github.com/saker-sensor/saker/internal/output/spool"
)

// Settings of a server.
type Settings struct {
	// Address is unix:///PATH or HOST:PORT, as falco.yaml's grpc.bind_address.
	Address string
	// PrivateKey, CertChain and RootCerts are the files of mTLS, which HOST:PORT needs. They are read anew for each
	// connection, so a renewed certificate needs no restart.
	PrivateKey, CertChain, RootCerts string
	// Version is the sensor's, EngineVersion that of the rule engine. FieldsChecksum tells which fields and event types it knows.
	Version, EngineVersion, FieldsChecksum string
	// Hostname is that of the server's own alerts.
	Hostname string
	// MaxCount and MaxBytes bound the alerts that are kept; zero takes the default.
	MaxCount, MaxBytes int
	// Spool keeps the alerts on disk as well; nil for none. The server opens and closes it.
	Spool *spool.Spool
	Log   *zap.Logger
}

// Defaults and bounds.
const (
	DefaultMaxCount = 8192
	DefaultMaxBytes = 16 << 20

	maxConsumers   = 64
	maxConnections = 128
	maxRequest     = 64 << 10
	// farewell is how long Close lets the consumers read what is left.
	farewell = 2 * time.Second
)

// Server is a sink whose messages are JSON, see [output.Named], and serves them from [Server.Start] to Close.
type Server struct {
	settings Settings
	history  *history
	grpc     *grpc.Server
	listen   func(context.Context) (net.Listener, error)
	// cancel ends listening; done is closed when it has ended. Both are nil before Start.
	cancel context.CancelFunc
	done   chan struct{}
}

// New checks the settings; it does not listen. An error is the configuration's, with the remedy.
func New(s Settings) (*Server, error) {
	if s.MaxCount <= 0 {
		s.MaxCount = DefaultMaxCount
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = DefaultMaxBytes
	}
	listen, credentials, err := bind(&s)
	if err != nil {
		return nil, fmt.Errorf("open the gRPC output: %w", err)
	}
	srv := &Server{
		settings: s, listen: listen, history: newHistory(s.MaxCount, s.MaxBytes),
	}
	srv.grpc = grpc.NewServer(
		grpc.Creds(credentials), grpc.MaxRecvMsgSize(maxRequest), grpc.MaxConcurrentStreams(maxConsumers),
		grpc.ConnectionTimeout(10*time.Second),
		// A peer that is gone without a word is noticed.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
	outputs.RegisterServiceServer(srv.grpc, &alertService{history: srv.history, hostname: s.Hostname,
		seats: make(chan struct{}, maxConsumers)})
	version.RegisterServiceServer(srv.grpc, &versionService{response: newVersion(s.Version, s.EngineVersion, s.FieldsChecksum)})
	return srv, nil
}

// Start serves, in the background, unless it does already. An address that can't be had now is tried again until Close. With
// a spool it comes before the first Write.
func (s *Server) Start() {
	if s.cancel != nil {
		return
	}
	if s.settings.Spool != nil {
		s.history.open(s.settings.Spool)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	go func() {
		defer close(s.done)
		s.serve(ctx)
	}()
}

// The pauses before the address is tried again.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
)

func (s *Server) serve(ctx context.Context) {
	log := s.settings.Log.With(zap.String("address", s.settings.Address))
	for pause := retryFirst; ; pause = min(2*pause, retryMost) {
		l, err := s.listen(ctx)
		if err == nil {
			log.Info("the gRPC server listens")
			pause = retryFirst
			err = s.grpc.Serve(newLimit(l, maxConnections)) // nil after Close
		}
		if ctx.Err() != nil {
			return
		}
		log.Warn("the gRPC server does not listen; trying again", zap.Duration("in", pause), zap.Error(err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Write implements [output.Sink]. It waits for no consumer.
func (s *Server) Write(m output.Message) error {
	alert, err := parse(m.Text)
	if err != nil {
		return err
	}
	alert.Id = m.ID
	s.history.append(alert)
	return nil
}

// Flush implements [output.Sink].
func (s *Server) Flush() error { return nil }

// Close implements [output.Sink]: consumers get what is kept, within [farewell], and then the end of their calls.
func (s *Server) Close() error {
	s.history.close()
	if s.cancel == nil {
		return nil
	}
	s.cancel()
	hurry := time.AfterFunc(farewell, s.grpc.Stop)
	defer hurry.Stop()
	s.grpc.GracefulStop()
	<-s.done
	if s.settings.Spool != nil {
		return s.settings.Spool.Close()
	}
	return nil
}

// Kept are the counters of what is on disk, nil without a spool.
func (s *Server) SpoolCounters() *output.SpoolCounters { return s.history.counters() }
