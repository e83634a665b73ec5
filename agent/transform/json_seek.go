package transform

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"oibus/agent/content"
)

// textReader reads a text whose beginning can be looked at, and bounds what is read for one thing.
type textReader struct {
	*bufio.Reader
	limit, left int
}

func withoutMark(r io.Reader) (*textReader, error) {
	t := &textReader{Reader: bufio.NewReaderSize(r, 64<<10), limit: content.MaxElement, left: content.MaxElement}
	head, err := t.Peek(3)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("cannot read input: %w", err)
	}
	if len(trimMark(head)) < len(head) {
		if _, err := t.Discard(3); err != nil {
			return nil, fmt.Errorf("cannot read input: %w", err)
		}
	}
	return t, nil
}

// firstByte is the first byte that is no white space, 0 when there is none.
func (t *textReader) firstByte() (byte, error) {
	for {
		c, err := t.ReadByte()
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("cannot read input: %w", err)
		}
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, t.UnreadByte()
		}
	}
}

// bounded is the reader with an end to what is read before more is called.
type bounded struct{ *textReader }

func (b bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("an element is longer than %d bytes", b.limit)
	}
	n, err := b.textReader.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b bounded) more() { b.left = b.limit }

// inside reads the elements of the array that names lead to, and the rest of the document, which must be JSON too.
func inside(r *textReader, names []string, each func(element []byte) error) error {
	b := bounded{r}
	d := json.NewDecoder(b)
	d.UseNumber()
	if err := seek(d, b, names); err != nil {
		return jsonError(err)
	}
	var element json.RawMessage
	for d.More() {
		b.more()
		element = element[:0]
		if err := d.Decode(&element); err != nil {
			return jsonError(err)
		}
		if err := each(element); err != nil {
			return err
		}
	}
	for depth := len(names) + 1; depth > 0; {
		b.more()
		t, err := d.Token()
		if err != nil {
			return jsonError(err)
		}
		depth += step(t)
	}
	b.more()
	if _, err := d.Token(); err == nil {
		return errors.New("the input is no JSON: there is more behind it")
	} else if err != io.EOF {
		return jsonError(err)
	}
	return nil
}

// step is how much deeper d stands behind a token.
func step(t json.Token) int {
	switch t {
	case json.Delim('{'), json.Delim('['):
		return 1
	case json.Delim('}'), json.Delim(']'):
		return -1
	}
	return 0
}

// seek goes to the first element of the array that names lead to.
func seek(d *json.Decoder, b bounded, names []string) error {
	for {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if len(names) == 0 && t == json.Delim('[') {
			return nil
		}
		if len(names) == 0 || t != json.Delim('{') {
			return errNoArray
		}
		if err := member(d, b, names[0]); err != nil {
			return err
		}
		names = names[1:]
	}
}

// member goes to the value of a member of the object that d stands in.
func member(d *json.Decoder, b bounded, name string) error {
	for d.More() {
		b.more()
		key, err := d.Token()
		if err != nil {
			return err
		}
		if key == name {
			return nil
		}
		if err := skipValue(d, b); err != nil {
			return err
		}
	}
	return errNoArray
}

func skipValue(d *json.Decoder, b bounded) error {
	for depth := 0; ; {
		b.more()
		t, err := d.Token()
		if err != nil {
			return err
		}
		if depth += step(t); depth == 0 {
			return nil
		}
	}
}

func jsonError(err error) error {
	if errors.Is(err, errNoArray) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the input is no JSON: it ends too early")
	}
	return fmt.Errorf("the input is no JSON: %w", err)
}
