package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/testutil"
)

// identified is a web server that keeps what is posted to it, with the alerts' ids.
type identified struct {
	*httptest.Server
	mu sync.Mutex
	// ids and files are those of the alerts, in order, as often as they came.
	ids, files []string
	// pass lets one request through for each value; closed, all.
	pass chan struct{}
}

func newIdentified(t *testing.T, listener net.Listener) *identified {
	t.Helper()
	p := &identified{pass: make(chan struct{}, 1000)}
	p.Server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: p}}
	p.Start()
	t.Cleanup(p.Close)
	return p
}

func (p *identified) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	select {
	case <-p.pass:
	case <-r.Context().Done():
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(p.ids, r.Header.Get("Saker-Alert-Id"))
	p.files = append(p.files, string(body))
}

func (p *identified) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ids)
}

// wantEach checks that each alert about a file of these numbers came, in order; twice with the same id only. It returns how
// many came twice.
func (p *identified) wantEach(t *testing.T, s *testutil.Sensor, dir string, from, to int) (twice int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen, next := map[string]string{}, from
	for i, id := range p.ids {
		a := s.Parse(p.files[i])
		if a.Rule != "Numbered" {
			continue // one of the sensor's own
		}
		file := a.Field("fd.name")
		if before, again := seen[id]; again || id == "" {
			if twice++; before != file {
				t.Errorf("id %q is that of %s and of %s", id, before, file)
			}
			continue
		}
		seen[id] = file
		if want := fmt.Sprintf("%s/n%d", dir, next); file != want {
			t.Fatalf("post %d is about %s, want %s", i, file, want)
		}
		next++
	}
	if next != to {
		t.Errorf("alerts %d to %d came, want %d", from, next-1, to-1)
	}
	return twice
}

// keeps tells whether the spool's files hold the alert about a file.
func keeps(t *testing.T, spool, file string) bool {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(spool, "http", "*.alerts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if text, err := os.ReadFile(s); err == nil && strings.Contains(string(text), `"fd.name":"`+file+`"`) {
			return true
		}
	}
	return false
}

func startSpooling(t *testing.T, rules, url, spool string) *testutil.Sensor {
	t.Helper()
	return startSensor(t, "-r", rules, "-o", "rule_matching=all", "-o", "http_output.enabled=true", "-o", "http_output.url="+url,
		"-o", "http_output.spool=true", "-o", "spool.directory="+spool)
}

func kill(t *testing.T, s *testutil.Sensor) {
	t.Helper()
	if err := s.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
	_ = s.Cmd.Wait()
}

