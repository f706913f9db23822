// Package dashboard is the page at / of the admin address: a pool as people look
// at it. What it shows first is made here, of one api.Status, and needs no
// script; from there on the page's own script keeps it up to date, from
// /v1/events and /v1/history. The page only looks: nothing on it changes a pool.
package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"rota/supervisor/admin/api"
)

//go:embed web
var web embed.FS

// types are those of the files that the page asks for. The machine's own table
// may say otherwise, and a browser runs no script of a wrong type.
var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	"":     "text/plain; charset=utf-8", // the licence
}

// policy is what the page may do: run what rota serves, and talk to rota. No
// script or style can be put into the page, no other host is asked for anything,
// and no other page can frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Dashboard answers for the page and its files.
type Dashboard struct {
	status func() *api.Status
	shown  func() *content // made when it is first asked for, which in most pools is never
}

// content is what is shown.
type content struct {
	page  *template.Template
	files map[string]file // by path below /assets/
}

type file struct {
	kind string
	text []byte
}

// New makes a Dashboard of the pool that status tells of; nil while there is
// nothing to tell yet. Mount it with Mount.
func New(status func() *api.Status) *Dashboard {
	return &Dashboard{status: status, shown: sync.OnceValue(newContent)}
}

func newContent() *content {
	c := &content{files: map[string]file{}}
	root, err := fs.Sub(web, "web")
	if err != nil {
		panic(fmt.Sprintf("internal error: the dashboard's files: %v", err))
	}
	hash := hashOf(root)
	_ = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) == ".html" {
			return err
		}
		text, err := fs.ReadFile(root, name)
		c.files[hash+"/"+name] = file{types[path.Ext(name)], text}
		return err
	})
	asset := func(name string) string { return "/assets/" + hash + "/" + name }
	c.page = template.Must(template.New("page.html").Funcs(template.FuncMap{"asset": asset}).ParseFS(root, "page.html"))
	return c
}

// hashOf is of all files, so that a path that holds it never changes what it
// means. Files refer to each other by relative paths, so they share one.
func hashOf(root fs.FS) string {
	sum := sha256.New()
	_ = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, name)
		fmt.Fprintf(sum, "%s %d\n", name, len(text))
		sum.Write(text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// Mount adds the page and its files to a mux.
func (d *Dashboard) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", d.servePage)
	mux.HandleFunc("GET /assets/", d.serveAsset)
}

func (d *Dashboard) servePage(w http.ResponseWriter, _ *http.Request) {
	var text bytes.Buffer
	if err := d.shown().page.Execute(&text, viewOf(d.status())); err != nil {
		http.Error(w, fmt.Sprintf("internal error: the dashboard: %v", err), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	send(w, "text/html; charset=utf-8", text.Bytes())
}

func (d *Dashboard) serveAsset(w http.ResponseWriter, r *http.Request) {
	f, ok := d.shown().files[strings.TrimPrefix(r.URL.Path, "/assets/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	send(w, f.kind, f.text)
}

func send(w http.ResponseWriter, kind string, text []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(text) // an error means that the client has gone
}
