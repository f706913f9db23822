package admin

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// leastToken is how many characters a token has. 16 of a random one cannot be
// guessed over a network, whatever they are.
const leastToken = 16

// mostToken bounds what is read of the file.
const mostToken = 4 << 10

// stamp tells one state of a file from another.
type stamp struct {
	info os.FileInfo
	size int64
	time time.Time
}

func (s stamp) is(now os.FileInfo) bool {
	return s.info != nil && os.SameFile(s.info, now) && s.size == now.Size() && s.time.Equal(now.ModTime())
}

func stampOf(info os.FileInfo) stamp { return stamp{info, info.Size(), info.ModTime()} }

// Token is what lets its bearer change the pool over the admin address: the first
// line of a file, which is read again when it has changed.
type Token struct {
	path string

	mu    sync.Mutex
	stamp stamp
	hash  [sha256.Size]byte
	err   error // why there is none
	open  bool  // others than the owner can read the file
}

// OpenToken reads a token. It must have at least 16 characters.
func OpenToken(path string) (*Token, error) {
	t := &Token{path: path}
	return t, t.Read()
}

// Read reads the file again if it has changed. While it holds no token, nothing
// matches.
func (t *Token) Read() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		t.stamp, t.err = stamp{}, fmt.Errorf("cannot read the token: %w", err)
		return t.err
	}
	if t.stamp.is(info) {
		return t.err
	}
	t.stamp, t.open = stampOf(info), info.Mode().Perm()&0o007 != 0
	var text string
	if text, t.err = readToken(t.path, info); t.err == nil {
		t.hash = sha256.Sum256([]byte(text))
	}
	return t.err
}

func readToken(path string, info os.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("cannot read the token in %s: it is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, mostToken)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("cannot read the token: %w", err)
	}
	text := strings.TrimSpace(line)
	if len(text) < leastToken {
		return "", fmt.Errorf("the token in %s has %d characters: want at least %d in its first line (openssl rand -hex 16 makes one)",
			path, len(text), leastToken)
	}
	return text, nil
}

// Warning is what an operator should know about the file; empty for nothing.
func (t *Token) Warning() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open {
		return fmt.Sprintf("every user can read the token in %s: chmod 640 it, or less", t.path)
	}
	return ""
}

// Matches tells whether a text is the token, in a time that says nothing about
// how much of it is right.
func (t *Token) Matches(text string) bool {
	if t.Read() != nil {
		return false
	}
	given := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err == nil && subtle.ConstantTimeCompare(given[:], t.hash[:]) == 1
}
