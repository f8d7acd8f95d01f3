package k8saudit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"
)

// Bounds of the webhook: bytes of all requests that are not read yet, connections, and how long a request waits for room before it is
// refused, so that the API server sends it again.
const (
	maxPending     = 64 << 20
	maxConnections = 64
	roomLimit      = 5 * time.Second
	headerLimit    = 10 * time.Second
	bodyLimit      = 30 * time.Second
	shutdownLimit  = 5 * time.Second
)

// webhook takes what API servers send.
type webhook struct {
	server  *http.Server
	address string
	bodies  chan payload
	room    *semaphore.Weighted
	max     int64
	failed  chan error
	// ended is closed once no request is answered any more.
	ended chan struct{}
	end   sync.Once
}

// openWebhook listens at an address; with a certificate by TLS.
func openWebhook(address, path, certificate string, most int) (*webhook, error) {
	w := &webhook{
		bodies: make(chan payload), room: semaphore.NewWeighted(max(maxPending, int64(most))), max: int64(most),
		failed: make(chan error, 1), ended: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc(path, w.serve)
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: headerLimit, ReadTimeout: bodyLimit}
	serve := w.server.Serve
	if certificate != "" {
		// It is read again for each connection, because it may be renewed.
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certificate, certificate)
			return &pair, err
		}
		if _, err := load(); err != nil {
			return nil, fmt.Errorf("read the certificate and key in %s, see sslCertificate: %w", certificate, err)
		}
		w.server.TLSConfig = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() }}
		serve = func(l net.Listener) error { return w.server.ServeTLS(l, "", "") }
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	w.address = l.Addr().String()
	l = netutil.LimitListener(l, maxConnections)
	go func() {
		err := serve(l)
		if !errors.Is(err, http.ErrServerClosed) {
			w.failed <- fmt.Errorf("serve the webhook: %w", err)
		}
	}()
	return w, nil
}

func (w *webhook) serve(out http.ResponseWriter, req *http.Request) {
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case req.Method != http.MethodPost:
		http.Error(out, "use POST", http.StatusMethodNotAllowed)
		return
	case kind != "application/json":
		http.Error(out, "the content is not application/json", http.StatusBadRequest)
		return
	}
	size := req.ContentLength
	if size < 0 || size > w.max {
		size = w.max
	}
	ctx, cancel := context.WithTimeout(req.Context(), roomLimit)
	defer cancel()
	if w.room.Acquire(ctx, size) != nil {
		refuse(out)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, req.Body, w.max))
	if err != nil {
		w.room.Release(size)
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			http.Error(out, fmt.Sprintf("the batch is larger than %d bytes; see webhookMaxBatchSize", w.max), http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(out, "the body can't be read", http.StatusBadRequest)
		return
	}
	select {
	case w.bodies <- payload{body: body, where: "webhook, from " + req.RemoteAddr, done: func() { w.room.Release(size) }}:
		out.WriteHeader(http.StatusOK)
	case <-ctx.Done():
		w.room.Release(size)
		refuse(out)
	}
}

// refuse asks to try again later, as an API server does.
func refuse(out http.ResponseWriter) {
	out.Header().Set("Retry-After", "1")
	http.Error(out, "there is no room; try again", http.StatusTooManyRequests)
}

// next waits for a request. When the context ends the server takes no more, and what it has taken is still read.
func (w *webhook) next(ctx context.Context) (payload, error) {
	select {
	case p := <-w.bodies:
		return p, nil
	case err := <-w.failed:
		return payload{}, err
	case <-ctx.Done():
	}
	w.end.Do(func() {
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
			defer cancel()
			_ = w.server.Shutdown(ctx) // a request that lasts longer is not answered, and comes again
			close(w.ended)
		}()
	})
	select {
	case p := <-w.bodies:
		return p, nil
	case <-w.ended:
		return payload{}, ctx.Err()
	}
}

func (w *webhook) Close() error { return w.server.Close() }
