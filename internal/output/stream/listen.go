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

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/saker-sensor/saker/internal/unixsocket"
)

// bind reads the address: how to listen there, and whom to let in.
func bind(s *Settings) (func(context.Context) (net.Listener, error), credentials.TransportCredentials, error) {
	if path, ok := strings.CutPrefix(s.Address, "unix://"); ok {
		if !filepath.IsAbs(path) {
			return nil, nil, fmt.Errorf("%q names no absolute path; set grpc.bind_address to unix:///PATH", s.Address)
		}
		listen := func(ctx context.Context) (net.Listener, error) {
			l, err := unixsocket.Listen(ctx, path, socketMode)
			if err != nil {
				return nil, fmt.Errorf("listen at grpc.bind_address: %w", err)
			}
			return l, nil
		}
		check := func(c net.Conn) error { return checkPeer(c, path) }
		return listen, &handshake{insecure.NewCredentials(), check, &refusals{log: s.Log}}, nil
	}
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		return nil, nil, fmt.Errorf("%q is no address; set grpc.bind_address to unix:///PATH or HOST:PORT", s.Address)
	}
	if _, err := serverTLS(s); err != nil {
		return nil, nil, fmt.Errorf("%s is open to the network and needs mTLS: %w; set grpc.private_key and grpc.cert_chain to the files of "+
			"the server's "+
			"certificate and grpc.root_certs to that of the authority of the clients', or grpc.bind_address to a Unix socket "+
			"(unix:///run/falco/falco.sock)", s.Address, err)
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
