// Package tlsfiles makes the TLS configuration of a client from files with certificates and keys.
package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// Settings say whom a client trusts and what it shows.
type Settings struct {
	// Section of the configuration has the settings; errors name it.
	Section string
	// Insecure takes any certificate of the server. CACert and CABundle are files, CAPath a directory of files, with the
	// authorities to trust beside the machine's own.
	Insecure                 bool
	CACert, CABundle, CAPath string
	// ClientCert and ClientKey are the files to show to the server; both or none. They are read anew for each connection, so a
	// renewed certificate needs no restart.
	ClientCert, ClientKey string
}

// Config reads the files.
func (s Settings) Config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Insecure}
	files, err := s.authorities()
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a machine without any is no error
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, fmt.Errorf("read the certificate authority: %w", err)
			}
			if !pool.AppendCertsFromPEM(text) && s.CAPath == "" {
				return nil, fmt.Errorf("read the certificate authority %s: it holds no certificate in PEM form", f)
			}
		}
		c.RootCAs = pool
	}
	if s.ClientCert == "" && s.ClientKey == "" {
		return c, nil
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(s.ClientCert, s.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("read the client certificate: %w; see %s.client_cert and %[2]s.client_key", err, s.Section)
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return c, nil
}

// authorities are the files of those to trust.
func (s Settings) authorities() ([]string, error) {
	var files []string
	for _, f := range []string{s.CACert, s.CABundle} {
		if f != "" {
			files = append(files, f)
		}
	}
	if s.CAPath == "" {
		return files, nil
	}
	entries, err := os.ReadDir(s.CAPath)
	if err != nil {
		return nil, fmt.Errorf("read %s.ca_path: %w", s.Section, err)
	}
	for _, e := range entries {
		if !e.IsDir() {
			files = append(files, filepath.Join(s.CAPath, e.Name()))
		}
	}
	return files, nil
}
