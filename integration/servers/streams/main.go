// Streams is a server of what goes on for long. It knows nothing of signals.
//
//	/echo      a WebSocket that says again what it is told
//	/events    server-sent events with growing numbers, one every 20 ms, until
//	           the file ?until= is there, and then one last that says so
//	/upload    tells how many bytes it was sent, and their checksum
//	/download  sends ?bytes= of a pattern, and its checksum in a trailer
package main

import (
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/net/websocket"
)

func main() {
	http.Handle("/echo", websocket.Handler(func(ws *websocket.Conn) { _, _ = io.Copy(ws, ws) }))
	http.HandleFunc("/events", events)
	http.HandleFunc("/upload", upload)
	http.HandleFunc("/download", download)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for n := 1; ; n++ {
		fmt.Fprintf(w, "data: %d\n\n", n)
		w.(http.Flusher).Flush()
		select {
		case <-every.C:
		case <-r.Context().Done():
			return
		}
		if _, err := os.Stat(r.URL.Query().Get("until")); err == nil {
			fmt.Fprint(w, "data: last\n\n")
			return
		}
	}
}

func upload(w http.ResponseWriter, r *http.Request) {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	n, err := io.CopyBuffer(struct{ io.Writer }{sum}, r.Body, make([]byte, 256<<10))
	if err != nil {
		log.Printf("upload: %v after %d bytes", err, n)
		return
	}
	fmt.Fprintf(w, "%d %08x", n, sum.Sum32())
}

func download(w http.ResponseWriter, r *http.Request) {
	left, _ := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
	w.Header().Set("Trailer", "Checksum")
	table, sum := crc32.MakeTable(crc32.Castagnoli), uint32(0)
	block := make([]byte, 256<<10)
	for i := range block {
		block[i] = byte(i * i >> 7)
	}
	for left > 0 {
		part := block[:min(left, int64(len(block)))]
		if _, err := w.Write(part); err != nil {
			return
		}
		sum = crc32.Update(sum, table, part)
		left -= int64(len(part))
	}
	w.Header().Set("Checksum", fmt.Sprintf("%08x", sum))
}
