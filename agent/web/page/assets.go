package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

// assets serves the style sheet, the icon and the modules. They live under a folder named after the hash of all of
// them, so that they can be kept by browsers for ever, refer to each other by relative paths, and are never mixed
// with those of another release. Each language has a folder, for the table of texts is one of the modules.
type assets struct {
	load func() (map[string]*assetSet, error) // by language
}

// assetSet is the content of the assets of one language with the name of their folder.
type assetSet struct {
	build string
	files map[string]*asset // by path below the folder
}

type asset struct {
	body   []byte
	kind   string
	zipped func() []byte
}

// immutable lets a browser keep an asset for a year without asking again.
const immutable = "public, max-age=31536000, immutable"

func newAssets() *assets { return &assets{load: sync.OnceValues(loadAssets)} }

func loadAssets() (map[string]*assetSet, error) {
	shared := map[string]*asset{}
	sum := sha256.New()
	err := fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := assetFiles.ReadFile(name)
		fmt.Fprintf(sum, "%s %d\n", name, len(body))
		sum.Write(body)
		name = strings.TrimPrefix(name, "assets/")
		shared[name] = newAsset(name, body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read assets: %w", err)
	}
	sets := map[string]*assetSet{}
	for _, lang := range languages {
		table, err := textModule(lang)
		if err != nil {
			return nil, err
		}
		files := maps.Clone(shared)
		files["js/table.js"] = newAsset("js/table.js", table)
		build := sha256.Sum256(append(sum.Sum(nil), table...))
		sets[lang] = &assetSet{hex.EncodeToString(build[:8]), files}
	}
	return sets, nil
}

func newAsset(name string, body []byte) *asset {
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // independent of what the machine's registry says
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	}
	return &asset{body: body, kind: kind, zipped: sync.OnceValue(func() []byte { return zip(body) })}
}

// zip compresses body, once, when the first browser asks for it.
func zip(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a bytes.Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// link is the address of the asset with this name in a language.
func (a *assets) link(lang, name string) (string, error) {
	sets, err := a.load()
	if err != nil {
		return "", err
	}
	set := sets[lang]
	if set.files[name] == nil {
		return "", fmt.Errorf("cannot find asset %q", name)
	}
	return "/assets/" + set.build + "/" + name, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	sets, err := a.load()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var found *asset
	for _, set := range sets {
		if set.build == r.PathValue("build") {
			found = set.files[r.PathValue("file")]
		}
	}
	if found == nil {
		// A tab of the previous release asks for what is gone; it must not keep this answer.
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "404 page not found", http.StatusNotFound)
		return
	}
	found.serve(w, r, immutable, `"`+r.PathValue("build")+`"`)
}

// serveIcon answers browsers that ask for the icon without having read a page.
func (a *assets) serveIcon(w http.ResponseWriter, r *http.Request) {
	sets, err := a.load()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	set := sets[language]
	set.files["icon.svg"].serve(w, r, "public, max-age=86400", `"`+set.build+`"`)
}

func (f *asset) serve(w http.ResponseWriter, r *http.Request, keep, etag string) {
	h := w.Header()
	h.Set("Cache-Control", keep)
	h.Set("ETag", etag)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.kind)
	body := f.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped()
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = w.Write(body) // a browser that went away is no one to tell
}
