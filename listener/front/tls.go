package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// tlsPatience bounds the handshake that tells whether a worker speaks TLS.
const tlsPatience = time.Second

// ErrTLS is what an operator can do about a worker that the front cannot speak to.
var ErrTLS = errors.New("the command speaks TLS on its socket, which the front cannot forward to: use --accept shared, or let the command speak plain HTTP")

// SpeaksTLS tells whether a worker completes a TLS handshake, on a connection
// of its own. It is asked once plain HTTP was not understood: no request is sent.
func SpeaksTLS(dial func() (net.Conn, error)) bool {
	conn, err := dial()
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(tlsPatience)) != nil {
		return false
	}
	// Whose certificate it is does not matter here.
	return tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake() == nil
}

// LooksLikeTLS tells whether what a worker answered to plain HTTP begins as a
// TLS record does: an alert (0x15) or a handshake message (0x16) of a version
// 3.x, see RFC 8446, section 5.1.
func LooksLikeTLS(answer []byte) bool {
	return len(answer) >= 2 && (answer[0] == 0x15 || answer[0] == 0x16) && answer[1] == 3
}

// MentionsTLS tells whether the body of an answer complains of plain HTTP, as
// servers do that find it where they expect TLS: "Client sent an HTTP request to
// an HTTPS server." (Go), "The plain HTTP request was sent to HTTPS port" (nginx).
func MentionsTLS(body []byte) bool {
	return bytes.Contains(body, []byte("HTTP request to an HTTPS server")) || bytes.Contains(body, []byte("HTTP request was sent to HTTPS port"))
}
