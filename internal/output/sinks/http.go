package sinks

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
)

// HTTPSettings are those of falco.yaml's http_output.
type HTTPSettings struct {
	// URL gets one POST an alert, with the Content-Type application/json or text/plain.
	URL       string
	UserAgent string
	// ShowID sends each alert's id in the header Saker-Alert-Id.
	ShowID bool
	// TLS applies to URLs that begin with https.
	TLS tlsfiles.Settings
	// Compress sends the body in gzip (compress_uploads); KeepAlive leaves connections open (keep_alive).
	Compress, KeepAlive bool
	// Echo gets what the server answers (echo); nil throws it away.
	Echo io.Writer
	// Timeout bounds one request; 0 takes 5 s.
	Timeout time.Duration
}

const (
	httpTimeout   = 5 * time.Second
	httpMaxAnswer = 64 << 10
)

// IDHeader is the header with an alert's id.
const IDHeader = "Saker-Alert-Id"

// HTTP is a sink to a web server, with the body that Falcosidekick takes.
type HTTP struct {
	settings HTTPSettings
	client   http.Client
	body     bytes.Buffer
	zip      *gzip.Writer
}

// NewHTTP checks the settings and reads the certificates; it does not connect.
func NewHTTP(s HTTPSettings) (*HTTP, error) {
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("open the HTTP output: %q is no URL; set http_output.url to http://HOST… or https://HOST…", s.URL)
	}
	trust, err := s.TLS.Config()
	if err != nil {
		return nil, fmt.Errorf("open the HTTP output: %w", err)
	}
	if s.Timeout == 0 {
		s.Timeout = httpTimeout
	}
	h := &HTTP{settings: s}
	h.client = http.Client{
		Timeout: s.Timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, DisableKeepAlives: !s.KeepAlive, ForceAttemptHTTP2: true,
			MaxIdleConns: 1, IdleConnTimeout: time.Minute,
		},
		// Alerts are for the configured server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if s.Compress {
		h.zip = gzip.NewWriter(io.Discard)
	}
	return h, nil
}

// Write implements [output.Sink]. An error that may pass, such as a refused connection or a status of 5xx, wraps [output.ErrAgain].
func (h *HTTP) Write(m output.Message) error {
	req, err := h.request(m)
	if err != nil {
		return err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", output.ErrAgain, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// Read to its end, so that the connection can be used again.
	answer, err := io.ReadAll(io.LimitReader(resp.Body, httpMaxAnswer))
	if h.settings.Echo != nil {
		_, _ = h.settings.Echo.Write(answer)
	}
	switch {
	case resp.StatusCode < 300:
		return nil // the server has it, whatever became of its answer
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode == http.StatusTooManyRequests:
		return errors.Join(fmt.Errorf("%w: post to %s: %s", output.ErrAgain, h.settings.URL, resp.Status), err)
	}
	return fmt.Errorf("post to %s: %s", h.settings.URL, resp.Status)
}

func (h *HTTP) request(m output.Message) (*http.Request, error) {
	h.body.Reset()
	if h.zip != nil {
		h.zip.Reset(&h.body)
		_, _ = h.zip.Write(m.Text) // a buffer takes everything
		_ = h.zip.Close()
	} else {
		h.body.Write(m.Text)
	}
	req, err := http.NewRequest(http.MethodPost, h.settings.URL, bytes.NewReader(h.body.Bytes()))
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", h.settings.URL, err)
	}
	kind := "text/plain"
	if m.IsJSON() {
		kind = "application/json"
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", h.settings.UserAgent)
	if h.settings.ShowID {
		req.Header.Set(IDHeader, m.ID)
	}
	if h.zip != nil {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// Flush implements [output.Sink].
func (h *HTTP) Flush() error { return nil }

// Close implements [output.Sink].
func (h *HTTP) Close() error {
	h.client.CloseIdleConnections()
	return nil
}
