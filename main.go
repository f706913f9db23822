// Rota runs N copies of an HTTP server behind one address and swaps each for a
// fresh one, on memory, age or schedule, without losing a request.
package main

import (
	"os"

	"rota/supervisor/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
