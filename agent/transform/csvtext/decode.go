package csvtext

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	markUTF8    = []byte("\ufeff")
	markUTF16LE = []byte{0xff, 0xfe}
	markUTF16BE = []byte{0xfe, 0xff}
)

// begin looks at the first bytes for a byte order mark.
func (r *Reader) begin() error {
	head := make([]byte, len(markUTF8))
	n, err := io.ReadFull(r.r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("cannot read CSV: %w", err)
	}
	head = head[:n]
	switch {
	case bytes.Equal(head, markUTF8):
	case bytes.HasPrefix(head, markUTF16LE):
		r.r = &utf16Reader{r: io.MultiReader(bytes.NewReader(head[2:]), r.r), order: binary.LittleEndian}
	case bytes.HasPrefix(head, markUTF16BE):
		r.r = &utf16Reader{r: io.MultiReader(bytes.NewReader(head[2:]), r.r), order: binary.BigEndian}
	default:
		r.r = io.MultiReader(bytes.NewReader(head), r.r)
	}
	return nil
}

// utf16Reader reads UTF-16 as UTF-8. Halves of pairs become U+FFFD.
type utf16Reader struct {
	r     io.Reader
	order binary.ByteOrder
	in    [4 << 10]byte
	n     int // bytes in in that are not decoded yet
	out   []byte
	err   error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) fill() {
	n, err := io.ReadAtLeast(u.r, u.in[u.n:], 1)
	n, u.err = n+u.n, err
	last := errors.Is(err, io.EOF)
	i := 0
	u.out = u.out[:0]
	for i+2 <= n {
		c := rune(u.order.Uint16(u.in[i:]))
		if utf16.IsSurrogate(c) {
			if i+4 > n && !last && err == nil {
				break
			}
			if i+4 <= n {
				if pair := utf16.DecodeRune(c, rune(u.order.Uint16(u.in[i+2:]))); pair != utf8.RuneError {
					u.out = utf8.AppendRune(u.out, pair)
					i += 4
					continue
				}
			}
		}
		u.out = utf8.AppendRune(u.out, c) // a lone half becomes U+FFFD
		i += 2
	}
	u.n = copy(u.in[:], u.in[i:n])
	if last && u.n > 0 {
		u.out, u.n = utf8.AppendRune(u.out, utf8.RuneError), 0
	}
}