// TestSpoolAfterKill: the sensor is killed while the server takes its time, again when it is away, and each time goes on where
// it was. The server gets every alert, in order; what comes twice has the same id.
func TestSpoolAfterKill(t *testing.T) {
	const n = 100
	dir, spool := t.TempDir(), filepath.Join(t.TempDir(), "spool")
	rules := numbered(t, dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newIdentified(t, listener)

	s := startSpooling(t, rules, server.URL, spool)
	openNumbered(t, dir, 0, n)
	waitFor(t, "all alerts on disk", func() bool { return keeps(t, spool, fmt.Sprintf("%s/n%d", dir, n-1)) })
	for range n / 3 {
		server.pass <- struct{}{}
	}
	waitFor(t, "a third is posted", func() bool { return server.count() >= n/3 })
	kill(t, s) // while the next one is on its way

	s = startSpooling(t, rules, "http://127.0.0.1:1/", spool) // nobody is there
	s.WaitLog("an output has alerts of an earlier run to deliver")
	openNumbered(t, dir, n, 2*n)
	waitFor(t, "more on disk", func() bool { return keeps(t, spool, fmt.Sprintf("%s/n%d", dir, 2*n-1)) })
	kill(t, s)

	close(server.pass)
	s = startSpooling(t, rules, server.URL, spool)
	openNumbered(t, dir, 2*n, 3*n)
	waitFor(t, "every alert is posted", func() bool { return server.count() >= 3*n })
	s.Stop()
	if twice := server.wantEach(t, s, dir, 0, 3*n); twice > 2 {
		t.Errorf("%d alerts came twice", twice)
	}
	if !strings.Contains(s.Log(), "0 dropped (queue full), 0 failed (sink error); on disk: ") {
		t.Errorf("the exit text does not tell of the spool:\n%s", s.Log())
	}
}

// TestSpoolAtTheEnd: an ordinary end leaves on disk what the server did not take, at once and without an error.
func TestSpoolAtTheEnd(t *testing.T) {
	const n = 20
	dir, spool := t.TempDir(), filepath.Join(t.TempDir(), "spool")
	s := startSpooling(t, numbered(t, dir), "http://127.0.0.1:1/", spool)
	openNumbered(t, dir, 0, n)
	waitFor(t, "all alerts on disk", func() bool { return keeps(t, spool, fmt.Sprintf("%s/n%d", dir, n-1)) })
	s.Stop() // fails if the exit code is not 0
	// Of its end the sensor has told as well.
	if want := fmt.Sprintf("   http: 0 written, 0 dropped (queue full), 0 failed (sink error); on disk: 0 from the start, %d at the end\n",
		n+1); !strings.Contains(s.Log(), want) {
		t.Errorf("the exit text lacks %q:\n%s", want, s.Log())
	}
}

// TestSpoolReload: another address in the middle of an outage gets what waits for the old one, in order.
func TestSpoolReload(t *testing.T) {
	const n = 50
	dir, spool := t.TempDir(), filepath.Join(t.TempDir(), "spool")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newIdentified(t, listener)
	close(server.pass)
	conf, rules := filepath.Join(t.TempDir(), "saker.yaml"), numbered(t, dir)
	write := func(url string) {
		rewrite(t, conf, "json_output: true\nrules_files: ["+rules+"]\nspool: {directory: "+spool+
			"}\nhttp_output: {enabled: true, spool: true, url: \""+url+"\"}\n")
	}
	write("http://127.0.0.1:1/")
	s := testutil.LaunchSensor(t, sensorBinary, "-c", conf)
	s.WaitLog("ready")
	openNumbered(t, dir, 0, n)
	write(server.URL)
	openNumbered(t, dir, n, 2*n)
	waitLogs(t, s, "\treloaded\t", 1)
	openNumbered(t, dir, 2*n, 3*n)
	waitFor(t, "every alert is posted", func() bool { return server.count() >= 3*n })
	if err := s.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.Ended
	if twice := server.wantEach(t, s, dir, 0, 3*n); twice > 0 {
		t.Errorf("%d alerts came twice", twice)
	}
}

// TestSpoolOnFullDisk: alerts for which the disk has no room wait in memory. The log says so, and when they are kept again; the
// server gets all of them, in order.
func TestSpoolOnFullDisk(t *testing.T) {
	const n = 400
	dir, disk := t.TempDir(), t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newIdentified(t, listener)
	if os.Getuid() != 0 {
		t.Skip("needs root: it mounts a file system")
	}
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := startSpooling(t, numbered(t, dir), server.URL, filepath.Join(disk, "spool"))
	openNumbered(t, dir, 0, n)
	s.WaitLog("an output's alerts are not kept on disk; they wait in memory\t{\"output\": \"http\"")
	if !strings.Contains(s.Log(), "no space left on device") {
		t.Errorf("the log does not say why:\n%s", s.Log())
	}
	close(server.pass)
	waitFor(t, "all alerts posted", func() bool { return server.count() >= n })
	next := n
	waitFor(t, "alerts kept on disk again", func() bool {
		openNumbered(t, dir, next, next+1)
		next++
		return strings.Contains(s.Log(), "an output's alerts are kept on disk again")
	})
	waitFor(t, "the last ones posted", func() bool { return server.count() >= next })
	s.Stop()
	if twice := server.wantEach(t, s, dir, 0, next); twice > 0 {
		t.Errorf("%d alerts came twice", twice)
	}
}

// TestGRPCAfterKill: a consumer that was away while the sensor was killed goes on where it was.
func TestGRPCAfterKill(t *testing.T) {
	const n = 60
	dir, spool := t.TempDir(), filepath.Join(t.TempDir(), "spool")
	rules, address := numberedAndLoud(t, dir), "unix://"+filepath.Join(t.TempDir(), "falco.sock")
	start := func() *testutil.Sensor {
		s := startSensor(t, "-r", rules, "-o", "grpc.enabled=true", "-o", "grpc.bind_address="+address, "-o", "grpc_output.enabled=true",
			"-o", "grpc_output.spool=true", "-o", "spool.directory="+spool)
		s.WaitLog("the gRPC server listens")
		return s
	}
	dial := func() *grpc.ClientConn { return connect(t, address, insecure.NewCredentials()) }
	s := start()
	openNumbered(t, dir, 0, n)
	last, err := readNumbered(subscribe(t, dial(), &outputs.Request{}), dir, 0, n/2)
	if err != nil {
		t.Fatal(err)
	}
	// Another one has seen them all: so they are on disk.
	if _, err := readNumbered(subscribe(t, dial(), &outputs.Request{}), dir, 0, n); err != nil {
		t.Fatal(err)
	}
	kill(t, s)
	s = start()
	openNumbered(t, dir, n, 2*n)
	stream := subscribe(t, dial(), &outputs.Request{Rules: []string{"Numbered"}, Run: last.Run, Cursor: last.Cursor})
	again, err := readNumbered(stream, dir, n/2, 2*n)
	if err != nil {
		t.Fatal(err)
	}
	if again.Run != last.Run || again.Id == "" {
		t.Errorf("run %s, then %s; id %q", last.Run, again.Run, again.Id)
	}
	s.Stop()
}

// TestGRPCReloadWithSpool: another address takes the history along; a consumer goes on there.
func TestGRPCReloadWithSpool(t *testing.T) {
	const n = 20
	dir, run, kept := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "spool")
	conf, rules := filepath.Join(t.TempDir(), "saker.yaml"), numberedAndLoud(t, dir)
	write := func(socket string) (address string) {
		address = "unix://" + filepath.Join(run, socket)
		rewrite(t, conf, "rules_files: ["+rules+"]\nspool: {directory: "+kept+"}\ngrpc: {enabled: true, bind_address: \""+address+
			"\"}\ngrpc_output: {enabled: true, spool: true}\n")
		return address
	}
	first := write("first")
	s := testutil.LaunchSensor(t, sensorBinary, "-c", conf)
	s.WaitLog("ready")
	openNumbered(t, dir, 0, n)
	last, err := readNumbered(subscribe(t, connect(t, first, insecure.NewCredentials()), &outputs.Request{}), dir, 0, n/2)
	if err != nil {
		t.Fatal(err)
	}
	second := write("second")
	openNumbered(t, dir, n, 2*n)
	waitLogs(t, s, "the gRPC server listens", 2)
	openNumbered(t, dir, 2*n, 3*n)
	stream := subscribe(t, connect(t, second, insecure.NewCredentials()), &outputs.Request{Rules: []string{"Numbered"}, Run: last.Run,
		Cursor: last.Cursor})
	if _, err := readNumbered(stream, dir, n/2, 3*n); err != nil {
		t.Error(err)
	}
}
