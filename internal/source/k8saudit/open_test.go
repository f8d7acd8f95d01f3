package k8saudit

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
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/source/document"
)

const deadline = time.Minute

// audit is an audit event with an id.
func audit(id string) string {
	return fmt.Sprintf(`{"kind":"Event","auditID":%q,"stageTimestamp":"2026-08-01T10:00:00.5Z"}`, id)
}

// expect fails unless the next events have these ids; "malformed" stands for what is no event.
func expect(t *testing.T, ctx context.Context, r *Reader, ids ...string) {
	t.Helper()
	for _, want := range ids {
		ev, err := r.Next(ctx)
		var bad *document.Malformed
		got := "malformed"
		switch {
		case errors.As(err, &bad):
		case err != nil:
			t.Fatal(err)
		default:
			got = document.String(ev.Document, "auditID")
		}
		if got != want {
			t.Fatalf("got %s (%v), want %s", got, err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/b.log", audit("1")+"\n\nnothing\n"+strings.Repeat("x", 1<<17)+"\n"+audit("2"))
	write(t, dir+"/a.log", `{"kind":"EventList","items":[`+audit("3")+`,{"auditID":"no time"},`+audit("4")+"]}\n["+audit("5")+"]\n")
	if err := os.Chtimes(dir+"/b.log", time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	s := DefaultSettings()
	s.MaxBatch = 1 << 16
	r, err := Open(s, dir)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, context.Background(), r, "1", "malformed", "malformed", "2", "3", "malformed", "4", "5")
	if ev, err := r.Next(context.Background()); err == nil {
		t.Errorf("an event behind the end: %v", ev)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestFollowed: what is appended is read, line by line; a file that takes the name, and one that is cut, from the beginning.
func TestFollowed(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	path := filepath.Join(t.TempDir(), "audit.log")
	write(t, path, audit("before")+"\n")
	r, err := Open(DefaultSettings(), "file://"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	write(t, path, audit("1")+"\n"+audit("2")[:20])
	expect(t, ctx, r, "1")
	write(t, path, audit("2")[20:]+"\n")
	expect(t, ctx, r, "2")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path, audit("3")+"\n")
	expect(t, ctx, r, "3")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, audit("")+"\n") // shorter than what was read
	expect(t, ctx, r, "")
}

func TestWebhook(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	s := DefaultSettings()
	s.MaxBatch = 1000
	r, err := Open(s, "http://127.0.0.1:0/k8s-audit")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	base := "http://" + r.origin.(*webhook).address
	answers := make(chan int)
	post := func(path, kind, body string) {
		go func() { answers <- send(ctx, http.DefaultClient, base+path, kind, body) }()
	}
	for _, c := range []struct {
		path, kind, body string
		want             int
	}{
		{"/k8s-audit", "text/plain", audit("x"), http.StatusBadRequest},
		{"/other", "application/json", audit("x"), http.StatusNotFound},
		{"/k8s-audit", "application/json", strings.Repeat(" ", 1001), http.StatusRequestEntityTooLarge},
	} {
		post(c.path, c.kind, c.body)
		if got := <-answers; got != c.want {
			t.Errorf("%s, %s, %d bytes: got %d, want %d", c.path, c.kind, len(c.body), got, c.want)
		}
	}
	post("/k8s-audit", "application/json", `{"kind":"EventList","items":[`+audit("1")+","+audit("2")+"]}")
	expect(t, ctx, r, "1", "2")
	if got := <-answers; got != http.StatusOK {
		t.Errorf("an audit batch: got %d", got)
	}
	post("/k8s-audit", "application/json; charset=utf-8", `{"kind":`)
	expect(t, ctx, r, "malformed")
	<-answers

	// What was taken over when the run ends is still read.
	ending, end := context.WithCancel(ctx)
	post("/k8s-audit", "application/json", "["+audit("3")+","+audit("4")+"]")
	expect(t, ending, r, "3")
	end()
	expect(t, ending, r, "4")
	<-answers
	if _, err := r.Next(ending); !errors.Is(err, context.Canceled) {
		t.Errorf("the end: got %v", err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
		t.Error("the webhook listens after the end")
	}
}

// send posts a body and returns the status; 0 if there was no answer.
func send(ctx context.Context, client *http.Client, url, kind, body string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", kind)
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func TestWebhookTLS(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	s := DefaultSettings()
	s.Certificate = filepath.Join(t.TempDir(), "webhook.pem")
	if _, err := Open(s, "https://127.0.0.1:0/x"); err == nil || !strings.Contains(err.Error(), "sslCertificate") {
		t.Errorf("without a certificate: got %v", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var both bytes.Buffer
	_ = pem.Encode(&both, &pem.Block{Type: "PRIVATE KEY", Bytes: der}) // a buffer takes all
	_ = pem.Encode(&both, &pem.Block{Type: "CERTIFICATE", Bytes: cert})
	write(t, s.Certificate, both.String())
	r, err := Open(s, "https://127.0.0.1:0/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(both.Bytes())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	answer := make(chan int, 1)
	go func() {
		answer <- send(ctx, client, "https://"+r.origin.(*webhook).address+"/x", "application/json", audit("1"))
	}()
	expect(t, ctx, r, "1")
	if got := <-answer; got != http.StatusOK {
		t.Errorf("got %d", got)
	}
}

func TestOpenParams(t *testing.T) {
	for params, want := range map[string]string{
		"":                        "http://:9765/k8s-audit",
		"http://:9765":            "needs a port and a path",
		"http://localhost/x":      "needs a port and a path",
		"s3://bucket":             "use http://, https://, file:// or the path of a file",
		"/no/such/file":           "no such file",
		"http://300.0.0.1:1/x":    "300.0.0.1",
		"https://127.0.0.1:0/k/x": "sslCertificate",
	} {
		s := DefaultSettings()
		s.Certificate = "/no/such/certificate"
		if _, err := Open(s, params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", params, err, want)
		}
	}
}

// BenchmarkNext reads events of a batch.
func BenchmarkNext(b *testing.B) {
	body := []byte(`{"kind":"EventList","items":[` + strings.Repeat(audit("x")+",", 99) + audit("x") + "]}")
	r := Reader{origin: &repeated{body: body}}
	var ev *event.Event
	for b.Loop() {
		var err error
		if ev, err = r.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	_ = ev
}

type repeated struct{ body []byte }

func (r *repeated) next(context.Context) (payload, error) { return payload{body: r.body}, nil }
func (*repeated) Close() error                            { return nil }
