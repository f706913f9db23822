package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdminAuth(t *testing.T) {
	for args, want := range map[string]string{ // an error, or a warning
		"":                     "",
		"--admin-token-file t": "",
		"--admin-token-file t --admin localhost:1":                                              "",
		"--admin-token-file t --admin [::1]:1":                                                  "",
		"--admin-token-file t --admin 127.5.5.5:1":                                              "",
		"--admin-token-file t --admin :1":                                                       "error: --admin-token-file: on :1, without TLS, others could read the token",
		"--admin-token-file t --admin 0.0.0.0:1":                                                "error: --admin-token-file: on 0.0.0.0:1, without TLS",
		"--admin-token-file t --admin [::]:1":                                                   "error: --admin-token-file: on [::]:1, without TLS",
		"--admin-token-file t --admin example.org:1":                                            "error: --admin-token-file: on example.org:1, without TLS",
		"--admin-token-file t --admin :1 --admin-insecure":                                      "",
		"--admin-token-file t --admin :1 --admin-insecure=false":                                "error: --admin-token-file: on :1",
		"--admin-token-file t --admin :1 --admin-tls-cert c --admin-tls-key k":                  "",
		"--admin-tls-cert c":                                                                    "error: --admin-tls-cert: \"c\" is of no use without its key",
		"--admin-tls-key k":                                                                     "error: --admin-tls-key: \"k\" is of no use without its certificate",
		"--admin-tls-cert c --admin-tls-key k":                                                  "",
		"--admin-insecure":                                                                      "--admin-insecure: has no effect but",
		"--admin-insecure=maybe":                                                                "error: --admin-insecure: \"maybe\" is neither true nor false",
		"--admin-token-file t --admin-insecure":                                                 "--admin-insecure: has no effect but",
		"--admin-token-file t --admin :1 --admin-insecure --admin-tls-cert c --admin-tls-key k": "--admin-insecure: has no effect but",
		"--admin off --admin-token-file t":                                                      "--admin-token-file: has no effect with --admin off",
		"--admin off --admin-tls-cert c":                                                        "--admin-tls-cert: has no effect with --admin off",
		"--admin-token-file=":                                                                   "error: --admin-token-file: is empty",
		"--control=" + strings.Repeat("x", 200):                                                 "error: --control: ",
	} {
		s, err := sources{args: strings.Fields(args)}.resolve(t)
		got := ""
		switch {
		case err != nil:
			got = "error: " + err.Error()
		case len(s.Warnings) > 0:
			got = strings.Join(s.Warnings, "; ")
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s:\n got %q\nwant %q", args, got, want)
		}
	}
}

// The files of the admin address are read before anything is started.
func TestGuards(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good", "0123456789abcdef\n", 0o600)
	for _, c := range []struct {
		auth       AdminAuth
		err, warns string
	}{
		{AdminAuth{TokenFile: good}, "", ""},
		{AdminAuth{TokenFile: write("open", "0123456789abcdef\n", 0o644)}, "", "every user can read"},
		{AdminAuth{TokenFile: write("short", "0123456789\n", 0o600)}, "--admin-token-file: the token in ", ""},
		{AdminAuth{TokenFile: filepath.Join(dir, "none")}, "--admin-token-file: cannot read the token", ""},
		{AdminAuth{TokenFile: dir}, "--admin-token-file: cannot read the token in", ""},
		{AdminAuth{TLSCert: good, TLSKey: good}, "--admin-tls-cert: cannot use the certificate", ""},
		{AdminAuth{TLSCert: good, TLSKey: filepath.Join(dir, "none")}, "--admin-tls-cert: cannot read the certificate's key", ""},
	} {
		s := &Settings{Admin: "127.0.0.1:1", AdminAuth: c.auth}
		_, _, err := s.guards()
		if c.err == "" != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%+v: %v, want %s", c.auth, err, c.err)
		}
		if err != nil && strings.Contains(err.Error(), "0123456789") {
			t.Errorf("it tells the token: %v", err)
		}
		if got := strings.Join(s.Warnings, ""); !strings.HasPrefix(got, c.warns) || c.warns == "" && got != "" {
			t.Errorf("%+v: warnings %q", c.auth, got)
		}
	}
}
