package cli

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"rota/supervisor/admin"
)

// filePath makes a setter of the path of a file that is read later.
func filePath(field func(*Settings) *string) func(*builder, string) (string, error) {
	return func(b *builder, text string) (string, error) {
		if text == "" {
			return "", errors.New("is empty (want the path of a file)")
		}
		*field(b.s) = text
		return text, nil
	}
}

var (
	setAdminTokenFile = filePath(func(s *Settings) *string { return &s.AdminAuth.TokenFile })
	setAdminTLSCert   = filePath(func(s *Settings) *string { return &s.AdminAuth.TLSCert })
	setAdminTLSKey    = filePath(func(s *Settings) *string { return &s.AdminAuth.TLSKey })
)

func setAdminInsecure(b *builder, text string) (string, error) {
	is, err := strconv.ParseBool(text)
	if err != nil {
		return "", fmt.Errorf("%q is neither true nor false", text)
	}
	b.s.AdminAuth.Insecure = is
	return strconv.FormatBool(is), nil
}

// verifyAdmin refuses to take a token where others could read it on its way.
func (b *builder) verifyAdmin() error {
	a := b.s.AdminAuth
	if b.s.Admin == "" {
		for _, name := range []string{"admin-token-file", "admin-tls-cert", "admin-tls-key", "admin-insecure"} {
			if b.given(name) {
				b.warn(name, "has no effect with --admin off")
			}
		}
		return nil
	}
	switch {
	case a.TLSCert != "" && a.TLSKey == "":
		return b.errorf("admin-tls-cert", "%q is of no use without its key: add --admin-tls-key", a.TLSCert)
	case a.TLSKey != "" && a.TLSCert == "":
		return b.errorf("admin-tls-key", "%q is of no use without its certificate: add --admin-tls-cert", a.TLSKey)
	case a.Insecure && (a.TokenFile == "" || a.TLSCert != "" || onLoopback(b.s.Admin)):
		b.warn("admin-insecure", "has no effect but for a token without TLS on other than a loopback address")
	case a.TokenFile != "" && a.TLSCert == "" && !a.Insecure && !onLoopback(b.s.Admin):
		return b.errorf("admin-token-file", "on %s, without TLS, others could read the token on its way: "+
			"add --admin-tls-cert and --admin-tls-key, listen on 127.0.0.1, or force it with --admin-insecure", b.s.Admin)
	}
	return nil
}

// onLoopback tells whether only this machine can reach an address host:port.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// guards reads the files of the admin address, and adds to the warnings what is
// doubtful about them.
func (s *Settings) guards() (token *admin.Token, certificate *admin.Certificate, err error) {
	a := s.AdminAuth
	if s.Admin == "" {
		return nil, nil, nil
	}
	if a.TokenFile != "" {
		if token, err = admin.OpenToken(a.TokenFile); err != nil {
			return nil, nil, usage(fmt.Errorf("--admin-token-file: %w", err))
		}
		if text := token.Warning(); text != "" {
			s.Warnings = append(s.Warnings, text)
		}
	}
	if a.TLSCert != "" {
		if certificate, err = admin.OpenCertificate(a.TLSCert, a.TLSKey); err != nil {
			return nil, nil, usage(fmt.Errorf("--admin-tls-cert: %w", err))
		}
	}
	return token, certificate, nil
}
