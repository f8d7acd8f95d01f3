package metrics

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const deadline = time.Minute

// lines is a log that is waited on.
type lines struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.grown <- struct{}{}:
	default:
	}
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait returns what stands between two texts, once it was logged.
func (l *lines) wait(t *testing.T, before, after string) string {
	t.Helper()
	timeout := time.After(deadline)
	for {
		if _, rest, ok := strings.Cut(l.String(), before); ok {
			if text, _, ok := strings.Cut(rest, after); ok {
				return text
			}
		}
		select {
		case <-l.grown:
		case <-timeout:
			t.Fatalf("not logged: %q\n%s", before, l.String())
		}
	}
}

func newLines() (*lines, *zap.Logger) {
	l := &lines{grown: make(chan struct{}, 1)}
	return l, zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(l), zap.InfoLevel))
}

func start(t *testing.T, s Settings) *lines {
	t.Helper()
	log, logger := newLines()
	s.Log, s.HealthPath = logger, "/healthz"
	if s.Health == nil {
		s.Health = func() error { return nil }
	}
	if s.Degraded == nil {
		s.Degraded = func() []string { return nil }
	}
	server, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return log
}

func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

const listens = `listens","address":"`

func TestServer(t *testing.T) {
	var sick, poor atomic.Bool
	type count struct{ n float64 }
	log := start(t, Settings{
		Address: "127.0.0.1:0",
		Health: func() error {
			if sick.Load() {
				return errors.New(`the "canary" is lost`)
			}
			return nil
		},
		Degraded: func() []string {
			if poor.Load() {
				return []string{"docker: lost"}
			}
			return nil
		},
		Versions: map[string]string{"engine_version": "1"},
		Metrics: Collector([]Family[count]{
			{Name: "saker_things_total", Help: "Things.", Labels: []string{"tag"}, Collect: func(c *count, emit Emit) {
				emit(c.n, "tag a-b", "x\xff\n", "tag_a_b", "second")
				emit(7, "other", "y")
			}},
			{Name: "saker_size", Help: "Size.", Type: Gauge, Collect: func(c *count, emit Emit) { emit(-c.n) }},
		}, func() *count { return &count{3} }),
	})
	url := "http://" + log.wait(t, listens, `"`)
	for _, tt := range []struct {
		path string
		sick bool
		code int
		want string
	}{
		{"/healthz", false, 200, `{"status": "ok"}`},
		{"/healthz", true, 503, `{"status":"error","reason":"the \"canary\" is lost"}` + "\n"},
		{"/versions", true, 200, `{"engine_version":"1"}` + "\n"},
		{"/metrics", true, 200, `# HELP saker_size Size.
# TYPE saker_size gauge
saker_size -3
# HELP saker_things_total Things.
# TYPE saker_things_total counter
saker_things_total{tag_a_b="x` + "\uFFFD" + `\n"} 3
saker_things_total{other="y"} 7
`},
		{"/other", false, 404, "404 page not found\n"},
	} {
		sick.Store(tt.sick)
		if code, text := get(t, http.DefaultClient, url+tt.path); code != tt.code || text != tt.want {
			t.Errorf("%s: %d\n%s\nwant %d\n%s", tt.path, code, text, tt.code, tt.want)
		}
	}
	sick.Store(false)
	poor.Store(true)
	if code, text := get(t, http.DefaultClient, url+"/healthz"); code != 200 || text != `{"status":"ok","degraded":["docker: lost"]}`+"\n" {
		t.Errorf("with a part that does not work: %d %s", code, text)
	}
}

// A port in use is told once; the server comes as soon as it is free.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	log := start(t, Settings{Address: address})
	if text := log.wait(t, "does not listen", "\n"); !strings.Contains(text, "webserver.listen_port") || !strings.Contains(text,
		"address already in use") {
		t.Errorf("logged %s", text)
	}
	l.Close()
	log.wait(t, listens, `"`)
	if code, _ := get(t, http.DefaultClient, "http://"+address+"/healthz"); code != 200 {
		t.Errorf("status %d", code)
	}
	if n := strings.Count(log.String(), "does not listen"); n != 1 {
		t.Errorf("warned %d times:\n%s", n, log.String())
	}
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	file := filepath.Join(t.TempDir(), "falco.pem")
	if err := os.WriteFile(file, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), cert...), 0o600); err != nil {
		t.Fatal(err)
	}
	log := start(t, Settings{Address: "127.0.0.1:0", Certificate: file})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	if code, _ := get(t, client, "https://"+log.wait(t, listens, `"`)+"/healthz"); code != 200 {
		t.Errorf("status %d", code)
	}

	_, err = Start(t.Context(), Settings{HealthPath: "/healthz", Certificate: "/nowhere/falco.pem", Log: zap.NewNop()})
	if err == nil || !strings.Contains(err.Error(), "read webserver.ssl_certificate /nowhere/falco.pem: ") {
		t.Errorf("got %v", err)
	}
}
