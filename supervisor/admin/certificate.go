package admin

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
)

// Certificate is that of the admin address. It is read again when its files have
// changed; while they cannot be used, the one before stays.
type Certificate struct {
	certPath, keyPath string

	mu        sync.Mutex
	cert, key stamp
	now       *tls.Certificate
	said      string // the last error at a handshake
}

// OpenCertificate reads a certificate and its key, in PEM.
func OpenCertificate(certPath, keyPath string) (*Certificate, error) {
	c := &Certificate{certPath: certPath, keyPath: keyPath}
	return c, c.Read()
}

// Read reads the files again if one of them has changed. An error is told
// once for each change of them.
func (c *Certificate) Read() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, err := os.Stat(c.certPath)
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	key, err := os.Stat(c.keyPath)
	if err != nil {
		return fmt.Errorf("cannot read the certificate's key: %w", err)
	}
	if c.cert.is(cert) && c.key.is(key) {
		return nil
	}
	c.cert, c.key = stampOf(cert), stampOf(key)
	pair, err := tls.LoadX509KeyPair(c.certPath, c.keyPath)
	if err != nil {
		return fmt.Errorf("cannot use the certificate %s with the key %s: %w", c.certPath, c.keyPath, err)
	}
	c.now = &pair
	return nil
}

// config is for a server that has the certificate, as it is at each handshake.
// What is wrong with its files is told once.
func (c *Certificate) config(warn func(string)) *tls.Config {
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		err := c.Read()
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil && err.Error() != c.said {
			c.said = err.Error()
			warn(c.said + " (going on with the one before)")
		}
		return c.now, nil
	}}
}
