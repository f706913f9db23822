package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// numbered makes a certificate of 127.0.0.1, and its key, in PEM.
func numbered(t *testing.T, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// With a token, over TLS, the admin address changes the pool; both are exchanged
// while it runs.
func TestTokenOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token, certFile, keyFile := filepath.Join(dir, "token"), filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	first, firstKey := numbered(t, 1)
	put(t, token, "first-0123456789\n", 0o600)
	put(t, certFile, first, 0o600)
	put(t, keyFile, firstKey, 0o600)
	p := newSite(t).start([]string{"-w", "1", "--admin-token-file", token, "--admin-tls-cert", certFile, "--admin-tls-key", keyFile, "--admin", "0.0.0.0:0"})
	p.awaitKind("pool ready", 1)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.adminURL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	address := "https://127.0.0.1:" + port
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(first))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	send := func(method, path, token, body string) (int, *tls.ConnectionState) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode, answer.TLS
	}
	is := func(want int, method, path, token, body string) {
		t.Helper()
		if code, _ := send(method, path, token, body); code != want {
			t.Errorf("%s %s with %q: %d, want %d", method, path, token, code, want)
		}
	}
	is(200, "GET", "/readyz", "", "")
	is(401, "POST", "/v1/scale", "", `{"workers":2}`)
	is(401, "POST", "/v1/scale", "second-0123456789", `{"workers":2}`)
	p.awaitText("refused POST")
	is(200, "POST", "/v1/scale", "first-0123456789", `{"workers":2}`)
	if e := p.awaitKind("operator asked", 1); e["message"] != "scale to 2 workers" || !strings.Contains(e.str("reason"), "the bearer of the token, from 127.0.0.1:") {
		t.Errorf("the log says %v", e)
	}
	p.awaitKind("pool scaled", 1)

	put(t, token, "second-0123456789\n", 0o600)
	is(401, "POST", "/v1/scale", "first-0123456789", `{"workers":1}`)
	is(200, "POST", "/v1/scale", "second-0123456789", `{"workers":1}`)

	second, secondKey := numbered(t, 2)
	put(t, certFile, second, 0o600)
	is(200, "GET", "/readyz", "", "") // the key is not its own yet: the one before stays
	p.awaitText("going on with the one before")
	put(t, keyFile, secondKey, 0o600)
	roots.AppendCertsFromPEM([]byte(second))
	if _, state := send("GET", "/readyz", "", ""); state.PeerCertificates[0].SerialNumber.Int64() != 2 {
		t.Errorf("the certificate is still number %v", state.PeerCertificates[0].SerialNumber)
	}

	put(t, token, "short\n", 0o600)
	p.signal(syscall.SIGHUP)
	p.awaitText("nobody can change anything over admin")
	is(403, "POST", "/v1/stop", "short", "")
	p.awaitKind("roll done", 1)
}
