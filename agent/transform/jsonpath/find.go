package jsonpath

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ohler55/ojg/jp"
)

// Each calls found with each value that the path matches, in the order of the document, and with the numbers of the
// elements on the way to it, valid during the call. A text on the way that holds an object or array is read as that.
func (p *Path) Each(doc *Node, found func(numbers []int, value *Node) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot evaluate %q: %v", p.text, r)
		}
	}()
	w := walk{found: found}
	if err := w.steps(doc, p.steps, !p.below, nil); err != nil {
		return err
	}
	if doc.doc.over {
		return ErrTooLarge
	}
	return nil
}

// Value is what the path yields: the value itself of a path that leads to one, otherwise the JSON array of all
// matches; nil when there is none. Values that stand alone are as in the document.
func (p *Path) Value(doc *Node) ([]byte, error) {
	definite := p.definite()
	var out []byte
	err := p.Each(doc, func(_ []int, value *Node) error {
		if definite {
			out = value.Raw
			return errStop
		}
		if out == nil {
			out = append(out, '[')
		} else {
			out = append(out, ',')
		}
		out = append(out, value.Raw...)
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	if out != nil && !definite {
		out = append(out, ']')
	}
	return out, nil
}

type walk struct {
	found   func([]int, *Node) error
	matches int
}

// steps goes the rest of a path from n. The document itself is not read as a text that holds another, as in the
// reference.
func (w *walk) steps(n *Node, steps []step, root bool, numbers []int) error {
	if n == nil {
		return nil
	}
	if len(steps) == 0 {
		if w.matches++; w.matches > MaxMatches {
			return ErrTooMany
		}
		return w.found(numbers, n)
	}
	if !root && n.kind() == '"' {
		if n = n.embedded(); n == nil {
			return nil
		}
	}
	rest := steps[1:]
	switch f := steps[0].frags[0].(type) {
	case jp.Child:
		if n.kind() == '[' {
			if i, ok := index(string(f)); ok {
				return w.steps(n.element(i), rest, false, append(numbers, i))
			}
			return nil
		}
		return w.steps(n.member(string(f)), rest, false, numbers)
	case jp.Nth:
		return w.nth(n, int(f), rest, numbers)
	case jp.Wildcard:
		return w.all(n, rest, numbers)
	}
	return w.library(n, steps[0], rest, numbers)
}

func (w *walk) nth(n *Node, i int, rest []step, numbers []int) error {
	if i < 0 {
		i += len(n.open())
	}
	if i < 0 {
		return nil
	}
	return w.steps(n.element(i), rest, false, append(numbers, i))
}

func (w *walk) all(n *Node, rest []step, numbers []int) error {
	isArray := n.kind() == '['
	for i, k := range n.open() {
		on := numbers
		if isArray {
			on = append(numbers, i)
		}
		if err := w.steps(k.node, rest, false, on); err != nil {
			return err
		}
	}
	return nil
}

// library leaves a step to the library and goes on from what it matches.
func (w *walk) library(n *Node, s step, rest []step, numbers []int) error {
	limit := MaxMatches
	if len(s.frags) == 2 {
		limit = maxBelow
	}
	ways := s.frags.Locate(n.value(), limit+1)
	if _, ok := s.frags[0].(*jp.Filter); ok && n.kind() == '[' {
		slices.SortStableFunc(ways, inOrder) // it begins with the last element
	}
	for _, way := range ways {
		if w.matches++; w.matches > limit {
			return ErrTooMany
		}
		to, on := n, numbers
		for _, f := range way {
			switch f := f.(type) {
			case jp.Child:
				to = to.member(string(f))
			case jp.Nth:
				to, on = to.element(int(f)), append(on, int(f))
			}
			if to == nil {
				break
			}
		}
		if err := w.steps(to, rest, false, on); err != nil {
			return err
		}
	}
	return nil
}

// inOrder compares the elements of one array that two ways lead to.
func inOrder(a, b jp.Expr) int {
	i, _ := a[0].(jp.Nth)
	j, _ := b[0].(jp.Nth)
	return int(i) - int(j)
}
