package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	maxDepth = 500     // of arrays and objects in each other
	maxToken = 4 << 10 // bytes of a name or value that is compared or converted
)

// syntaxError is where and why bytes are no JSON.
type syntaxError struct {
	at     int64
	reason string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.reason, e.at) }

// compact copies JSON without the white space between its parts. What the path leads to is given to found as it
// stands, of objects and arrays only the bracket, of long texts only the beginning.
func compact(w io.Writer, r *bufio.Reader, p path, found func(token []byte) error) error {
	c := &compactor{r: r, w: bufio.NewWriterSize(w, 64<<10), path: p, found: found}
	if mark, err := r.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = r.Discard(3)
		c.at = 3
	}
	states := uint64(0)
	if p != nil {
		states = start
	}
	if err := c.value(states, 0); err != nil {
		return err
	}
	if b, err := c.token(); err == nil {
		return c.bad(fmt.Sprintf("%q behind the end", b))
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return c.w.Flush()
}

type compactor struct {
	r     *bufio.Reader
	w     *bufio.Writer
	path  path
	found func(token []byte) error
	at    int64
	kept  []byte // of the token that is read
}

func (c *compactor) bad(reason string) error { return &syntaxError{c.at, reason} }

// next reads a byte inside something.
func (c *compactor) next() (byte, error) {
	b, err := c.r.ReadByte()
	if err == io.EOF {
		return 0, c.bad("the end")
	}
	c.at++
	return b, err
}

// token reads the next byte that is no white space.
func (c *compactor) token() (byte, error) {
	for {
		b, err := c.r.ReadByte()
		if err != nil {
			return 0, err
		}
		c.at++
		if b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b, nil
		}
	}
}

// inside is token where something must follow.
func (c *compactor) inside() (byte, error) {
	b, err := c.token()
	if err == io.EOF {
		return 0, c.bad("the end")
	}
	return b, err
}

func (c *compactor) value(states uint64, depth int) error {
	b, err := c.inside()
	if err != nil {
		return err
	}
	return c.valueAt(b, states, depth)
}

// valueAt copies the value that begins with b.
func (c *compactor) valueAt(b byte, states uint64, depth int) error {
	wanted := c.path.matches(states) && states != 0
	switch b {
	case '{', '[':
		if depth == maxDepth {
			return c.bad(fmt.Sprintf("more than %d levels", maxDepth))
		}
		if wanted {
			if err := c.found([]byte{b}); err != nil {
				return err
			}
		}
		if b == '{' {
			return c.object(states, depth+1)
		}
		return c.array(states, depth+1)
	case '"':
		if err := c.text(); err != nil {
			return err
		}
	default:
		if err := c.scalar(b); err != nil {
			return err
		}
	}
	if wanted {
		return c.found(c.kept)
	}
	return nil
}

func (c *compactor) put(b byte) error { return c.w.WriteByte(b) }

func (c *compactor) object(states uint64, depth int) error {
	if err := c.put('{'); err != nil {
		return err
	}
	b, err := c.inside()
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		if b == '}' && first {
			return c.put('}')
		}
		if b != '"' {
			return c.bad("a name expected")
		}
		if err := c.text(); err != nil {
			return err
		}
		child := c.path.child(states, c.name(states))
		if b, err = c.inside(); err != nil {
			return err
		}
		if b != ':' {
			return c.bad("a colon expected")
		}
		if err := c.put(':'); err != nil {
			return err
		}
		if err := c.value(child, depth); err != nil {
			return err
		}
		if more, err := c.more('}'); err != nil || !more {
			return err
		}
		if b, err = c.inside(); err != nil {
			return err
		}
	}
}

// name is the name just read, when it matters.
func (c *compactor) name(states uint64) string {
	if states == 0 {
		return ""
	}
	var name string
	if json.Unmarshal(c.kept, &name) != nil {
		return ""
	}
	return name
}

func (c *compactor) array(states uint64, depth int) error {
	if err := c.put('['); err != nil {
		return err
	}
	b, err := c.inside()
	if err != nil {
		return err
	}
	if b == ']' {
		return c.put(']')
	}
	for i := 0; ; i++ {
		if err := c.valueAt(b, c.path.element(states, i), depth); err != nil {
			return err
		}
		if more, err := c.more(']'); err != nil || !more {
			return err
		}
		if b, err = c.inside(); err != nil {
			return err
		}
	}
}

// more passes a comma, or the end.
func (c *compactor) more(end byte) (bool, error) {
	b, err := c.inside()
	if err != nil {
		return false, err
	}
	if b != ',' && b != end {
		return false, c.bad("a comma or the end expected")
	}
	return b == ',', c.put(b)
}

// text copies a text behind its opening quote, and keeps its beginning with both quotes.
func (c *compactor) text() error {
	c.kept = append(c.kept[:0], '"')
	if err := c.put('"'); err != nil {
		return err
	}
	for {
		b, err := c.next()
		if err != nil {
			return err
		}
		switch {
		case b < ' ':
			return c.bad("a control character in a text")
		case b == '\\':
			if err := c.escape(); err != nil {
				return err
			}
			continue
		}
		if err := c.copy(b); err != nil {
			return err
		}
		if b == '"' {
			return nil
		}
	}
}

func (c *compactor) copy(b byte) error {
	if len(c.kept) < maxToken || b == '"' && len(c.kept) == maxToken {
		c.kept = append(c.kept, b)
	}
	return c.put(b)
}

func (c *compactor) escape() error {
	b, err := c.next()
	if err != nil {
		return err
	}
	if bytes.IndexByte([]byte(`"\/bfnrtu`), b) < 0 {
		return c.bad("an unknown escape")
	}
	sequence := [6]byte{'\\', b}
	n := 2
	if b == 'u' {
		for ; n < len(sequence); n++ {
			if sequence[n], err = c.next(); err != nil {
				return err
			}
			if !isHex(sequence[n]) {
				return c.bad("an unknown escape")
			}
		}
	}
	if len(c.kept)+n < maxToken {
		c.kept = append(c.kept, sequence[:n]...)
	}
	_, err = c.w.Write(sequence[:n])
	return err
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

// scalar copies a number, true, false or null that begins with b.
func (c *compactor) scalar(b byte) error {
	c.kept = append(c.kept[:0], b)
	for {
		next, err := c.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if !inScalar(next) {
			if err := c.r.UnreadByte(); err != nil {
				return err
			}
			break
		}
		c.at++
		if c.kept = append(c.kept, next); len(c.kept) > maxToken {
			return c.bad("a number too long")
		}
	}
	if !json.Valid(c.kept) {
		return c.bad("no JSON value")
	}
	_, err := c.w.Write(c.kept)
	return err
}

func inScalar(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b == '+' || b == '-' || b == '.' || b == 'E'
}
