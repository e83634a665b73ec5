package influxdb

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"oibus/agent/content"
)

// maxHeld is how much of a result is held in memory. What is longer goes into a file.
const maxHeld = 256 << 10

// rows are the rows of a result as a JSON array.
type rows struct {
	dir   string
	count int
	held  bytes.Buffer
	file  *os.File // nil while all is held
	w     *bufio.Writer
}

func newRows(dir string) *rows { return &rows{dir: dir} }

func (r *rows) add(row []byte) error {
	separator := byte(',')
	if r.count == 0 {
		separator = '['
	}
	r.count++
	if r.file == nil {
		r.held.WriteByte(separator)
		r.held.Write(row)
		if r.held.Len() < maxHeld {
			return nil
		}
		return r.spill()
	}
	_ = r.w.WriteByte(separator) // its error comes again with the row
	return r.failed(r.write(row))
}

func (r *rows) write(row []byte) error {
	_, err := r.w.Write(row)
	return err
}

func (r *rows) failed(err error) error {
	if err != nil {
		return fmt.Errorf("cannot save the result: %w", err)
	}
	return nil
}

// spill moves what is held into a file.
func (r *rows) spill() error {
	file, err := os.OpenFile(filepath.Join(r.dir, rand.Text()+".json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return r.failed(err)
	}
	r.file, r.w = file, bufio.NewWriterSize(file, 64<<10)
	_, err = r.held.WriteTo(r.w)
	r.held = bytes.Buffer{}
	return r.failed(err)
}

// end is to be called behind the last row.
func (r *rows) end() error {
	if r.count == 0 {
		r.held.WriteByte('[')
	}
	if r.file == nil {
		r.held.WriteByte(']')
		return nil
	}
	_ = r.w.WriteByte(']') // its error comes again with the flush
	err := r.w.Flush()
	if closeErr := r.file.Close(); err == nil {
		err = closeErr
	}
	return r.failed(err)
}

// content is the whole array, as opaque text.
func (r *rows) content() (content.Content, error) {
	if r.file == nil {
		return content.FromBytes(content.AnyContent, "", 0, r.held.Bytes()), nil
	}
	c, err := content.FromFile(r.file.Name(), "")
	c.Kind = content.AnyContent
	return c, err
}

// remove deletes the file, if there is one.
func (r *rows) remove() {
	if r.file == nil {
		return
	}
	_ = r.file.Close() // it may be closed already
	os.Remove(r.file.Name())
}
