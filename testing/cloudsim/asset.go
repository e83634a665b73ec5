package cloudsim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"sync"
	"time"

	"oibus/platform"
)

// Asset is an uploaded upgrade package.
type Asset struct {
	ID       string    `json:"id"`
	Filename string    `json:"filename"`
	Bytes    int64     `json:"bytes"`
	SHA256   string    `json:"sha256"`
	At       time.Time `json:"at"`
}

// assetStore keeps the packages as files: the content under its checksum, and the list.
type assetStore struct {
	mu        sync.Mutex
	dir       string
	temporary bool
	limit     int64
	list      map[string]Asset
}

const assetList = "assets.json"

func (a *assetStore) open(state string, limit int64) error {
	a.list, a.limit = map[string]Asset{}, limit
	if state == "" {
		dir, err := os.MkdirTemp("", "oibus-cloudsim-")
		if err != nil {
			return fmt.Errorf("cannot make a folder for packages: %w", err)
		}
		a.dir, a.temporary = dir, true
		return nil
	}
	a.dir = state + ".assets"
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the folder for packages: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(a.dir, assetList))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &a.list)
	}
	if err != nil {
		return fmt.Errorf("cannot read the list of packages in %q: %w", a.dir, err)
	}
	return nil
}

func (a *assetStore) close() error {
	if !a.temporary {
		return nil
	}
	return os.RemoveAll(a.dir)
}

func (a *assetStore) path(asset Asset) string { return filepath.Join(a.dir, asset.SHA256) }

var assetID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// AddAsset keeps a package under an id, to be downloaded by E11. An asset of the same id is replaced.
func (s *Sim) AddAsset(id, filename string, content io.Reader) (Asset, error) {
	if !assetID.MatchString(id) {
		return Asset{}, fmt.Errorf("the id %q of a package may have letters, digits, dot, dash and underscore only", id)
	}
	a := &s.assets
	temp, err := os.CreateTemp(a.dir, "upload-*")
	if err != nil {
		return Asset{}, fmt.Errorf("cannot keep the package: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(temp, sum), io.LimitReader(content, a.limit+1))
	asset := Asset{ID: id, Filename: filename, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), At: s.o.Now().UTC()}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = a.add(asset, temp.Name())
	}
	if err != nil {
		return Asset{}, errors.Join(fmt.Errorf("cannot keep the package: %w", err), removeTemp(temp.Name()))
	}
	s.changed(false)
	return asset, nil
}

func removeTemp(name string) error {
	if err := os.Remove(name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (a *assetStore) add(asset Asset, temp string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	total := asset.Bytes
	for id, other := range a.list {
		if id != asset.ID {
			total += other.Bytes
		}
	}
	if total > a.limit {
		return fmt.Errorf("all packages together would have more than %d bytes: remove some", a.limit)
	}
	if err := os.Rename(temp, a.path(asset)); err != nil {
		return err
	}
	old, had := a.list[asset.ID]
	a.list[asset.ID] = asset
	if had && old.SHA256 != asset.SHA256 {
		a.dropContent(old)
	}
	return a.saveList()
}

// dropContent removes the file of an asset that is no longer in the list, unless another has the same content.
func (a *assetStore) dropContent(old Asset) {
	for _, other := range a.list {
		if other.SHA256 == old.SHA256 {
			return
		}
	}
	_ = os.Remove(a.path(old)) // a download under way may hold it open on Windows: a left-over file does no harm
}

func (a *assetStore) saveList() error {
	raw, err := json.MarshalIndent(a.list, "", " ")
	if err != nil {
		return err
	}
	return platform.WriteFile(filepath.Join(a.dir, assetList), raw, 0o600)
}

// AddAssetFile keeps a file as a package.
func (s *Sim) AddAssetFile(id, path string) (Asset, error) {
	f, err := os.Open(path)
	if err != nil {
		return Asset{}, fmt.Errorf("cannot read the package: %w", err)
	}
	asset, err := s.AddAsset(id, filepath.Base(path), f)
	return asset, errors.Join(err, f.Close())
}

// Assets returns the packages, sorted by id.
func (s *Sim) Assets() []Asset {
	s.assets.mu.Lock()
	defer s.assets.mu.Unlock()
	out := make([]Asset, 0, len(s.assets.list))
	for _, a := range s.assets.list {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// RemoveAsset forgets a package.
func (s *Sim) RemoveAsset(id string) error {
	a := &s.assets
	a.mu.Lock()
	defer a.mu.Unlock()
	old, ok := a.list[id]
	if !ok {
		return &UnknownError{What: "package", ID: id}
	}
	delete(a.list, id)
	a.dropContent(old)
	return a.saveList()
}

// serveAsset is E11, with Content-Length, ETag and ranges.
func (s *Sim) serveAsset(x *exchange) answer {
	s.assets.mu.Lock()
	asset, ok := s.assets.list[x.r.URL.Query().Get("assetId")]
	s.assets.mu.Unlock()
	if !ok {
		return failure(http.StatusNotFound, "Not Found: no such asset")
	}
	return answer{stream: func(w http.ResponseWriter, r *http.Request) { s.stream(asset, w, r) }}
}

func (s *Sim) stream(asset Asset, w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(s.assets.path(asset))
	if err != nil {
		http.Error(w, "cannot read the package: "+err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = f.Close() }() // opened for reading only
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("ETag", `"`+asset.SHA256+`"`)
	http.ServeContent(w, r, "", asset.At, f)
}
