package main

import (
	"embed"
	"os"
	"path/filepath"
)

// applications are what is served by servers that load an application, and the
// configuration of some. newBench copies them into the bench's folder, so that they
// are found wherever it was started.
//
//go:embed apps
var applications embed.FS

func (b *bench) unpack() error { return os.CopyFS(b.dir, applications) }

// app is where a file of the applications is.
func (b *bench) app(name string) string { return filepath.Join(b.dir, "apps", name) }
