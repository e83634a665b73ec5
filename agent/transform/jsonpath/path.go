// Package jsonpath finds values in JSON documents by JSONPath, as the options of transformers use it (data-plane.md,
// 7.6): rows by the numbers of the elements on the way to them, values by paths with those numbers filled in, and
// through documents that stand inside texts. It promises that a path runs no code, that values come out as they stand,
// and that a document is taken apart only where a path leads. It guards against the path that matches for ever.
package jsonpath

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// Limits of paths and of what they match.
const (
	maxPath    = 1000
	maxDescent = 2 // ".." in one path: each may match every value below every match of the one before
	MaxMatches = 1_000_000
	maxBelow   = 100_000 // matches of ".."
)

// ErrTooMany says that a path matches more than too many values.
var ErrTooMany = fmt.Errorf("the path matches more than %d values, or %d by \"..\"", MaxMatches, maxBelow)

// ErrTooLarge says that a document has more values than can be held in memory.
var ErrTooLarge = fmt.Errorf("the JSON has more than %d values", maxNodes)

// Path is a JSONPath. It is safe for concurrent use.
type Path struct {
	text  string
	steps []step
	below bool // what it is evaluated on is a part of the document
}

// step is a fragment of a path, or several that the library must see together.
type step struct {
	frags jp.Expr
	every bool // [*], whose place a number may take
}

// Parse reads a path. It may begin with $ or not; names may hold everything but . and [, or stand in quotes. Scripts
// are no part of it.
func Parse(path string) (p *Path, err error) {
	if path == "" || len(path) > maxPath {
		return nil, fmt.Errorf("a path of 1 to %d characters is needed", maxPath)
	}
	defer func() {
		if r := recover(); r != nil { // the library panics on some malformed paths
			p, err = nil, fmt.Errorf("%q is no JSONPath", path)
		}
	}()
	x, err := jp.ParseString(normal(path))
	if err != nil {
		return nil, fmt.Errorf("%q is no JSONPath: %w", path, err)
	}
	p = &Path{text: path}
	for i := 0; i < len(x); i++ {
		switch x[i].(type) {
		case jp.Root, jp.At:
			if i > 0 {
				return nil, fmt.Errorf("%q is no JSONPath: it begins in the middle", path)
			}
		case jp.Descent:
			if i+1 == len(x) {
				return nil, fmt.Errorf("%q is no JSONPath: nothing stands behind the last \"..\"", path)
			}
			p.steps = append(p.steps, step{frags: x[i : i+2 : i+2]})
			i++
		default:
			w, wild := x[i].(jp.Wildcard)
			p.steps = append(p.steps, step{frags: x[i : i+1 : i+1], every: wild && w == '#'})
		}
	}
	return p, p.check()
}

func (p *Path) check() error {
	descents := 0
	for _, s := range p.steps {
		if len(s.frags) == 2 {
			descents++
		}
		if c, ok := s.frags[0].(jp.Child); ok && (strings.HasSuffix(string(c), "^") || strings.HasSuffix(string(c), "~")) {
			return fmt.Errorf("%q: ^ and ~ are not supported", p.text)
		}
	}
	if descents > maxDescent {
		return fmt.Errorf("%q: \"..\" may stand %d times at most", p.text, maxDescent)
	}
	return nil
}

// String is the path as it was written.
func (p *Path) String() string { return p.text }

// normal puts names into quotes that the library does not take without, and $ in front.
func normal(path string) string {
	path = strings.TrimLeft(path[:1], "$@") + path[1:]
	if path != "" && path[0] != '.' && path[0] != '[' {
		path = "." + path
	}
	var b strings.Builder
	b.WriteByte('$')
	for i := 0; i < len(path); {
		switch {
		case path[i] == '[':
			end := bracketEnd(path, i)
			b.WriteString(path[i:end])
			i = end
		case strings.HasPrefix(path[i:], ".."):
			b.WriteString("..")
			i += 2 + name(&b, path[i+2:], "")
		case path[i] == '.':
			i += 1 + name(&b, path[i+1:], ".")
		default:
			b.WriteByte(path[i])
			i++
		}
	}
	return b.String()
}

// name writes the name that rest begins with, and returns how long it is.
func name(b *strings.Builder, rest, dot string) int {
	end := strings.IndexAny(rest, ".[")
	if end < 0 {
		end = len(rest)
	}
	n := rest[:end]
	if n == "" || n == "*" || strings.IndexFunc(n, odd) < 0 || strings.HasSuffix(n, "^") || strings.HasSuffix(n, "~") {
		b.WriteString(dot + n)
		return end
	}
	b.WriteString("['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(n) + "']")
	return end
}

func odd(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_'
}

// bracketEnd is the position behind the bracket that closes the one at i.
func bracketEnd(path string, i int) int {
	depth, quote := 0, byte(0)
	for ; i < len(path); i++ {
		switch c := path[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[' || c == '(':
			depth++
		case c == ']' || c == ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(path)
}

// Fill replaces each [*], from left to right, by a number, as far as there are any.
func (p *Path) Fill(numbers []int) *Path {
	if len(numbers) == 0 || !slices.ContainsFunc(p.steps, func(s step) bool { return s.every }) {
		return p
	}
	filled := &Path{text: p.text, steps: make([]step, len(p.steps)), below: p.below}
	for i, s := range p.steps {
		if s.every && len(numbers) > 0 {
			s = step{frags: jp.Expr{jp.Nth(numbers[0])}}
			numbers = numbers[1:]
		}
		filled.steps[i] = s
	}
	return filled
}

// definite says whether the path leads to one value at most.
func (p *Path) definite() bool {
	for _, s := range p.steps {
		switch s.frags[0].(type) {
		case jp.Child, jp.Nth:
		default:
			return false
		}
	}
	return true
}

// Before returns the names before the first [*], and whether there is one with nothing but names before it.
func (p *Path) Before() (names []string, ok bool) {
	for _, s := range p.steps {
		if s.every {
			return names, true
		}
		c, isName := s.frags[0].(jp.Child)
		if !isName {
			return nil, false
		}
		names = append(names, string(c))
	}
	return nil, false
}

// Behind is the path behind the first [*], to be evaluated on the element there.
func (p *Path) Behind() *Path {
	i := slices.IndexFunc(p.steps, func(s step) bool { return s.every })
	return &Path{text: p.text, steps: p.steps[i+1:], below: true}
}

// errStop ends a walk.
var errStop = errors.New("enough")

// index is the number that a name means for an array.
func index(name string) (int, bool) {
	i, err := strconv.Atoi(name)
	return i, err == nil && i >= 0
}
