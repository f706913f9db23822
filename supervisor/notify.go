package supervisor

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// notifyDir holds a datagram socket for each worker, on which it says READY=1
// as sd_notify(3) describes. A socket of its own tells workers apart whatever
// process of theirs speaks. The sockets are files, since not every client knows
// abstract ones. All methods work on nil, for a pool without.
type notifyDir struct {
	path    string
	sockets map[uint64]*net.UnixConn
}

func newNotifyDir() (*notifyDir, error) {
	path, err := os.MkdirTemp("", "rota-notify-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a folder for --ready notify: %w (set TMPDIR to one that can be written to)", err)
	}
	// sockaddr_un has room for 107 bytes, see unix(7); ids take up to 12 here.
	if len(path) > 95 {
		os.Remove(path)
		return nil, fmt.Errorf("cannot listen for --ready notify: %q is too long for a socket (set TMPDIR to a shorter path)", path)
	}
	return &notifyDir{path: path, sockets: map[uint64]*net.UnixConn{}}, nil
}

// listen opens the socket of a worker and calls ready once, when it says so.
func (d *notifyDir) listen(id uint64, ready func()) (string, error) {
	path := filepath.Join(d.path, strconv.FormatUint(id, 10))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return "", fmt.Errorf("cannot listen for --ready notify: %w", err)
	}
	d.sockets[id] = conn
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return // closed: the worker has gone
			}
			if saysReady(buf[:n]) {
				ready()
			}
		}
	}()
	return path, nil
}

// saysReady finds READY=1 among the lines of a notification.
func saysReady(message []byte) bool {
	for line := range bytes.Lines(message) {
		if string(bytes.TrimRight(line, "\n")) == "READY=1" {
			return true
		}
	}
	return false
}

func (d *notifyDir) forget(id uint64) {
	if d == nil {
		return
	}
	if conn := d.sockets[id]; conn != nil {
		conn.Close() // removes the file too
		delete(d.sockets, id)
	}
}

func (d *notifyDir) close() {
	if d != nil {
		os.RemoveAll(d.path)
	}
}
