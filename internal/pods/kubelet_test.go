package pods

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/testutil/authority"
)

// kubelet serves a text as a kubelet serves its pods, by TLS, to who has the token. test/cluster asks a real one.
type kubelet struct {
	*httptest.Server
	files  *authority.Authority // and the token
	takes  atomic.Value         // the token, a string
	answer atomic.Value         // an http.HandlerFunc
}

func serveKubelet(t *testing.T) *kubelet {
	t.Helper()
	k := &kubelet{files: authority.New(t)}
	k.takes.Store("t-1")
	k.files.Issue("kubelet", time.Now().Add(time.Hour))
	certificate, err := tls.LoadX509KeyPair(k.files.Path("kubelet.crt"), k.files.Path("kubelet.key"))
	if err := errors.Join(err, os.WriteFile(k.files.Path("token"), []byte("t-1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	k.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/pods" || r.Header.Get("Authorization") != "Bearer "+k.takes.Load().(string) {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		k.answer.Load().(http.HandlerFunc)(w, r)
	}))
	if k.Listener, err = net.Listen("tcp", ":0"); err != nil {
		t.Fatal(err)
	}
	k.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	k.Config.ErrorLog = log.New(io.Discard, "", 0)
	k.StartTLS()
	k.URL = fmt.Sprintf("https://127.0.0.1:%d", k.Listener.Addr().(*net.TCPAddr).Port)
	t.Cleanup(k.Close)
	return k
}

func (k *kubelet) says(text string) {
	k.does(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func (k *kubelet) does(f http.HandlerFunc) { k.answer.Store(f) }

// list is a PodList of pods with these uids; what else a pod has is there to be passed over.
func list(uids ...string) string {
	type full struct {
		metav1.ObjectMeta `json:"metadata"`
		Spec              map[string]any `json:"spec"`
	}
	items := []full{}
	for _, uid := range uids {
		p := pod(uid, map[string]string{"app": "shop", hashLabel: "7d4b"}, controller("ReplicaSet", "shop-7d4b"))
		items = append(items, full{p.ObjectMeta, map[string]any{"metadata": map[string]any{"uid": "no", "name": "no"}}})
	}
	text, _ := json.Marshal(map[string]any{"kind": "PodList", "apiVersion": "v1", "metadata": map[string]any{}, "items": items})
	return string(text)
}

func (k *kubelet) settings() Kubelet {
	return Kubelet{Address: k.URL, CAFile: k.files.Path("ca.crt"), TokenFile: k.files.Path("token"), Interval: time.Hour}
}

func ask(t *testing.T, k Kubelet, limit int) *Watcher {
	t.Helper()
	w := New(Settings{Kubelet: &k, MaxPods: limit})
	t.Cleanup(func() { w.Close() })
	return w
}

// poll asks once, as run does.
func poll(t *testing.T, w *Watcher) Status {
	t.Helper()
	if state, err := w.poller.poll(t.Context(), w.store); err != nil {
		w.failed(state, err)
	}
	return w.Status()
}

// TestKubelet: the pods that a kubelet names are known, with labels and owner; the next answer lacks one, which goes after a while.
func TestKubelet(t *testing.T) {
	k := serveKubelet(t)
	k.says(list("a", "b", "c"))
	w := ask(t, k.settings(), 2)
	now := time.Now()
	w.now = func() time.Time { return now }
	if s := poll(t, w); s.State != Connected || s.Err != nil {
		t.Fatalf("status %+v", s)
	}
	want := event.PodMeta{Name: "shop-a", Namespace: "checkout", UID: "a", Labels: map[string]string{"app": "shop", hashLabel: "7d4b"},
		Deployment: "shop",
		Owner:      event.Owner{Kind: "ReplicaSet", Name: "shop-7d4b", UID: "o-1"}}
	if diff := cmp.Diff(&want, w.Lookup("a")); diff != "" {
		t.Error(diff)
	}
	if c := w.Counters(); c.Pods != 2 || c.Refused != 1 || c.Requests != 1 || c.Failures != 0 ||
		c.Received < uint64(len(list("a", "b", "c"))) {
		t.Errorf("counters %+v", c)
	}
	k.says(list("a"))
	poll(t, w)
	if w.Lookup("b") == nil {
		t.Error("a removed pod is forgotten at once")
	}
	now = now.Add(keepRemoved + time.Second)
	poll(t, w)
	if w.Lookup("b") != nil || w.Lookup("a") == nil {
		t.Error("other pods are known than those that are there")
	}
}

// TestKubeletAnswersWrong: what is no list of pods is an error that says so, and the pods that were known stay.
func TestKubeletAnswersWrong(t *testing.T) {
	k := serveKubelet(t)
	for what, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   State
		text   string
	}{
		"half a list": {func(w http.ResponseWriter) { text := list("b", "c"); io.WriteString(w, text[:len(text)-1000]) }, Unreachable,
			"unexpected EOF"},
		"no JSON": {func(w http.ResponseWriter) { io.WriteString(w, "<html>") }, Unreachable, "invalid character"},
		"nothing": {func(http.ResponseWriter) {}, Unreachable, "unexpected EOF"},
		"a list":  {func(w http.ResponseWriter) { io.WriteString(w, "[]") }, Unreachable, "[ stands where { is expected"},
		"something else": {func(w http.ResponseWriter) { io.WriteString(w, `{"kind":"Status","metadata":{}}`) }, Unreachable,
			"it has no items"},
		"items of another kind": {func(w http.ResponseWriter) { io.WriteString(w, `{"items":"x"}`) }, Unreachable, "its items begin with x"},
		"no uid": {func(w http.ResponseWriter) { io.WriteString(w, `{"items":[{"metadata":{"name":"x"}}]}`) }, Unreachable,
			"one has no uid"},
		"a pod without end": {func(w http.ResponseWriter) {
			io.WriteString(w, `{"items":[{"metadata":{"uid":"u","name":"`)
			for range maxItem/1024 + 1 {
				io.WriteString(w, strings.Repeat("x", 1024))
			}
		}, Unreachable, "larger than 4 MiB"},
		"a refusal": {func(w http.ResponseWriter) { http.Error(w, "Forbidden (user=x, verb=get)", http.StatusForbidden) },
			Refused, `403 Forbidden: "Forbidden (user=x, verb=get)"; give the service account a role with the verb get for nodes/pods`},
		"a redirect": {func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(http.StatusFound) },
			Unreachable, "302 Found"},
		"a page that is not there": {func(w http.ResponseWriter) { http.Error(w, "404 page not found", http.StatusNotFound) }, Unreachable,
			"does kubernetes.kubelet.address name a kubelet?"},
	} {
		t.Run(what, func(t *testing.T) {
			w := ask(t, k.settings(), 0)
			k.says(list("a"))
			poll(t, w)
			k.does(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) })
			s := poll(t, w)
			if s.State != c.want || s.Err == nil || !strings.Contains(s.Err.Error(), c.text) || strings.Contains(s.Err.Error(), "\n") {
				t.Errorf("status %+v, want %s, %q", s, c.want, c.text)
			}
			if _, once := Ask(t.Context(), Settings{Kubelet: &w.poller.settings}); once.State != c.want {
				t.Errorf("asked once: %+v", once)
			}
			if w.Lookup("a") == nil || w.store.pods["a"].removed != (time.Time{}) {
				t.Error("the pods are forgotten")
			}
			k.says(`{"kind":"PodList","items":null}`)
			if s := poll(t, w); s.State != Connected || w.store.pods["a"].removed.IsZero() {
				t.Errorf("status %+v with a right answer", s)
			}
		})
	}
}

