package winagent

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errText = errors.New("the answer of the remote agent has no text where there should be one")

// text reads the text that a JSON string stands for.
type text struct {
	r       *bufio.Reader
	pending []byte            // decoded, and not read yet
	small   [utf8.UTFMax]byte // what pending is a part of
	begun   bool
	err     error
}

func newText(r io.Reader) *text { return &text{r: bufio.NewReaderSize(r, 64<<10)} }

func (t *text) Read(p []byte) (n int, err error) {
	if !t.begun {
		t.begun = true
		if b, err := t.r.ReadByte(); err != nil || b != '"' {
			t.err = errText
		}
	}
	for n < len(p) {
		if len(t.pending) > 0 {
			copied := copy(p[n:], t.pending)
			n, t.pending = n+copied, t.pending[copied:]
			continue
		}
		if t.err != nil {
			break
		}
		t.step(p, &n)
	}
	if n == 0 && len(p) > 0 {
		return 0, t.err
	}
	return n, nil
}

// step decodes an escape, or copies what stands before the next one.
func (t *text) step(p []byte, n *int) {
	b, err := t.r.ReadByte()
	switch {
	case err != nil:
		t.err = errText
	case b == '"':
		t.err = io.EOF
	case b == '\\':
		t.pending, t.err = t.escape()
	case b < ' ':
		t.err = errText
	default:
		p[*n] = b
		*n += 1 + t.plain(p[*n+1:])
	}
}

// plain copies what is buffered and stands for itself.
func (t *text) plain(p []byte) int {
	buffered, err := t.r.Peek(min(t.r.Buffered(), len(p)))
	if err != nil {
		return 0
	}
	n := 0
	for n < len(buffered) && buffered[n] >= ' ' && !inText[buffered[n]] {
		n++
	}
	copy(p, buffered[:n])
	_, _ = t.r.Discard(n) // which Peek has read
	return n
}

var escapes = map[byte]string{'"': `"`, '\\': `\`, '/': "/", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t"}

func (t *text) escape() ([]byte, error) {
	b, err := t.r.ReadByte()
	if err != nil {
		return nil, errText
	}
	if b != 'u' {
		plain, ok := escapes[b]
		if !ok {
			return nil, errText
		}
		return append(t.small[:0], plain...), nil
	}
	digits, err := t.r.Peek(4)
	if err != nil {
		return nil, errText
	}
	first, ok := unit(digits)
	if !ok {
		return nil, errText
	}
	_, _ = t.r.Discard(len(digits)) // which Peek has read
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(t.small[:0], first), nil
	}
	if next, err := t.r.Peek(6); err == nil && next[0] == '\\' && next[1] == 'u' {
		if second, ok := unit(next[2:]); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				_, err = t.r.Discard(len(next))
				return utf8.AppendRune(t.small[:0], r), err
			}
		}
	}
	return utf8.AppendRune(t.small[:0], utf8.RuneError), nil // half a character
}

// unit is what four hexadecimal digits spell.
func unit(digits []byte) (rune, bool) {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	return rune(n), err == nil
}
