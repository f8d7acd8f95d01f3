package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/saker-sensor/saker/internal/output/falcopb/outputs"
	"github.com/saker-sensor/saker/internal/testutil/authority"
)

// journal is a log that a test waits on.
type journal struct {
	t     *testing.T
	lines *observer.ObservedLogs
	grown chan struct{}
}

func newJournal(t *testing.T) (*journal, *zap.Logger) {
	core, lines := observer.New(zapcore.InfoLevel)
	j := &journal{t: t, lines: lines, grown: make(chan struct{}, 1)}
	return j, zap.New(core, zap.Hooks(func(zapcore.Entry) error {
		select {
		case j.grown <- struct{}{}:
		default:
		}
		return nil
	}))
}

// wait waits for a line with a message and, in its error, a text.
func (j *journal) wait(message, text string) {
	j.t.Helper()
	timeout := time.After(time.Minute)
	for {
		for _, l := range j.lines.FilterMessage(message).All() {
			if err := fmt.Sprint(l.ContextMap()["error"]); strings.Contains(err, text) {
				return
			}
		}
		select {
		case <-j.grown:
		case <-time.After(50 * time.Millisecond): // the hook runs before the line is kept
		case <-timeout:
			j.t.Fatalf("the log lacks %q with %q: %v", message, text, j.lines.All())
		}
	}
}

// TestUnixSocket: its directory is made; its mode keeps others out; it is gone after the end.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "falco.sock")
	r := start(t, Settings{Address: "unix://" + path})
	r.write("r", 0, 1)
	get(t, r.connect(), &outputs.Request{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 || info.Mode()&os.ModeSocket == 0 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

// TestStaleSocket: what a dead server left is taken away; what a living one has, and what is no socket, is left alone, and
// tried again.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	r := start(t, Settings{Address: "unix://" + stale})
	get(t, r.connect(), &outputs.Request{})

	j, log := newJournal(t)
	second := start(t, Settings{Address: "unix://" + stale, Log: log})
	j.wait("the gRPC server does not listen; trying again", "another process listens on "+stale)
	get(t, r.connect(), &outputs.Request{})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	j.wait("the gRPC server listens", "")
	second.write("r", 0, 1)
	wantNumbers(t, "the second server", get(t, second.connect(), &outputs.Request{}), 0, 1)

	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	j, log = newJournal(t)
	start(t, Settings{Address: "unix://" + file, Log: log})
	j.wait("the gRPC server does not listen; trying again", file+" is there and is no socket; remove it")
	if text, _ := os.ReadFile(file); string(text) != "text" {
		t.Error("the file is gone")
	}
}

// dialAs connects to a socket as another user: on a thread with that user's ids, which ends then.
func dialAs(t *testing.T, path string, uid, gid int, groups ...uint32) (net.Conn, error) {
	t.Helper()
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()    // never unlocked: the thread ends with the goroutine
		list := append(groups, 0) // so that there is a first one to point at
		calls := [][4]uintptr{
			{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0]))},
			{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)},
			{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
		}
		for _, c := range calls { // the raw calls change this thread alone
			if _, _, errno := unix.RawSyscall(c[0], c[1], c[2], c[3]); errno != 0 {
				done <- result{-1, errno}
				return
			}
		}
		runtime.KeepAlive(list)
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
		}
		done <- result{fd, err}
	}()
	r := <-done
	if r.err != nil {
		return nil, r.err
	}
	f := os.NewFile(uintptr(r.fd), "socket")
	defer f.Close()
	return net.FileConn(f)
}

// TestPeer: the socket's mode was opened to all, yet only root, the sensor's user and the socket's group are served.
func TestPeer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it connects as other users")
	}
	const nobody, others, group = 65534, 65533, 4242
	dir, err := os.MkdirTemp("", "saker-stream-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "falco.sock")
	j, log := newJournal(t)
	r := start(t, Settings{Address: "unix://" + path, Log: log})
	r.write("r", 0, 1)
	get(t, r.connect(), &outputs.Request{})
	if err := os.Chown(path, 0, group); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := dialAs(t, path, nobody, others); !errors.Is(err, unix.EACCES) {
		t.Errorf("the socket's mode lets all in: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		gid    int
		groups []uint32
		served bool
	}{
		"nobody":                {others, []uint32{1, 2}, false},
		"of the socket's group": {group, nil, true},
		"with it among others":  {others, []uint32{1, group, 5000}, true},
		"in very many groups":   {others, append(make([]uint32, 300), group), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, "passthrough:///"+path, grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
				return dialAs(t, path, nobody, tt.gid, tt.groups...)
			}))
			stream, err := outputs.NewServiceClient(conn).Get(deadline(t), &outputs.Request{}, grpc.WaitForReady(false))
			var a *outputs.Response
			if err == nil {
				a, err = stream.Recv()
			}
			if tt.served && (err != nil || a.Cursor != 1) || !tt.served && status.Code(err) != codes.Unavailable {
				t.Errorf("got %v, %v", a, err)
			}
		})
	}
	j.wait("a gRPC client was refused", "of uid 65534 is neither root's, nor the sensor's, nor in the group of "+path)
}