// TestKubeletCertificate: a certificate of another authority is refused, with the remedy, unless any is taken; files may come later.
func TestKubeletCertificate(t *testing.T) {
	k := serveKubelet(t)
	k.says(list("a"))
	settings := k.settings()
	settings.CAFile = filepath.Join(t.TempDir(), "ca.crt")
	w := ask(t, settings, 0)
	if s := poll(t, w); s.State != Unconfigured || s.Err == nil || !strings.Contains(s.Err.Error(), settings.CAFile) {
		t.Errorf("without a file: %+v", s)
	}
	copyFile(t, authority.New(t).Path("ca.crt"), settings.CAFile)
	if s := poll(t, w); s.State != Unreachable || s.Err == nil ||
		!strings.Contains(s.Err.Error(), "; name its authority in kubernetes.kubelet.ca_file") {
		t.Errorf("with another authority: %+v", s)
	}
	copyFile(t, k.files.Path("ca.crt"), settings.CAFile)
	if s := poll(t, w); s.State != Connected {
		t.Errorf("with the right one: %+v", s)
	}
	settings = k.settings()
	settings.Address = strings.Replace(settings.Address, "127.0.0.1", "127.0.0.2", 1)
	if s := poll(t, ask(t, settings, 0)); s.Err == nil || !strings.Contains(s.Err.Error(), "name the kubelet as its certificate does") {
		t.Errorf("by a name that the certificate has not: %+v", s)
	}
	settings.CAFile, settings.Insecure = "nowhere", true
	if s := poll(t, ask(t, settings, 0)); s.State != Connected {
		t.Errorf("insecure: %+v", s)
	}
}

