package cli

import (
	"fmt"
	"net/url"
	"strings"
)

// checkPath tells what keeps a text from being asked for as it is, in a line of
// HTTP: a path that may have a query.
func checkPath(s string) error {
	if !strings.HasPrefix(s, "/") {
		return fmt.Errorf("%q is not a path (want one that begins with /, like /healthz)", s)
	}
	// The fragment of an address is never sent.
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }); i >= 0 {
		return fmt.Errorf("%q is not a path (a space, # and what is no visible ASCII is written like %%20)", s)
	}
	if _, err := url.ParseRequestURI(s); err != nil {
		return fmt.Errorf("%q is not a path (%% must have two hexadecimal digits behind it)", s)
	}
	return nil
}

// parsePath reads a path without a query, and returns it decoded.
func parsePath(s string) (string, error) {
	if err := checkPath(s); err != nil {
		return "", err
	}
	if before, _, ok := strings.Cut(s, "?"); ok {
		return "", fmt.Errorf("%q has a query, which is not looked at: want %s", s, before)
	}
	path, err := url.PathUnescape(s)
	if err != nil {
		return "", fmt.Errorf("internal error: %q is a path that cannot be decoded: %w", s, err)
	}
	return path, nil
}
