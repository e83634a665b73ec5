package north

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"oibus/agent/content"
)

// spoolMemory is how much of the input of a transformer is gathered in memory; more goes to a file.
const spoolMemory = 8 << 20

// spool gathers the input of a transformer. A nil spool holds nothing.
type spool struct {
	dir  string
	buf  bytes.Buffer
	file *os.File
}

// Write appends to what is gathered.
func (s *spool) Write(b []byte) (int, error) {
	if s.file == nil && s.buf.Len()+len(b) <= spoolMemory {
		return s.buf.Write(b)
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "part-*")
		if err != nil {
			return 0, fmt.Errorf("cannot gather the input of a transformer: %w", err)
		}
		s.file = f
		if _, err := s.buf.WriteTo(f); err != nil {
			return 0, fmt.Errorf("cannot gather the input of a transformer: %w", err)
		}
		s.buf = bytes.Buffer{}
	}
	n, err := s.file.Write(b)
	if err != nil {
		err = fmt.Errorf("cannot gather the input of a transformer: %w", err)
	}
	return n, err
}

// content is what was gathered, valid until discard.
func (s *spool) content(kind content.Kind, elements int) (content.Content, error) {
	if s.file == nil {
		return content.FromBytes(kind, "", elements, s.buf.Bytes()), nil
	}
	c, err := content.FromFile(s.file.Name(), "")
	c.Kind, c.Elements = kind, elements
	return c, err
}

// discard drops what was gathered. A file that cannot be deleted is deleted at the next start.
func (s *spool) discard() {
	if s == nil || s.file == nil {
		return
	}
	_ = errors.Join(s.file.Close(), os.Remove(s.file.Name()))
	s.file = nil
}
