package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"oibus/agent/cache"
	"oibus/agent/entity"
)

// Commands that look into the cache of a North or a history query (protocol/control-plane.md, section 5.7).

func searchNorthCache(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(northID)
	if err != nil {
		return "", err
	}
	return searchCache(id, body, d.Connectors.SearchCache)
}

func searchCache(id string, body json.RawMessage, search func(id string, q cache.Query) (any, error)) (string, error) {
	q, err := readSearch(body)
	if err != nil {
		return "", err
	}
	found, err := search(id, q)
	if err != nil {
		return "", err
	}
	return plain(found)
}

// readSearch reads a search in the two forms that the protocol has: flat, and with the filters in searchParams.
func readSearch(body json.RawMessage) (cache.Query, error) {
	type filters struct {
		Start        *string  `json:"start"`
		End          *string  `json:"end"`
		NameContains *string  `json:"nameContains"`
		Max          *float64 `json:"maxNumberOfFilesReturned"`
	}
	var f filters
	var in struct {
		Nested *filters `json:"searchParams"`
	}
	if err := cmp.Or(read(body, &f), read(body, &in)); err != nil {
		return cache.Query{}, err
	}
	if n := in.Nested; n != nil {
		f.Start, f.End, f.NameContains = orElse(f.Start, n.Start), orElse(f.End, n.End), orElse(f.NameContains, n.NameContains)
		f.Max = orElse(f.Max, n.Max)
	}
	const most = 1 << 30
	return cache.Query{
		Start: valueOf(f.Start), End: valueOf(f.End), NameContains: valueOf(f.NameContains), IDOnly: true,
		Max: int(min(max(valueOf(f.Max), 0), most)),
	}, nil
}

func orElse[T any](a, b *T) *T {
	if a == nil {
		return b
	}
	return a
}

func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func getNorthCacheFile(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(northID)
	if err != nil {
		return "", err
	}
	return getCacheFile(id, body, d.Connectors.CacheFile)
}

func getCacheFile(id string, body json.RawMessage, find func(id string, folder cache.Folder, filename string) (cache.View, error)) (string, error) {
	var file struct {
		Folder   cache.Folder `json:"folder"`
		Filename string       `json:"filename"`
	}
	if err := read(body, &file); err != nil {
		return "", err
	}
	if err := knownFolder("folder", file.Folder); err != nil {
		return "", err
	}
	view, err := find(id, file.Folder, file.Filename)
	if err != nil {
		return "", err
	}
	return plain(view)
}

func updateNorthCache(_ context.Context, d *Deps, c Command) (string, error) {
	id, body, err := c.change(northID)
	if err != nil {
		return "", err
	}
	return updateCache(id, body, d.Connectors.UpdateCache)
}

func updateCache(id string, body json.RawMessage, update func(id string, u cache.Update) error) (string, error) {
	var u cache.Update
	if err := read(body, &u); err != nil {
		return "", err
	}
	for at, f := range map[string]cache.FolderUpdate{"cache": u.Cache, "error": u.Error, "archive": u.Archive} {
		for i, m := range f.Move {
			if err := knownFolder(fmt.Sprintf("%s.move[%d].to", at, i), m.To); err != nil {
				return "", err
			}
		}
	}
	return "Cache updated successfully", update(id, u)
}

func knownFolder(at string, f cache.Folder) error {
	if slices.Contains(cache.Folders, f) {
		return nil
	}
	names := make([]string, len(cache.Folders))
	for i, known := range cache.Folders {
		names[i] = string(known)
	}
	return entity.Invalid("%q must be one of [%s]", at, strings.Join(names, ", "))
}
