package logging

import (
	"bytes"
	"log/slog"
)

// glance is what a line of the journal shows at its beginning, where the writer puts its time and level: most lines are
// passed over or counted by these alone, many times faster than they are taken apart.
type glance struct {
	line  []byte
	level slog.Level
	time  []byte
}

var (
	beforeSeq   = []byte(`{"seq":`)
	beforeTime  = []byte(`"time":"`)
	beforeLevel = []byte(`","level":"`)
	lineEnd     = []byte(`"}`)
)

// look glances at a line. One that is not as the writer makes them is taken apart for it; ok is false when it is damaged.
func look(line []byte) (g glance, ok bool) {
	if g, ok := quickLook(line); ok {
		return g, true
	}
	r, err := parseRecord(line)
	return glance{line, r.level, r.time}, err == nil
}

func quickLook(line []byte) (g glance, ok bool) {
	rest, ok := bytes.CutPrefix(line, beforeSeq)
	if !ok {
		return g, false
	}
	digits := bytes.IndexByte(rest, ',')
	if digits < 1 || rest[0] < '1' || rest[0] > '9' {
		return g, false
	}
	if rest, ok = bytes.CutPrefix(rest[digits+1:], beforeTime); !ok || len(rest) < len(timeLayout) {
		return g, false
	}
	g.time = rest[:len(timeLayout)]
	if t := g.time; t[10] != 'T' || t[19] != '.' || t[26] != 'Z' {
		return g, false
	}
	if rest, ok = bytes.CutPrefix(rest[len(timeLayout):], beforeLevel); !ok {
		return g, false
	}
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !bytes.HasSuffix(line, lineEnd) {
		return g, false
	}
	g.line = line
	g.level, ok = levelNamed(rest[:end])
	return g, ok
}

// needle is a text in lower case to be found in any case. What is beyond ASCII is not sought in raw lines.
type needle struct {
	text  string
	ascii bool
	skip  [256]uint8 // how far the text may move when a byte is beside its end
}

func newNeedle(lower string) *needle {
	n := &needle{text: lower, ascii: true}
	short := uint8(min(len(lower), 255))
	for i := range n.skip {
		n.skip[i] = short
	}
	for i := range len(lower) {
		c := lower[i]
		if c >= 0x80 {
			n.ascii = false
		}
		if i < len(lower)-1 {
			away := uint8(min(len(lower)-1-i, 255))
			n.skip[c], n.skip[upper(c)] = away, away
		}
	}
	return n
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// in says whether text, which is ASCII as far as the needle is, holds it.
func (n *needle) in(text []byte) bool {
	last := len(n.text) - 1
	if last < 0 {
		return true
	}
	for at := last; at < len(text); at += int(n.skip[text[at]]) {
		i := 0
		for i <= last && lower(text[at-i]) == n.text[last-i] {
			i++
		}
		if i > last {
			return true
		}
	}
	return false
}
