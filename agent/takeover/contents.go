package takeover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oibus/agent/cache"
	"oibus/agent/content"
)

// Moved counts the contents of caches that came over.
type Moved struct {
	Contents int   `json:"contents"`
	Bytes    int64 `json:"bytes"`
}

// waiting is a content of the reference: its metadata, and where its bytes are.
type waiting struct {
	folder  cache.Folder
	path    string // of the payload
	created time.Time
	file    string
	count   int
	size    int64 // of the payload
	written int64 // what its metadata say of that, -1 when they say nothing
	kind    content.Kind
}

// findContents lists the contents of one cache in the order of the queue. name is "north-<id>", or "history-<id>/north".
// What has no metadata is not seen by the reference either; what cannot be read is said. A payload that is not as long as
// it was written comes among those in error: nobody takes it for whole, and nothing of it is lost.
func (s *Source) findContents(name string, site *Site) ([]waiting, error) {
	var list []waiting
	for _, folder := range cache.Folders {
		base := filepath.Join(s.Dir, string(folder), filepath.FromSlash(name))
		entries, err := os.ReadDir(filepath.Join(base, "metadata"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list the cache of the other OIBus: %w", err)
		}
		for _, e := range entries {
			w, err := readMetadata(filepath.Join(base, "metadata", e.Name()))
			if err == nil {
				w.size, err = sizeOf(filepath.Join(base, "content", strings.TrimSuffix(e.Name(), ".json")))
			}
			if err != nil {
				site.change(err.Error(), "the content %s/%s/%s is left out", folder, name, e.Name())
				continue
			}
			w.folder, w.path = folder, filepath.Join(base, "content", strings.TrimSuffix(e.Name(), ".json"))
			if w.written >= 0 && w.written != w.size {
				w.folder = cache.InError
				site.change(fmt.Sprintf("it is damaged, it has %d bytes and had %d", w.size, w.written), "the content %s/%s/%s comes among those in error", folder, name, e.Name())
			}
			list = append(list, w)
		}
	}
	slices.SortStableFunc(list, func(a, b waiting) int { return a.created.Compare(b.created) })
	return list, nil
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func readMetadata(path string) (waiting, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return waiting{}, err
	}
	var m struct {
		File     string `json:"contentFile"`
		Created  string `json:"createdAt"`
		Elements int    `json:"numberOfElement"`
		Size     *int64 `json:"contentSize"`
		Type     string `json:"contentType"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return waiting{}, fmt.Errorf("its metadata cannot be read: %w", err)
	}
	created, err := time.Parse(time.RFC3339Nano, m.Created)
	if err != nil {
		return waiting{}, fmt.Errorf("its metadata cannot be read: %w", err)
	}
	kind := content.Kind(m.Type)
	if !kind.Valid() || m.Elements < 0 {
		return waiting{}, fmt.Errorf("its metadata say %d elements of type %q", m.Elements, m.Type)
	}
	w := waiting{created: created, file: m.File, count: m.Elements, kind: kind, written: -1}
	if m.Size != nil {
		w.written = *m.Size
	}
	return w, nil
}

// Bounds of what becomes durable with one flush.
const (
	mostDrafts = 5000
	mostHeld   = 32 << 20
	copySize   = 64 << 10
)

// moveContents copies the contents of one cache into that of this agent.
func moveContents(ctx context.Context, dir, id string, list []waiting) (moved Moved, err error) {
	if len(list) == 0 {
		return moved, nil
	}
	c, err := cache.Open(dir, id, cache.Options{})
	if err != nil {
		return moved, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	buffer := make([]byte, copySize)
	for len(list) > 0 {
		in, err := c.Begin()
		if err != nil {
			return moved, err
		}
		n := 0
		for n < len(list) && n < mostDrafts && in.Held() < mostHeld {
			size, err := draft(in, list[n], buffer)
			if err != nil {
				in.Discard()
				return moved, err
			}
			moved.Bytes += size
			n++
		}
		if err := in.Commit(ctx); err != nil {
			return moved, err
		}
		moved.Contents, list = moved.Contents+n, list[n:]
	}
	return moved, nil
}

func draft(in *cache.Intake, w waiting, buffer []byte) (size int64, err error) {
	f, err := os.Open(w.path)
	if err != nil {
		return 0, fmt.Errorf("cannot read the cache of the other OIBus: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	d, err := in.New(cache.Meta{Kind: w.kind, FileName: w.file, Elements: w.count, Folder: w.folder, Created: w.created})
	if err != nil {
		return 0, err
	}
	if size, err = io.CopyBuffer(d, struct{ io.Reader }{f}, buffer); err != nil { // with no buffer of its own for each file
		return 0, err
	}
	return size, d.End(w.count)
}
