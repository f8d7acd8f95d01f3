package metrics

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"
)

// Settings of a [Server].
type Settings struct {
	// Address is HOST:PORT.
	Address string
	// Certificate is a PEM file with a certificate and its key; empty for plain HTTP.
	Certificate string
	// HealthPath is where Health is asked; nil means healthy. Any goroutine may ask.
	HealthPath string
	Health     func() error
	// Degraded names, for the same path, what does not work beside the capture, a line each. Any goroutine may ask.
	Degraded func() []string
	// Versions are shown as they are.
	Versions map[string]string
	// Metrics are served if not nil.
	Metrics prometheus.Collector
	Log     *zap.Logger
}

// Bounds of what clients may take up.
const (
	maxConnections = 64
	maxHeader      = 16 << 10
	slowest        = 10 * time.Second
)

// How long to wait before a port in use is tried again: twice as long each time.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// Server serves over HTTP, from goroutines of its own.
type Server struct {
	settings Settings
	http     http.Server
	metrics  http.Handler
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// Start begins to serve. Where the port is in use it logs so, once, and goes on trying; any other error is that of a
// setting.
func Start(ctx context.Context, settings Settings) (*Server, error) {
	s := &Server{settings: settings}
	if settings.Metrics != nil {
		registry := prometheus.NewRegistry()
		if err := registry.Register(settings.Metrics); err != nil {
			return nil, fmt.Errorf("register the metrics: %w", err)
		}
		s.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			ErrorLog: zap.NewStdLog(settings.Log), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: slowest,
		})
	}
	s.http = http.Server{
		Handler: s, ReadHeaderTimeout: slowest, ReadTimeout: slowest, WriteTimeout: 2 * slowest, IdleTimeout: time.Minute,
		MaxHeaderBytes: maxHeader, ErrorLog: zap.NewStdLog(zap.NewNop()),
	}
	if settings.Certificate != "" {
		cert, err := tls.LoadX509KeyPair(settings.Certificate, settings.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read webserver.ssl_certificate %s: %w; "+
				"give a PEM file with the certificate and its key, or set webserver.ssl_enabled=false",
				settings.Certificate, err)
		}
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() { s.serve(ctx) })
	return s, nil
}

// Close ends the server and waits until it has ended; open requests get until the context's end.
func (s *Server) Close(ctx context.Context) error {
	s.stop()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("end the web server: %w", err), s.http.Close())
	}
	s.done.Wait()
	return err
}

// serve listens until the context ends.
func (s *Server) serve(ctx context.Context) {
	warned := false
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		l, err := new(net.ListenConfig).Listen(ctx, s.network(), s.settings.Address)
		if err == nil {
			s.settings.Log.Info("web server listens", zap.Stringer("address", l.Addr()))
			wait, warned = firstRetry, false
			l = netutil.LimitListener(l, maxConnections)
			if s.http.TLSConfig != nil {
				err = s.http.ServeTLS(l, "", "")
			} else {
				err = s.http.Serve(l)
			}
		}
		if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
			return
		}
		if !warned {
			warned = true
			s.settings.Log.Warn("the web server does not listen, and will as soon as it can; "+
				"free the port, or set another webserver.listen_port, or webserver.enabled=false",
				zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// network keeps 0.0.0.0 from meaning every address of IPv6, too.
func (s *Server) network() string {
	if a, err := netip.ParseAddrPort(s.settings.Address); err == nil && a.Addr().Is4() {
		return "tcp4"
	}
	return "tcp"
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "only GET is served", http.StatusMethodNotAllowed)
	case path == s.settings.HealthPath:
		s.health(w)
	case path == "/versions":
		answer(w, http.StatusOK, s.settings.Versions)
	case path == "/metrics" && s.metrics != nil:
		s.metrics.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// health answers as Falco does, and with the reason where something is wrong.
func (s *Server) health(w http.ResponseWriter) {
	if err := s.settings.Health(); err != nil {
		answer(w, http.StatusServiceUnavailable, struct {
			Status string `json:"status"`
			Reason string `json:"reason"`
		}{"error", err.Error()})
		return
	}
	if degraded := s.settings.Degraded(); len(degraded) > 0 {
		answer(w, http.StatusOK, struct {
			Status   string   `json:"status"`
			Degraded []string `json:"degraded"`
		}{"ok", degraded})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status": "ok"}`)) // with Falco's blank
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
