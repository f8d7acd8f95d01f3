package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/output/falcopb/schema"
	"github.com/saker-sensor/saker/internal/output/falcopb/version"
	"github.com/saker-sensor/saker/internal/testutil"
	"github.com/saker-sensor/saker/internal/testutil/authority"
)

// numberedAndLoud has two rules about files of a directory: one about those named nN, and one about those named loudN.
func numberedAndLoud(t *testing.T, dir string) string {
	return testutil.RulesFile(t, fmt.Sprintf(`
- rule: Numbered
  desc: d
  condition: evt.type = openat and fd.name startswith %[1]s/n
  output: opened %%fd.name (missing=%%proc.aname[7])
  priority: NOTICE
  tags: [b, a]
- rule: Loud
  desc: d
  condition: evt.type = openat and fd.name startswith %[1]s/loud
  output: opened %%fd.name
  priority: CRITICAL
  tags: [loud]
`, dir))
}

func connect(t *testing.T, address string, c credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// call bounds what a test waits for.
func call(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

type subscription = grpc.BidiStreamingClient[outputs.Request, outputs.Response]

func subscribe(t *testing.T, conn *grpc.ClientConn, r *outputs.Request) subscription {
	t.Helper()
	stream, err := outputs.NewServiceClient(conn).Sub(call(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(r); err != nil {
		t.Fatal(err)
	}
	return stream
}

// readNumbered takes the alerts about the files from one number to another, in order.
func readNumbered(stream subscription, dir string, from, to int) (last *outputs.Response, err error) {
	for i := from; i < to; i++ {
		if last, err = stream.Recv(); err != nil {
			return nil, fmt.Errorf("read alert %d: %w", i, err)
		}
		if got, want := last.OutputFields["fd.name"], fmt.Sprintf("%s/n%d", dir, i); got != want {
			return nil, fmt.Errorf("alert about %q, want %q", got, want)
		}
	}
	return last, nil
}

// TestGRPC: over the Unix socket, ten consumers of which one never reads; the others get every alert, in order. One goes on
// from a cursor on a new connection. A filter chooses. What the text output lacks is there all the same.
func TestGRPC(t *testing.T) {
	const n = 300
	dir := t.TempDir()
	address := "unix://" + filepath.Join(t.TempDir(), "run", "falco.sock")
	s := launch(t, "-c", os.DevNull, "-r", numberedAndLoud(t, dir), "-o", "rule_matching=all", "-o",
		"json_include_output_fields_property=false",
		"-o", "grpc.enabled=true", "-o", "grpc.bind_address="+address, "-o", "grpc_output.enabled=true")
	s.WaitLog("the gRPC server listens")
	s.WaitLog("ready")
	dial := func() *grpc.ClientConn { return connect(t, address, insecure.NewCredentials()) }

	subscribe(t, dial(), &outputs.Request{}) // nobody reads it
	results := make(chan error)
	for range 8 {
		stream := subscribe(t, dial(), &outputs.Request{})
		go func() {
			_, err := readNumbered(stream, dir, 0, n)
			results <- err
		}()
	}
	loud := subscribe(t, dial(), &outputs.Request{MinPriority: schema.Priority_ERROR.Enum(), Tags: []string{"loud"},
		Sources: []string{"syscall"}})
	away := subscribe(t, dial(), &outputs.Request{Rules: []string{"Numbered"}})
	openNumbered(t, dir, 0, n/2)
	last, err := readNumbered(away, dir, 0, n/4)
	if err != nil {
		t.Fatal(err)
	}
	if err := away.CloseSend(); err != nil {
		t.Fatal(err)
	}
	openNumbered(t, dir, n/2, n)
	for range 8 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	back := subscribe(t, dial(), &outputs.Request{Rules: []string{"Numbered"}, Run: last.Run, Cursor: last.Cursor})
	if last, err = readNumbered(back, dir, n/4, n); err != nil {
		t.Error(err)
	}

	if err := os.WriteFile(dir+"/loud", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := loud.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if a.Rule != "Loud" || a.Priority != schema.Priority_CRITICAL || a.Source != "syscall" || a.SourceDeprecated != schema.Source_SYSCALL ||
		a.Hostname != "node-1" || a.Cursor != n+1 || a.Run == "" || a.Time.AsTime().Before(last.Time.AsTime()) ||
		time.Since(a.Time.AsTime()) > time.Minute {
		t.Errorf("got %v", a)
	}
	if want := ": Critical opened " + dir + "/loud"; !strings.Contains(a.Output, want) {
		t.Errorf("output %q lacks %q", a.Output, want)
	}
	if got := fmt.Sprint(last.Tags); got != "[a b]" || last.OutputFields["proc.aname[7]"] == "" {
		t.Errorf("tags %s, fields %v", got, last.OutputFields)
	}
	v, err := version.NewServiceClient(dial()).Version(call(t), &version.Request{})
	if err != nil || v.Version == "" || v.EngineVersion == "" || v.EngineMinor == 0 || len(v.EngineFieldsChecksum) != 64 {
		t.Errorf("version %v, %v", v, err)
	}

	// The end of the sensor is the end of the calls; who never reads does not hold it up.
	s.Cmd.Process.Signal(syscall.SIGTERM)
	if _, err := loud.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	<-s.Ended
	if err := s.Cmd.Wait(); err != nil {
		t.Error(err)
	}
	// Of its end the sensor may tell as well.
	count := regexp.MustCompile(`stdout: (\d+) written.*\n   grpc: (\d+) written, 0 dropped \(queue full\), 0 failed`).FindStringSubmatch(
		s.Log())
	if count == nil || count[1] != count[2] {
		t.Errorf("the exit text does not count the same for both outputs:\n%s", s.Log())
	}
}

// TestGRPCWatch is the loop of Falco's own Go client: it asks only when nothing came for a while, with empty requests.
func TestGRPCWatch(t *testing.T) {
	const n = 20
	dir := t.TempDir()
	address := "unix://" + filepath.Join(t.TempDir(), "falco.sock")
	s := startSensor(t, "-r", numberedAndLoud(t, dir), "-o", "grpc.enabled=true", "-o", "grpc.bind_address="+address, "-o",
		"grpc_output.enabled=true")
	s.WaitLog("the gRPC server listens")
	stream, err := outputs.NewServiceClient(connect(t, address, insecure.NewCredentials())).Sub(call(t))
	if err != nil {
		t.Fatal(err)
	}
	openNumbered(t, dir, 0, n/2)
	received := make(chan *outputs.Response)
	go func() {
		defer close(received)
		for {
			a, err := stream.Recv()
			if err != nil {
				return
			}
			received <- a
		}
	}()
	for i := 0; i < n; {
		select {
		case a, ok := <-received:
			if want := fmt.Sprintf("%s/n%d", dir, i); !ok || a.OutputFields["fd.name"] != want {
				t.Fatalf("got %v, want %s", a, want)
			}
			if i++; i == n/2 {
				openNumbered(t, dir, n/2, n)
			}
		case <-time.After(100 * time.Millisecond):
			if err := stream.Send(&outputs.Request{}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestGRPCOverTLS: a client with a certificate of the authority is served, one without is not.
func TestGRPCOverTLS(t *testing.T) {
	dir := t.TempDir()
	a, stranger := authority.New(t), authority.New(t)
	a.Issue("server", time.Now().Add(time.Hour))
	a.Issue("client", time.Now().Add(time.Hour))
	stranger.Issue("client", time.Now().Add(time.Hour))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	s := startSensor(t, "-r", numberedAndLoud(t, dir), "-o", "grpc.enabled=true", "-o", "grpc.bind_address="+address, "-o",
		"grpc_output.enabled=true",
		"-o", "grpc.private_key="+a.Path("server.key"), "-o", "grpc.cert_chain="+a.Path("server.crt"), "-o", "grpc.root_certs="+a.Path("ca.crt"))
	s.WaitLog("the gRPC server listens")
	openNumbered(t, dir, 0, 1)
	by := func(client *authority.Authority) *grpc.ClientConn {
		pair, err := tls.LoadX509KeyPair(client.Path("client.crt"), client.Path("client.key"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(a.Path("ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		c := &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool(), Certificates: []tls.Certificate{pair}}
		c.RootCAs.AppendCertsFromPEM(text)
		return connect(t, address, credentials.NewTLS(c))
	}
	if _, err := readNumbered(subscribe(t, by(a), &outputs.Request{}), dir, 0, 1); err != nil {
		t.Error(err)
	}
	stream, err := outputs.NewServiceClient(by(stranger)).Get(call(t), &outputs.Request{})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a stranger: %v", err)
	}
}

// TestGRPCRefusesToStart: an open port without certificates is a mistake of the configuration.
func TestGRPCRefusesToStart(t *testing.T) {
	s := launch(t, "-c", os.DevNull, "-o", "grpc.enabled=true", "-o", "grpc_output.enabled=true", "-o", "grpc.bind_address=0.0.0.0:5060",
		"-o", "grpc.private_key=/absent.key")
	<-s.Ended
	if err := s.Cmd.Wait(); err == nil {
		t.Error("it started")
	}
	for _, want := range []string{"0.0.0.0:5060 is open to the network and needs mTLS", "set grpc.private_key and grpc.cert_chain",
		"unix:///run/falco/falco.sock"} {
		if !strings.Contains(s.Log(), want) {
			t.Errorf("the log lacks %q:\n%s", want, s.Log())
		}
	}
}

// TestGRPCNoAddress: a socket that can't be had costs its consumers, and nothing else; it is tried again.
func TestGRPCNoAddress(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "falco.sock")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSensor(t, "-r", numberedAndLoud(t, dir), "-o", "grpc.enabled=true", "-o", "grpc.bind_address=unix://"+path, "-o",
		"grpc_output.enabled=true")
	s.WaitLog("the gRPC server does not listen; trying again")
	openNumbered(t, dir, 0, 1)
	s.Next("the alert on standard output", func(a *testutil.Alert) bool { return a.Rule == "Numbered" })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.WaitLog("the gRPC server listens")
	stream := subscribe(t, connect(t, "unix://"+path, insecure.NewCredentials()), &outputs.Request{})
	if _, err := readNumbered(stream, dir, 0, 1); err != nil {
		t.Error(err)
	}
	s.Stop()
}

// TestGRPCReload: consumers stay, and what is kept for them too, while other outputs are exchanged. A new address takes
// the server with it, and a wrong one changes nothing.
func TestGRPCReload(t *testing.T) {
	dir, run := t.TempDir(), t.TempDir()
	conf, rules := filepath.Join(t.TempDir(), "saker.yaml"), numberedAndLoud(t, dir)
	first, second := "unix://"+filepath.Join(run, "first"), "unix://"+filepath.Join(run, "second")
	write := func(address, more string) {
		rewrite(t, conf, "rules_files: ["+rules+"]\ngrpc: {enabled: true, bind_address: \""+address+"\"}\ngrpc_output: {enabled: true}\n"+more)
	}
	write(first, "")
	s := testutil.LaunchSensor(t, sensorBinary, "-c", conf)
	s.WaitLog("ready")
	stays := subscribe(t, connect(t, first, insecure.NewCredentials()), &outputs.Request{})
	openNumbered(t, dir, 0, 1)
	before, err := readNumbered(stays, dir, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	write(first, "stdout_output: {enabled: false}\n")
	waitLogs(t, s, "\treloaded\t", 1)
	openNumbered(t, dir, 1, 2)
	after, err := readNumbered(stays, dir, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if after.Run != before.Run || after.Cursor != before.Cursor+1 {
		t.Errorf("run %s cursor %d, then run %s cursor %d", before.Run, before.Cursor, after.Run, after.Cursor)
	}
	write("0.0.0.0:5060", "")
	s.WaitLog("reload refused")
	write(second, "")
	waitLogs(t, s, "\treloaded\t", 2)
	if _, err := stays.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("at the old address: %v", err)
	}
	openNumbered(t, dir, 2, 3)
	waitLogs(t, s, "the gRPC server listens", 2)
	if _, err := readNumbered(subscribe(t, connect(t, second, insecure.NewCredentials()), &outputs.Request{}), dir, 2, 3); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(run, "first")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old socket: %v", err)
	}
}
