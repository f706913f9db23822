package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// A worker gets no request before its own path answers that it is well.
func TestReadyOverHTTP(t *testing.T) {
	t.Parallel()
	health := filepath.Join(t.TempDir(), "health")
	site := newSite(t, "HEALTH="+health)
	p := site.start(fronted("-w", "1", "-l", site.addr, "--ready", "http", "--ready-path", "/healthz", "--start-timeout", "5s"))
	p.awaitKind("worker started", 1)
	waiting := make(chan error, 1)
	go func() {
		_, err := load.Get(site.addr, "/")
		waiting <- err
	}()
	p.metric("rota_http_queue_length", 1)
	if n := p.count("worker ready"); n > 0 {
		t.Error("a worker is ready that is not well")
	}
	put(t, health+"0", "", 0o600)
	if err := <-waiting; err != nil {
		t.Errorf("the request that waited was lost: %v", err)
	}
	p.awaitKind("pool ready", 1)

	// A replacement that is never well does not take the old one's place.
	before := site.pid()
	if err := os.Remove(health + "0"); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	failed := p.awaitKind("start failed", 1)
	if want := "/healthz answered 503"; !strings.Contains(failed.str("message"), want) {
		t.Errorf("%v does not say %q", failed, want)
	}
	if e := p.awaitKind("worker stopping", 1); !strings.Contains(e.str("reason"), "start timeout") || !strings.Contains(e.str("reason"), "/healthz answered 503") {
		t.Errorf("stopped for %q", e.str("reason"))
	}
	p.awaitKind("roll failed", 1)
	if now := site.pid(); now != before {
		t.Errorf("process %d answers, want the old one, %d", now, before)
	}
}

// With --ready notify, requests wait for a program that listens long before it
// says that it is ready.
func TestFrontAndNotify(t *testing.T) {
	t.Parallel()
	port, gate := freePort(t), filepath.Join(t.TempDir(), "gate")
	p := start(t, fronted("-w", "2", "--ready", "notify", "-l", fmt.Sprintf("127.0.0.1:%d", port), "--",
		goServer(t), "-addr", fmt.Sprintf("127.0.0.1:%d", port), "-gate", gate))
	p.awaitKind("worker started", 2)
	waiting := make(chan error, 1)
	go func() {
		_, err := askTCP("127.0.0.1", port)("/")
		waiting <- err
	}()
	p.metric("rota_http_queue_length", 1)
	if n := p.count("worker ready"); n != 0 {
		t.Fatalf("%d workers are ready that did not say so", n)
	}
	put(t, gate, "", 0o600)
	if err := <-waiting; err != nil {
		t.Errorf("the request that waited was lost: %v", err)
	}
	proveRoll(t, p, askTCP("127.0.0.1", port), 2)
}

// A worker that says that it is ready but listens nowhere never is.
func TestFrontAndNotifyWithoutAPort(t *testing.T) {
	t.Parallel()
	p := start(t, fronted("-w", "1", "--ready", "notify", "--start-timeout", "2s", "--",
		server(t, "/usr/bin/python3", "python3"), "-c", `
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send(b"READY=1")
time.sleep(60)`))
	if e := p.awaitKind("start failed", 1); !strings.Contains(e.str("message"), "said READY=1, but there is no port") {
		t.Errorf("reported as %v", e)
	}
}

// certificate makes a file with a key and a certificate for itself.
func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cert.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// securePython serves HTTPS on the port of its first argument.
const securePython = `
import http.server, ssl, sys
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(sys.argv[2])
s.socket = c.wrap_socket(s.socket, server_side=True)
s.serve_forever()
`

// secureNode does too.
const secureNode = `

const pem = require('fs').readFileSync(process.argv[2])
require('https').createServer({key: pem, cert: pem}, (_, r) => r.end()).listen(process.argv[1], '127.0.0.1')
`

// A worker that speaks TLS fails at once, and says what to do.
func TestWorkerThatSpeaksTLS(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]func(t *testing.T, port, cert string) []string{
		"go": func(t *testing.T, port, cert string) []string {
			return []string{"env", "PROGRAM=server", "PORT=" + port, "CERT=" + cert, os.Args[0]}
		},
		"python": func(t *testing.T, port, cert string) []string {
			return []string{server(t, "/usr/bin/python3", "python3"), "-c", securePython, port, cert}
		},
		"node": func(t *testing.T, port, cert string) []string {
			return []string{server(t, "node", "nodejs"), "-e", secureNode, "--", port, cert}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, append(fronted("-w", "1", "--ready", "http", "--start-timeout", "60s", "--"),
				command(t, strconv.Itoa(freePort(t)), certificate(t))...), quiet(t))
			failed := p.awaitKind("start failed", 1)
			for _, want := range []string{"speaks TLS", "--accept shared"} {
				if !strings.Contains(failed.str("message"), want) {
					t.Errorf("%q does not say %q", failed.str("message"), want)
				}
			}
			if e := p.awaitKind("worker stopping", 1); strings.Contains(e.str("reason"), "start timeout") {
				t.Errorf("it took the start timeout to find out: %v", e)
			}
		})
	}
}
