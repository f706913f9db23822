package supervisor

import (
	"net"
	"os"
	"testing"
	"time"
)

func TestSaysReady(t *testing.T) {
	for message, want := range map[string]bool{
		"READY=1":                    true,
		"READY=1\n":                  true,
		"STATUS=up\nREADY=1\nX=2":    true,
		"READY=0":                    false,
		"NOTREADY=1":                 false,
		"READY=10":                   false,
		"STATUS=READY=1":             false,
		"":                           false,
		"WATCHDOG=1\nSTATUS=waiting": false,
	} {
		if got := saysReady([]byte(message)); got != want {
			t.Errorf("%q: %v", message, got)
		}
	}
}

func FuzzSaysReady(f *testing.F) {
	f.Add([]byte("READY=1\n"))
	f.Fuzz(func(t *testing.T, message []byte) { saysReady(message) })
}

func TestNotifySocketOfEachWorker(t *testing.T) {
	d, err := newNotifyDir()
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan uint64, 2)
	for _, id := range []uint64{1, 2} {
		path, err := d.listen(id, func() { ready <- id })
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if id == 2 {
			if _, err := conn.Write([]byte("READY=1\n")); err != nil {
				t.Fatal(err)
			}
		}
	}
	select {
	case id := <-ready:
		if id != 2 {
			t.Errorf("worker %d is ready, want 2", id)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nobody is ready")
	}
	d.forget(1)
	d.forget(2)
	d.close()
	if _, err := os.Stat(d.path); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
	var none *notifyDir // a pool without
	none.forget(1)
	none.close()
}
