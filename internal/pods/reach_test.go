package pods

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// deadline bounds each wait.
const deadline = time.Minute

// kubeconfig writes how to reach a server, of which the certificate is trusted or not.
func kubeconfig(t *testing.T, file string, server *httptest.Server, trusted bool) {
	t.Helper()
	cluster := &api.Cluster{Server: server.URL}
	if trusted {
		cluster.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	config := api.Config{
		Clusters:       map[string]*api.Cluster{"c": cluster},
		AuthInfos:      map[string]*api.AuthInfo{"u": {Token: "t"}},
		Contexts:       map[string]*api.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}
	if err := clientcmd.WriteToFile(config, file); err != nil {
		t.Fatal(err)
	}
}

func waitState(t *testing.T, w *Watcher, want State, text string) {
	t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) {
		s := w.Status()
		if s.State == want && s.Err != nil && strings.Contains(s.Err.Error(), text) {
			if strings.Contains(s.Err.Error(), "\n") || len(s.Err.Error()) > 400 {
				t.Errorf("not one clear line: %v", s.Err)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the state is %q, %v; want %q with %q", s.State, s.Err, want, text)
		}
	}
}

// TestBrokenServers: whatever answers where the API server should, the state says what is wrong in one line; so does a single question.
func TestBrokenServers(t *testing.T) {
	t.Parallel()
	status := func(err *apierrors.StatusError) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(int(err.ErrStatus.Code))
			if err := json.NewEncoder(w).Encode(err.ErrStatus); err != nil {
				t.Error(err)
			}
		}
	}
	pods := schema.GroupResource{Resource: "pods"}
	for name, tt := range map[string]struct {
		handler   http.HandlerFunc
		untrusted bool
		want      State
		text      string
	}{
		"401": {status(apierrors.NewUnauthorized("Unauthorized")), false, Refused, "credentials; the API server does not know whom"},
		"403": {status(apierrors.NewForbidden(pods, "", nil)), false, Refused, "give it a role that may list and watch pods"},
		"503": {status(apierrors.NewServiceUnavailable("no etcd")), false, Unreachable, "unable to handle the request"},
		"a website": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) }, false, Unreachable,
			"ask the API server for pods: "},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, false, Unreachable, "it does not answer"},
		"unknown": {func(http.ResponseWriter, *http.Request) {}, true, Unreachable, x509.UnknownAuthorityError{}.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(tt.handler)
			defer server.Close()
			file := filepath.Join(t.TempDir(), "kubeconfig")
			kubeconfig(t, file, server, !tt.untrusted)
			w := New(Settings{Node: "n", Kubeconfig: file})
			w.timeout = time.Second
			w.Start(t.Context())
			defer w.Close()
			waitState(t, w, tt.want, tt.text)
			if w.Lookup("u") != nil || w.Counters().Failures == 0 {
				t.Errorf("counters %+v", w.Counters())
			}
			if name == "silence" {
				return // a single question has the caller's patience
			}
			if host, s := Ask(t.Context(), Settings{Node: "n", Kubeconfig: file}); host != server.URL || s.State != tt.want ||
				!strings.Contains(s.Err.Error(), tt.text) {
				t.Errorf("asked once: %s %+v", host, s)
			}
		})
	}
}

// TestFileComesLater: without a word of how to reach the API server the watch waits for one.
func TestFileComesLater(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	w := New(Settings{Node: "n", Kubeconfig: file})
	w.Start(t.Context())
	defer w.Close()
	waitState(t, w, Unconfigured, "correct the file that kubernetes.kubeconfig names")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitState(t, w, Unconfigured, "yaml")
	kubeconfig(t, file, server, true)
	waitState(t, w, Unreachable, "could not find the requested resource")

	outside := New(Settings{Node: "n"})
	outside.Start(t.Context())
	defer outside.Close()
	waitState(t, outside, Unconfigured, "name a file in kubernetes.kubeconfig")
}