// TestKubeletToken: a token that is taken no longer is read again.
func TestKubeletToken(t *testing.T) {
	k := serveKubelet(t)
	k.says(list("a"))
	w := ask(t, k.settings(), 0)
	poll(t, w)
	k.takes.Store("t-2")
	if s := poll(t, w); s.State != Refused || s.Err == nil || !strings.Contains(s.Err.Error(), "401 Unauthorized") {
		t.Errorf("with the old token: %+v", s)
	}
	if err := os.WriteFile(k.files.Path("token"), []byte("t-2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := poll(t, w); s.State != Connected {
		t.Errorf("with the new one: %+v", s)
	}
}

// TestKubeletIsAskedEarly: a pod that is not known brings the next poll forward, once.
func TestKubeletIsAskedEarly(t *testing.T) {
	k := serveKubelet(t)
	k.says(list("a"))
	w := ask(t, k.settings(), 0)
	w.Start(t.Context())
	wait := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not %s: %+v", what, w.Status())
			}
		}
	}
	wait("connected", func() bool { return w.Status().State == Connected })
	k.says(list("a", "b"))
	wait("asked early", func() bool { return w.Lookup("b") != nil })
	if c := w.Counters(); c.Requests != 2 {
		t.Errorf("counters %+v", c)
	}
	w.Lookup("c")
	wait("asked again", func() bool { return w.Counters().Requests == 3 && len(w.poller.early) == 0 })
	if w.Lookup("c"); len(w.poller.early) != 0 {
		t.Error("a pod that the kubelet does not know is asked for twice")
	}
	if w.SetKinds([Kinds]bool{Namespace: true}); w.KindErrors() != [Kinds]error{Namespace: errPodsOnly} {
		t.Errorf("of what the kubelet does not know is said %v", w.KindErrors())
	}
	if w.Lookup(""); len(w.poller.early) != 0 {
		t.Error("a container without a pod asks")
	}
}

// TestKubeletAddress: without an address the state says what to set, and nobody is asked.
func TestKubeletAddress(t *testing.T) {
	w := ask(t, Kubelet{}, 0)
	if s := poll(t, w); s.State != Unconfigured || !strings.Contains(s.Err.Error(), "set kubernetes.kubelet.address, or FALCO_HOST_IP") ||
		w.Counters().Requests != 0 {
		t.Errorf("status %+v", s)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
