package influx

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	maxValue = 16 << 20 // bytes of a row
	maxDepth = 64       // of arrays and objects in each other
)

// syntaxError is where and why bytes are no JSON of the wanted shape.
type syntaxError struct {
	reason string
	unit   string // byte or line
	at     int64
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("the answer is not what InfluxDB answers: %s at %s %d", e.reason, e.unit, e.at)
}

// scanner reads JSON piece by piece, so that memory depends on the largest piece only.
type scanner struct {
	r   *bufio.Reader
	at  int64
	buf []byte // of the value that was read last
}

func newScanner(r io.Reader) *scanner { return &scanner{r: bufio.NewReaderSize(r, 64<<10)} }

func (s *scanner) bad(reason string) error { return &syntaxError{reason, "byte", s.at} }

// next is the next byte that is no white space, io.EOF behind the last one.
func (s *scanner) next() (byte, error) {
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			return 0, err
		}
		s.at++
		if b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b, nil
		}
	}
}

// inside is next where something must follow.
func (s *scanner) inside() (byte, error) {
	b, err := s.next()
	if errors.Is(err, io.EOF) {
		return 0, s.bad("it ends too early")
	}
	return b, err
}

// object reads the members of an object, behind its opening brace. member is called with the first byte of each value,
// which it must read.
func (s *scanner) object(member func(name string, first byte) error) error {
	b, err := s.inside()
	for ; err == nil && b != '}'; b, err = s.inside() {
		raw, err := s.value(b)
		if err != nil {
			return err
		}
		var name string
		if json.Unmarshal(raw, &name) != nil {
			return s.bad("a name expected")
		}
		if b, err = s.inside(); err != nil {
			return err
		}
		if b != ':' {
			return s.bad("a colon expected")
		}
		if b, err = s.inside(); err != nil {
			return err
		}
		if err := member(name, b); err != nil {
			return err
		}
		if end, err := s.ends('}'); err != nil || end {
			return err
		}
	}
	return err
}

// array reads the elements of an array, behind its opening bracket. element is called with the first byte of each.
func (s *scanner) array(element func(first byte) error) error {
	b, err := s.inside()
	for ; err == nil && b != ']'; b, err = s.inside() {
		if err := element(b); err != nil {
			return err
		}
		if end, err := s.ends(']'); err != nil || end {
			return err
		}
	}
	return err
}

// ends passes a comma or the end.
func (s *scanner) ends(closing byte) (bool, error) {
	b, err := s.inside()
	if err == nil && b != closing && b != ',' {
		err = s.bad("a comma or the end expected")
	}
	return b == closing, err
}

// value reads the value that begins with first, valid until the next call.
func (s *scanner) value(first byte) ([]byte, error) {
	s.buf = append(s.buf[:0], first)
	var err error
	switch first {
	case '{', '[':
		err = s.nested()
	case '"':
		err = s.text()
	default:
		err = s.scalar()
	}
	if err == nil && !json.Valid(s.buf) {
		err = s.bad("no JSON value")
	}
	return s.buf, err
}

func (s *scanner) take() (byte, error) {
	b, err := s.r.ReadByte()
	if errors.Is(err, io.EOF) {
		return 0, s.bad("it ends too early")
	}
	if len(s.buf) == maxValue {
		return 0, s.bad(fmt.Sprintf("a row of more than %d bytes", maxValue))
	}
	s.at++
	s.buf = append(s.buf, b)
	return b, err
}

// nested reads up to the end of an array or object.
func (s *scanner) nested() error {
	for depth := 1; depth > 0; {
		b, err := s.take()
		if err != nil {
			return err
		}
		switch b {
		case '{', '[':
			if depth++; depth > maxDepth {
				return s.bad("JSON nested too deep")
			}
		case '}', ']':
			depth--
		case '"':
			if err := s.text(); err != nil {
				return err
			}
		}
	}
	return nil
}

// text reads up to the closing quote.
func (s *scanner) text() error {
	for {
		part, err := s.r.ReadSlice('"')
		s.at += int64(len(part))
		s.buf = append(s.buf, part...)
		switch {
		case len(s.buf) > maxValue:
			return s.bad(fmt.Sprintf("a row of more than %d bytes", maxValue))
		case errors.Is(err, io.EOF):
			return s.bad("it ends too early")
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		case err == nil && !escaped(s.buf[:len(s.buf)-1]):
			return nil
		}
	}
}

// escaped says whether what follows text is escaped.
func escaped(text []byte) bool {
	n := len(text) - len(bytes.TrimRight(text, `\`))
	return n%2 == 1
}

// scalar reads a number, true, false or null.
func (s *scanner) scalar() error {
	const longest = 1 << 10
	for {
		b, err := s.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b == ',' || b == ']' || b == '}' || b == ':' || b == ' ' || b == '\n' || b == '\r' || b == '\t' {
			return s.r.UnreadByte()
		}
		s.at++
		if s.buf = append(s.buf, b); len(s.buf) > longest {
			return s.bad("no JSON value")
		}
	}
}

// elements calls each with the elements of an array that is valid JSON, as they stand.
func elements(array []byte, each func(element []byte)) {
	start, depth := -1, 0
	for i := 0; i < len(array); i++ {
		switch b := array[i]; b {
		case '"':
			if start < 0 {
				start = i
			}
			for i++; array[i] != '"'; i++ {
				if array[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth++; depth == 2 && start < 0 {
				start = i
			}
		case ']', '}', ',':
			if b != ',' {
				depth--
			}
			if start >= 0 && (depth == 0 || b == ',' && depth == 1) {
				each(bytes.TrimRight(array[start:i], " \n\r\t"))
				start = -1
			}
		case ' ', '\n', '\r', '\t':
		default:
			if start < 0 {
				start = i
			}
		}
	}
}
