// Hungry is a server with every appetite for memory that tests need. It handles
// no signal, and stays small beside what it is told to take.
//
//	PORT         of 127.0.0.1 that it serves on
//	BALLAST_MIB  memory that it takes before it listens, and keeps
//	BOOT         how long it then takes to listen, as 3s
//	LEAK_KIB     what each request for / makes it keep
//	LEAK_SLOT    the only ROTA_SLOT in which it leaks; all do without
//
// /?hold=0.3 is answered after so many seconds, and /?take=600 after it has
// taken so many MiB, of which it keeps all.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// kept is never emptied.
var kept struct {
	sync.Mutex
	blocks [][]byte
}

// keep takes memory, and writes to each page of it so that the kernel must give it.
func keep(bytes int) {
	block := make([]byte, bytes)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	kept.Lock()
	defer kept.Unlock()
	kept.blocks = append(kept.blocks, block)
}

func main() {
	keep(number("BALLAST_MIB") << 20)
	if boot := os.Getenv("BOOT"); boot != "" {
		d, err := time.ParseDuration(boot)
		if err != nil {
			log.Fatalf("BOOT: %v", err)
		}
		time.Sleep(d)
	}
	leak := number("LEAK_KIB") << 10
	if slot, only := os.LookupEnv("LEAK_SLOT"); only && slot != os.Getenv("ROTA_SLOT") {
		leak = 0
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		keep(leak)
		mib, _ := strconv.Atoi(query.Get("take"))
		for range mib {
			keep(1 << 20)
		}
		hold, _ := strconv.ParseFloat(query.Get("hold"), 64)
		time.Sleep(time.Duration(hold * float64(time.Second)))
		fmt.Fprintf(w, "pid=%d slot=%s\n", os.Getpid(), os.Getenv("ROTA_SLOT"))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func number(name string) int {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return n
}
