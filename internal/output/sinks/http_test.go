package sinks

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/output"
	"github.com/saker-sensor/saker/internal/output/outputtest"
	"github.com/saker-sensor/saker/internal/output/tlsfiles"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/internal/testutil/authority"
)

// receiver is a web server that keeps what is posted to it.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	last   http.Header
	// status is what it answers, 200 if 0.
	status int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			body, _ = io.ReadAll(z)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = req.Header
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	r.bodies = append(r.bodies, string(body))
	_, _ = io.WriteString(w, "thanks")
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *receiver) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.bodies, ",")
}

func newHTTP(t *testing.T, s HTTPSettings) *HTTP {
	t.Helper()
	h, err := NewHTTP(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestHTTPPosts(t *testing.T) {
	r := newReceiver(t)
	for _, tt := range []struct {
		name     string
		settings HTTPSettings
		header   http.Header
	}{
		{"text", HTTPSettings{}, http.Header{"Content-Type": {"text/plain"}, IDHeader: {}}},
		{"as falco", HTTPSettings{UserAgent: "falcosecurity/falco"}, http.Header{"User-Agent": {"falcosecurity/falco"}}},
		{"compressed", HTTPSettings{Compress: true, KeepAlive: true}, http.Header{"Content-Encoding": {"gzip"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var echo bytes.Buffer
			tt.settings.URL, tt.settings.Echo = r.URL, &echo
			before := len(r.bodies)
			write(t, newHTTP(t, tt.settings), "one", "two")
			if got := strings.Join(r.bodies[before:], ","); got != "one,two" {
				t.Errorf("it got %q", got)
			}
			for key := range tt.header {
				if r.last.Get(key) != tt.header.Get(key) {
					t.Errorf("%s: %q, not %q", key, r.last.Get(key), tt.header.Get(key))
				}
			}
			if echo.String() != "thanksthanks" {
				t.Errorf("the answer: %q", echo.String())
			}
		})
	}
}

// What may pass is tried again by the queue; what will not is lost and counted.
func TestHTTPErrors(t *testing.T) {
	r := newReceiver(t)
	h := newHTTP(t, HTTPSettings{URL: r.URL})
	for status, again := range map[int]bool{500: true, 503: true, 429: true, 408: true, 400: false, 404: false, 301: false} {
		r.answer(status)
		if err := h.Write(output.Message{Text: []byte("x")}); err == nil || errors.Is(err, output.ErrAgain) != again ||
			!strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("%d: %v", status, err)
		}
	}
	r.Close()
	if err := h.Write(output.Message{Text: []byte("x")}); !errors.Is(err, output.ErrAgain) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	h = newHTTP(t, HTTPSettings{URL: "http://" + silent.Addr().String(), Timeout: 50 * time.Millisecond})
	if err := h.Write(output.Message{Text: []byte("x")}); !errors.Is(err, output.ErrAgain) {
		t.Errorf("a server that hangs: %v", err)
	}
}

func TestHTTPSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/none.pem", []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]HTTPSettings{
		`"localhost:80" is no URL`:              {URL: "localhost:80"},
		"it holds no certificate in PEM form":   {URL: "https://localhost", TLS: tlsfiles.Settings{CACert: dir + "/none.pem"}},
		"read the certificate authority: open ": {URL: "https://localhost", TLS: tlsfiles.Settings{CABundle: dir + "/absent"}},
		"read http_output.ca_path: ": {URL: "https://localhost",
			TLS: tlsfiles.Settings{Section: "http_output", CAPath: dir + "/absent"}},
		"read the client certificate: open ": {URL: "https://localhost",
			TLS: tlsfiles.Settings{ClientCert: dir + "/absent", ClientKey: dir + "/absent"}},
		"see http_output.client_cert and http_output.client_key": {URL: "https://localhost",
			TLS: tlsfiles.Settings{Section: "http_output", ClientCert: dir + "/none.pem"}},
	} {
		if _, err := NewHTTP(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// startNginx puts a real nginx before a receiver; it asks for a client certificate. It returns its URL.
func startNginx(t *testing.T, a *authority.Authority, behind string) string {
	t.Helper()
	testutil.NeedProgram(t, "nginx")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	config := fmt.Sprintf(`
daemon off; master_process off; pid %[1]s/pid; error_log stderr; worker_processes 1;
events { worker_connections 64; }
http {
	access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	server {
		listen %[2]s ssl;
		ssl_certificate %[3]s; ssl_certificate_key %[4]s; ssl_client_certificate %[5]s; ssl_verify_client on;
		location / { proxy_pass %[6]s; }
	}
}`, dir, at, a.Path("server.crt"), a.Path("server.key"), a.Path("ca.crt"), behind)
	if err := os.WriteFile(dir+"/conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.Command("nginx", "-e", "stderr", "-p", dir, "-c", dir+"/conf")
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx: %s", stderr.String())
		}
	})
	outputtest.Until(t, "nginx listens", func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return "https://" + at
}

func TestHTTPClientCertificates(t *testing.T) {
	a := authority.New(t)
	a.Issue("server", time.Now().Add(time.Hour))
	a.Issue("client", time.Now().Add(time.Hour))
	a.Issue("expired", time.Now().Add(-time.Minute))
	r := newReceiver(t)
	url := startNginx(t, a, r.URL)
	client := HTTPSettings{URL: url, TLS: tlsfiles.Settings{CACert: a.Path("ca.crt"), ClientCert: a.Path("client.crt"),
		ClientKey: a.Path("client.key")}, KeepAlive: true}

	write(t, newHTTP(t, client), "one", "two")
	bundle := client
	bundle.TLS.CACert, bundle.TLS.CAPath = "", a.Path("") // keys lie there too, and are passed over
	write(t, newHTTP(t, bundle), "three")
	insecure := client
	insecure.TLS.CACert, insecure.TLS.Insecure = "", true
	write(t, newHTTP(t, insecure), "four")
	if got := r.got(); got != "one,two,three,four" {
		t.Errorf("the server behind nginx got %q", got)
	}

	for name, change := range map[string]func(*HTTPSettings){
		"no client certificate": func(s *HTTPSettings) { s.TLS.ClientCert, s.TLS.ClientKey = "", "" },
		"an expired one": func(s *HTTPSettings) {
			s.TLS.ClientCert, s.TLS.ClientKey = a.Path("expired.crt"), a.Path("expired.key")
		},
		"an unknown authority": func(s *HTTPSettings) { s.TLS.CACert = "" },
	} {
		s := client
		change(&s)
		if err := newHTTP(t, s).Write(output.Message{Text: []byte("x")}); err == nil {
			t.Errorf("%s: delivered", name)
		}
	}
	if got := r.got(); got != "one,two,three,four" {
		t.Errorf("the server behind nginx got %q", got)
	}
}

// A certificate that is renewed is used from the next connection on.
func TestHTTPRenewedCertificate(t *testing.T) {
	a := authority.New(t)
	a.Issue("server", time.Now().Add(time.Hour))
	a.Issue("client", time.Now().Add(-time.Minute))
	r := newReceiver(t)
	s := HTTPSettings{URL: startNginx(t, a, r.URL), TLS: tlsfiles.Settings{CACert: a.Path("ca.crt"), ClientCert: a.Path("client.crt"),
		ClientKey: a.Path("client.key")}}
	h := newHTTP(t, s)
	if err := h.Write(output.Message{Text: []byte("early")}); err == nil {
		t.Error("an expired certificate is taken")
	}
	a.Issue("client", time.Now().Add(time.Hour))
	write(t, h, "renewed")
	if got := r.got(); got != "renewed" {
		t.Errorf("got %q", got)
	}
}
