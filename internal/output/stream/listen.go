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
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// bind reads the address: how to listen there, and whom to let in.
func bind(s *Settings) (func(context.Context) (net.Listener, error), credentials.TransportCredentials, error) {
	if path, ok := strings.CutPrefix(s.Address, "unix://"); ok {
		if !filepath.IsAbs(path) {
			return nil, nil, fmt.Errorf("%q names no absolute path; set grpc.bind_address to unix:///PATH", s.Address)
		}
		listen := func(ctx context.Context) (net.Listener, error) { return listenUnix(ctx, path) }
		check := func(c net.Conn) error { return checkPeer(c, path) }
		return listen, &handshake{insecure.NewCredentials(), check, &refusals{log: s.Log}}, nil
	}
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		return nil, nil, fmt.Errorf("%q is no address; set grpc.bind_address to unix:///PATH or HOST:PORT", s.Address)
	}
	if _, err := serverTLS(s); err != nil {
		return nil, nil, fmt.Errorf("%s is open to the network and needs mTLS: %w; set grpc.private_key and grpc.cert_chain to the files of the server's "+
			"certificate and grpc.root_certs to that of the authority of the clients', or grpc.bind_address to a Unix socket (unix:///run/falco/falco.sock)", s.Address, err)
	}
	address, settings := s.Address, *s
	c := credentials.NewTLS(&tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return serverTLS(&settings) },
	})
	var lc net.ListenConfig
	listen := func(ctx context.Context) (net.Listener, error) { return lc.Listen(ctx, "tcp", address) }
	return listen, &handshake{c, nil, &refusals{log: s.Log}}, nil
}

// serverTLS reads the files of mTLS.
func serverTLS(s *Settings) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(s.CertChain, s.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("read the server's certificate: %w", err)
	}
	text, err := os.ReadFile(s.RootCerts)
	if err != nil {
		return nil, fmt.Errorf("read the clients' authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read the clients' authority %s: it holds no certificate in PEM form", s.RootCerts)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}, Certificates: []tls.Certificate{pair},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}, nil
}

// socketMode lets the socket's owner and group connect; checkPeer looks again.
const socketMode = 0o660

// listenUnix makes the socket, and the directory if need be. A socket that a dead server has left is taken away.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the socket's directory: %w", err)
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("set the socket's mode: %w", err), l.Close())
	}
	return l, nil
}

func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for an old socket: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s is there and is no socket; remove it, or choose another grpc.bind_address", path)
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		_ = c.Close()
		return fmt.Errorf("another process listens on %s; end it, or choose another grpc.bind_address", path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("look for an old socket: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove an old socket: %w", err)
	}
	return nil
}

// limit is a listener that closes what connects beyond a number of connections at once.
type limit struct {
	net.Listener
	seats chan struct{}
}

func newLimit(l net.Listener, n int) *limit { return &limit{l, make(chan struct{}, n)} }

// Accept implements [net.Listener].
func (l *limit) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.seats <- struct{}{}:
			return &seated{Conn: c, leave: sync.OnceFunc(func() { <-l.seats })}, nil
		default:
			_ = c.Close()
		}
	}
}

// seated gives its seat back when it is closed.
type seated struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (s *seated) Close() error {
	s.leave()
	return s.Conn.Close()
}

// SyscallConn implements [syscall.Conn].
func (s *seated) SyscallConn() (syscall.RawConn, error) {
	c, ok := s.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return c.SyscallConn()
}
