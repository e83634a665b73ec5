package platform

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// mostLinks bounds how many links one path may go through.
const mostLinks = 40

// FoldersOverlap says whether two folders are the same, or one lies in the other, also by a link and also when they do not
// exist yet. What cannot be told counts as overlapping.
func FoldersOverlap(a, b string) bool {
	x, err := resolved(a, mostLinks)
	if err != nil {
		return true
	}
	y, err := resolved(b, mostLinks)
	return err != nil || lies(x, y) || lies(y, x)
}

// LiesIn says whether a path is a folder, or lies in it, likewise.
func LiesIn(path, folder string) bool {
	x, err := resolved(path, mostLinks)
	if err != nil {
		return true
	}
	y, err := resolved(folder, mostLinks)
	return err != nil || lies(x, y)
}

// lies says whether inner is outer, or below it.
func lies(inner, outer string) bool {
	if rel, err := filepath.Rel(outer, inner); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return true
	}
	there, err := os.Stat(outer)
	if err != nil {
		return false
	}
	for { // one folder can have two paths without any link: it may be mounted twice
		if info, err := os.Stat(inner); err == nil && os.SameFile(info, there) {
			return true
		}
		above := filepath.Dir(inner)
		if above == inner {
			return false
		}
		inner = above
	}
}

// resolved is a path without links, of which the end need not exist.
func resolved(path string, links int) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		return whole, nil
	}
	if to, err := os.Readlink(path); err == nil { // it leads to what is not there
		if links == 0 {
			return "", errors.New("too many links")
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		return resolved(to, links-1)
	}
	above := filepath.Dir(path)
	if above == path {
		return path, nil
	}
	above, err = resolved(above, links)
	return filepath.Join(above, filepath.Base(path)), err
}
