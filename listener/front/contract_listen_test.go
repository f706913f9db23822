package front_test

import (
	"net"
	"os"
	"testing"
	"time"
)

// socket makes one more listening socket, that only its file keeps open.
func socket(t *testing.T) (addr string, file *os.File) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err = ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return ln.Addr().String(), file
}

func TestListenTwice(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	addr, file := socket(t)
	if err := r.front.Listen(int(file.Fd()), true); err != nil {
		t.Fatal(err)
	}
	expect(t, "on the first", r.get("/").body, "hello")
	r.addr = addr
	expect(t, "on the second", r.get("/").body, "hello")
	r.close()
	if c, err := net.DialTimeout("tcp", addr, patience); err == nil {
		c.Close()
		t.Error("a connection that nobody will serve was taken after the end")
	}
}

// A socket that others hold too goes on taking connections, for them.
func TestListenOnSocketOfOthers(t *testing.T) {
	r := start(t)
	r.add(1, 0, named(t, "hello").addr)
	addr, file := socket(t)
	if err := r.front.Listen(int(file.Fd()), false); err != nil {
		t.Fatal(err)
	}
	r.addr = addr
	expect(t, "body", r.get("/").body, "hello")
	r.close()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatalf("refused after the end: %s", err)
	}
	defer c.Close()
	next, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	_ = next.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	taken, err := next.Accept()
	if err != nil {
		t.Fatalf("the connection is not there for the next: %s", err)
	}
	taken.Close()
}

func TestListenOnNothing(t *testing.T) {
	r := start(t)
	if err := r.front.Listen(1<<20, true); err == nil {
		t.Error("a descriptor that is none was listened on")
	}
}