func tlsSettings(a *authority.Authority) Settings {
	return Settings{Address: "127.0.0.1:0", PrivateKey: a.Path("server.key"), CertChain: a.Path("server.crt"), RootCerts: a.Path("ca.crt")}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// withTLS is how Falco's own client dials.
func withTLS(t *testing.T, ca, cert *authority.Authority, name string) grpc.DialOption {
	t.Helper()
	c := &tls.Config{ServerName: "localhost", RootCAs: x509.NewCertPool()}
	text, err := os.ReadFile(ca.Path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	c.RootCAs.AppendCertsFromPEM(text)
	if name != "" {
		pair, err := tls.LoadX509KeyPair(cert.Path(name+".crt"), cert.Path(name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return grpc.WithTransportCredentials(credentials.NewTLS(c))
}

// TestMutualTLS: a client is served by the certificate that it shows. A renewed authority counts without a restart.
func TestMutualTLS(t *testing.T) {
	a, stranger := authority.New(t), authority.New(t)
	a.Issue("server", time.Now().Add(time.Hour))
	a.Issue("client", time.Now().Add(time.Hour))
	a.Issue("expired", time.Now().Add(-time.Minute))
	stranger.Issue("client", time.Now().Add(time.Hour))
	s := tlsSettings(a)
	s.Address = freeAddress(t)
	s.RootCerts = filepath.Join(t.TempDir(), "clients.crt")
	if err := os.Link(a.Path("ca.crt"), s.RootCerts); err != nil {
		t.Fatal(err)
	}
	j, log := newJournal(t)
	s.Log = log
	r := start(t, s)
	r.write("r", 0, 1)
	wantNumbers(t, "a good certificate", get(t, r.connect(withTLS(t, a, a, "client")), &outputs.Request{}), 0, 1)
	for name, option := range map[string]grpc.DialOption{
		"none":          withTLS(t, a, nil, ""),
		"expired":       withTLS(t, a, a, "expired"),
		"a stranger's":  withTLS(t, a, stranger, "client"),
		"no TLS at all": grpc.EmptyDialOption{},
	} {
		stream, err := r.connect(option).Get(deadline(t), &outputs.Request{}, grpc.WaitForReady(false))
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s: got %v", name, err)
		}
	}
	j.wait("a gRPC client was refused", "")
	text, err := os.ReadFile(stranger.Path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.RootCerts); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.RootCerts, text, 0o600); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, "the new authority's", get(t, r.connect(withTLS(t, a, stranger, "client")), &outputs.Request{}), 0, 1)
}

// TestSettings: a wrong configuration is told at the start, with the remedy.
func TestSettings(t *testing.T) {
	a := authority.New(t)
	a.Issue("server", time.Now().Add(time.Hour))
	const remedy = "set grpc.private_key and grpc.cert_chain to the files of the server's certificate and grpc.root_certs to that of the " +
		"authority of the clients'"
	without := func(change func(*Settings)) Settings {
		s := tlsSettings(a)
		change(&s)
		return s
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		settings Settings
		want     []string
	}{
		"no address":      {Settings{}, []string{`"" is no address; set grpc.bind_address to unix:///PATH or HOST:PORT`}},
		"a relative path": {Settings{Address: "unix://run/falco.sock"}, []string{"names no absolute path"}},
		"no port":         {Settings{Address: "localhost"}, []string{`"localhost" is no address`}},
		"no files": {Settings{Address: "0.0.0.0:5060"}, []string{"0.0.0.0:5060 is open to the network and needs mTLS", remedy,
			"or grpc.bind_address to a Unix socket"}},
		"no key":         {without(func(s *Settings) { s.PrivateKey = "/absent" }), []string{"open /absent", remedy}},
		"no certificate": {without(func(s *Settings) { s.CertChain = "/absent" }), []string{"open /absent", remedy}},
		"no authority":   {without(func(s *Settings) { s.RootCerts = "/absent" }), []string{"read the clients' authority: open /absent", remedy}},
		"no PEM":         {without(func(s *Settings) { s.RootCerts = empty }), []string{"it holds no certificate in PEM form", remedy}},
		"another's key":  {without(func(s *Settings) { s.PrivateKey = a.Path("ca.key") }), []string{"private key does not match", remedy}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.settings.Log = zap.NewNop()
			_, err := New(tt.settings)
			for _, want := range append(tt.want, "open the gRPC output: ") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}
