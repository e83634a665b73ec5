package cache

import (
	"strconv"
	"strings"
)

// found is what is in the folder of a cache, by the names of the files.
type found struct {
	data             map[uint64][]uint32 // generations, by the first number of the segment
	indexes, states  []uint64
	journals         []uint64
	temps, incomings []string
}

func (c *Cache) look() (f found, err error) {
	for _, dir := range []string{c.dir, c.path("blobs"), c.path("incoming")} {
		if err := c.disk.MkdirAll(dir); err != nil {
			return f, err
		}
	}
	names, err := c.disk.List(c.dir)
	if err != nil {
		return f, err
	}
	if f.incomings, err = c.disk.List(c.path("incoming")); err != nil {
		return f, err
	}
	f.data = map[uint64][]uint32{}
	for _, name := range names {
		f.sort(name)
	}
	return f, nil
}

// sort notes a file. Names that the cache does not give are left alone.
func (f *found) sort(name string) {
	base, suffix, _ := strings.Cut(name, ".")
	if strings.HasSuffix(name, tempSuffix) {
		f.temps = append(f.temps, name)
		return
	}
	switch suffix {
	case "data":
		first, gen, ok := strings.Cut(base, "-")
		n, okFirst := parseHex(first, 16)
		g, okGen := parseHex(gen, 8)
		if ok && okFirst && okGen {
			f.data[n] = append(f.data[n], uint32(g))
		}
	case "index":
		if n, ok := parseHex(base, 16); ok {
			f.indexes = append(f.indexes, n)
		}
	case "state":
		if n, ok := parseHex(base, 16); ok {
			f.states = append(f.states, n)
		}
	case "":
		number, isJournal := strings.CutPrefix(base, "journal-")
		if n, ok := parseHex(number, 16); ok && isJournal {
			f.journals = append(f.journals, n)
		}
	}
}

func parseHex(s string, digits int) (uint64, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return n, err == nil && len(s) == digits && s == strings.ToLower(s)
}
