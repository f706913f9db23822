package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// Get sends one request on a connection of its own, once, and returns the body
// of a 200. net/http is not used since it may send a request again.
func Get(addr, path string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	return Exchange(conn, addr, path)
}

// Exchange does so on a connection that is there, of any kind.
func Exchange(conn net.Conn, addr, path string) (string, error) {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, addr); err != nil {
		return "", fmt.Errorf("send: %w", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("body: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status: %d", response.StatusCode)
	}
	return string(body), nil
}

// Cause says in a few words why a request was lost.
func Cause(err error) string {
	where, _, _ := strings.Cut(err.Error(), ":")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return where + ": refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return where + ": reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return where + ": closed unanswered"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return where + ": timed out"
	}
	return err.Error()
}
