package takeover

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"oibus/agent/cache"
	"oibus/agent/entity"
	"oibus/platform"
)

// identityOf a content: one that came over is known by it.
type identityOf struct {
	created, file string
	size          int64
}

// hasMore says whether an agent has collected contents since that import which the other OIBus does not have. What cannot
// be told counts as more: it is kept then.
func (r receipt) hasMore(dir string) bool {
	names, err := cacheNames(dir)
	if err != nil {
		return true
	}
	for _, name := range names {
		if more, err := moreIn(dir, r.From, name); err != nil || more {
			return true
		}
	}
	return false
}

// cacheNames are the caches of a data folder, which have the same names here and in the reference.
func cacheNames(dir string) (names []string, err error) {
	root := filepath.Join(dir, "cache")
	if !exists(root) {
		return nil, nil
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if name := filepath.ToSlash(rel); strings.HasPrefix(name, "north-") || strings.HasPrefix(name, "history-") && strings.HasSuffix(name, "/north") {
			names = append(names, name)
			return fs.SkipDir
		}
		return err
	})
	return names, err
}

func moreIn(dir, from, name string) (more bool, err error) {
	source, left := &Source{Dir: from}, map[identityOf]int{}
	list, err := source.findContents(name, &Site{})
	if err != nil {
		return false, err
	}
	for _, w := range list {
		left[identityOf{entity.Milli(w.created), w.file, w.size}]++
	}
	c, err := cache.Open(dir, name, cache.Options{})
	if err != nil {
		return false, err
	}
	err = c.Walk(cache.Query{}, func(_ cache.Folder, f cache.File) bool {
		what := identityOf{f.Metadata.CreatedAt, f.Metadata.ContentFile, f.Metadata.ContentSize}
		more = left[what] == 0
		left[what]--
		return !more
	})
	if closing := c.Close(); err == nil {
		err = closing
	}
	return more, err
}

// Left counts what a data folder has not sent.
type Left struct {
	Waiting int `json:"waiting"`
	InError int `json:"inError"`
}

// CountLeft counts it, of an agent that does not run.
func CountLeft(dir string) (l Left, err error) {
	unlock, err := platform.LockDir(dir)
	if err != nil {
		return l, fmt.Errorf("cannot use the data folder %q: %w", dir, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	names, err := cacheNames(dir)
	for _, name := range names {
		c, opening := cache.Open(dir, name, cache.Options{})
		if opening != nil {
			return l, errors.Join(err, opening)
		}
		stats := c.Stats()
		l.Waiting, l.InError = l.Waiting+stats.Cached, l.InError+stats.Errored
		err = errors.Join(err, c.Close())
	}
	return l, err
}
