package winagent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxName bounds the name of a member, in bytes.
const maxName = 1000

// members finds the values of a JSON object. What is inside of them is left to those who read them: here quotes and
// brackets must match only.
func members(r *bufio.Reader) (map[string]extent, error) {
	s := &scanner{r: r}
	if mark, err := r.Peek(3); err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = r.Discard(3) // which Peek has read
		s.at = 3
	}
	found := map[string]extent{}
	b, err := s.next()
	if err != nil {
		return nil, err
	}
	if b != '{' {
		return nil, fmt.Errorf("%q at its beginning", b)
	}
	for first := true; ; first = false {
		if b, err = s.next(); err != nil {
			return nil, err
		}
		if b == '}' && first {
			break
		}
		name, err := s.name(b)
		if err != nil {
			return nil, err
		}
		if b, err = s.next(); err != nil {
			return nil, err
		}
		if b != ':' {
			return nil, fmt.Errorf("%q behind a name, at byte %d", b, s.at)
		}
		if found[name], err = s.value(); err != nil {
			return nil, err
		}
		if b, err = s.next(); err != nil {
			return nil, err
		}
		if b == '}' {
			break
		}
		if b != ',' {
			return nil, fmt.Errorf("%q behind a value, at byte %d", b, s.at)
		}
	}
	if b, err := s.next(); err == nil {
		return nil, fmt.Errorf("%q behind its end", b)
	} else if !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return found, nil
}

type scanner struct {
	r  *bufio.Reader
	at int64 // of the byte that is read next
}

func (s *scanner) read() (byte, error) {
	b, err := s.r.ReadByte()
	if err == io.EOF {
		return 0, io.ErrUnexpectedEOF
	}
	s.at++
	return b, err
}

// pass discards what is buffered before the first of some bytes.
func (s *scanner) pass(until *[256]bool) error {
	if _, err := s.r.Peek(1); err != nil {
		return nil // which the next read says again
	}
	buffered, err := s.r.Peek(s.r.Buffered())
	if err != nil {
		return err
	}
	n := 0
	for n < len(buffered) && !until[buffered[n]] {
		n++
	}
	s.at += int64(n)
	_, err = s.r.Discard(n)
	return err
}

// Bytes that matter inside of a text, and of an object or an array.
var (
	inText   = [256]bool{'"': true, '\\': true}
	inNested = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}
)

// next is the next byte that is no white space.
func (s *scanner) next() (byte, error) {
	for {
		b, err := s.read()
		if err != nil || b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b, err
		}
	}
}

func (s *scanner) name(b byte) (name string, err error) {
	if b != '"' {
		return "", fmt.Errorf("%q where a name should be, at byte %d", b, s.at)
	}
	raw := []byte{'"'}
	for escaped := false; ; {
		b, err := s.read()
		if err != nil {
			return "", err
		}
		if raw = append(raw, b); len(raw) > maxName {
			return "", errors.New("a name without end")
		}
		if b == '"' && !escaped {
			err := json.Unmarshal(raw, &name)
			return name, err
		}
		escaped = b == '\\' && !escaped
	}
}

// text passes the rest of a text, behind its opening quote.
func (s *scanner) text() error {
	for {
		if err := s.pass(&inText); err != nil {
			return err
		}
		b, err := s.read()
		if err == nil && b == '\\' {
			_, err = s.read()
		} else if err == nil && b == '"' {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// value passes a value and says where it stands.
func (s *scanner) value() (extent, error) {
	b, err := s.next()
	e := extent{from: s.at - 1}
	switch {
	case err != nil:
		return e, err
	case b == '"':
		err = s.text()
	case b == '{' || b == '[':
		err = s.nested()
	default:
		err = s.scalar(b)
	}
	e.to = s.at
	return e, err
}

// nested passes an object or an array, behind its opening bracket.
func (s *scanner) nested() error {
	for depth := 1; depth > 0; {
		if err := s.pass(&inNested); err != nil {
			return err
		}
		b, err := s.read()
		if err != nil {
			return err
		}
		switch b {
		case '"':
			if err := s.text(); err != nil {
				return err
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
	}
	return nil
}

// scalar passes a number, true, false or null that begins with b.
func (s *scanner) scalar(b byte) error {
	const longest = 1000
	raw := []byte{b}
	for {
		next, err := s.r.Peek(1)
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if bytes.IndexByte([]byte(",}] \n\t\r"), next[0]) >= 0 || len(raw) > longest {
			break
		}
		b, err := s.read()
		if err != nil {
			return err
		}
		raw = append(raw, b)
	}
	if !json.Valid(raw) {
		return fmt.Errorf("no value at byte %d", s.at)
	}
	return nil
}
