package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"oibus/agent/content"
)

// Reader reads the batch from its beginning. It can be called again for another attempt. What is damaged is found out
// at the latest at the end, then reading ends with ErrDamaged and the content is in error.
func (b *Batch) Reader() io.ReadCloser { return &reader{b: b, items: b.items} }

// WriteTo writes the batch to w.
func (b *Batch) WriteTo(w io.Writer) (int64, error) {
	r := &reader{b: b, items: b.items}
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 128<<10))
	return n, errors.Join(err, r.Close())
}

// chunk is how much of an array in a file of its own is passed on at once.
const chunk = 64 << 10

// reader goes through items. It passes a single whole content on as it is, and makes one array of everything else.
type reader struct {
	b     *Batch
	items []item
	n     int // the next item

	out     [][]byte // what is passed on next
	room    [4][]byte
	begun   bool // the opening bracket was passed on
	any     bool // so was an element
	closing bool // so was the closing bracket

	data   *dataFile // that file is
	file   file
	window []byte // of file, from at on
	at     int64
	sum    uint32
	done   uint64 // bytes of the own file of the current item

	elements *content.Array // of the own file of the current item
	left     uint32         // how many of them are still to be passed on
	gathered []byte
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (n int, err error) {
	for n < len(p) {
		for len(r.out) > 0 && n < len(p) {
			m := copy(p[n:], r.out[0])
			n += m
			if r.out[0] = r.out[0][m:]; len(r.out[0]) == 0 {
				r.out = r.out[1:]
			}
		}
		if n == len(p) {
			break
		}
		r.out = r.room[:0]
		if err = r.fill(); err != nil {
			if closeErr := r.closeFile(); closeErr != nil {
				err = errors.Join(err, closeErr)
			}
			break
		}
	}
	if n > 0 && err == io.EOF {
		return n, nil // again at the next call
	}
	return n, err
}

// Close ends reading. It may be called more than once.
func (r *reader) Close() error {
	r.n, r.out, r.elements, r.closing = len(r.items), nil, nil, true
	return r.closeFile()
}

func (r *reader) closeFile() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file, r.data, r.window = nil, nil, nil
	return err
}

// joins says whether the output is an array made from parts.
func (r *reader) joins() bool { return len(r.items) > 1 || r.items[0].part() }

// fill puts something to out, or returns why there is nothing more.
func (r *reader) fill() error {
	if r.joins() && !r.begun && r.n < len(r.items) {
		r.begun = true
		r.out = append(r.out, []byte{'['})
		return nil
	}
	if r.n >= len(r.items) {
		if r.begun && !r.closing {
			r.closing = true
			r.out = append(r.out, []byte{']'})
			return nil
		}
		return io.EOF
	}
	if r.b.ended.Load() {
		return errEnded
	}
	i := &r.items[r.n]
	ended, err := r.fillFrom(i)
	if err != nil {
		return r.b.unreadable(i, err)
	}
	if ended {
		r.n++
		r.done, r.sum, r.elements = 0, 0, nil
	}
	return nil
}

// fillFrom passes on something of i and says whether that was the last of it.
func (r *reader) fillFrom(i *item) (ended bool, err error) {
	if i.slot.flags&flagOwnFile != 0 {
		if r.joins() {
			return r.fillElements(i)
		}
		return r.fillBytes(i)
	}
	data, err := r.inline(i)
	if err != nil {
		return false, err
	}
	if !r.joins() {
		r.out = append(r.out, data)
		return true, nil
	}
	inner, err := r.inner(i, data)
	r.pass(inner)
	return true, err
}

var comma = []byte{','}

// pass passes on elements.
func (r *reader) pass(elements []byte) {
	if len(elements) == 0 {
		return
	}
	if r.any {
		r.out = append(r.out, comma)
	}
	r.any = true
	r.out = append(r.out, elements)
}

// inner is the elements of i that are meant, out of the bytes of its content.
func (r *reader) inner(i *item, data []byte) ([]byte, error) {
	trimmed := bytes.TrimSpace(data) // it was checked that there are brackets
	closing := uint64(bytes.LastIndexByte(data, ']'))
	start := i.extra.Bytes
	if i.extra.Consumed == 0 {
		start = uint64(bytes.IndexByte(data, '[') + 1)
	}
	switch {
	case len(trimmed) < 2 || start > closing:
		return nil, fmt.Errorf("%w: no array", ErrDamaged)
	case i.to == i.slot.elements:
		return bytes.TrimSpace(data[start:closing]), nil
	}
	a := content.ResumeArray(bytes.NewReader(data[start:]), int64(start))
	end := start
	for range i.to - i.extra.Consumed {
		if _, err := a.Next(); err != nil {
			return nil, err
		}
		end = uint64(a.Offset())
	}
	rest := bytes.TrimLeft(data[end:], " \t\r\n")
	if len(rest) == 0 || rest[0] != ',' { // it has fewer elements than was said
		r.b.setEnd(i.slot.size)
	} else {
		r.b.setEnd(uint64(len(data)-len(rest)) + 1)
	}
	return bytes.TrimSpace(data[start:end]), nil
}

// inline reads the bytes of a content in a segment, with those of its neighbours, and checks them.
func (r *reader) inline(i *item) ([]byte, error) {
	if r.data != i.data || r.file == nil {
		if err := r.closeFile(); err != nil {
			return nil, err
		}
		f, err := r.b.c.disk.Open(i.data.path)
		if err != nil {
			return nil, err
		}
		r.file, r.data, r.window, r.at = f, i.data, nil, 0
	}
	at, size := i.slot.bytesAt(), int64(i.slot.size)
	if at < r.at || at+size > r.at+int64(len(r.window)) {
		n := max(size, min(window, i.length-at))
		if int64(cap(r.window)) < n {
			r.window = make([]byte, n)
		}
		r.window, r.at = r.window[:n], at
		if err := readFull(r.file, r.window, at); err != nil {
			r.window = nil
			return nil, asDamage(err)
		}
	}
	data := r.window[at-r.at : at-r.at+size]
	if checksum(data) != i.slot.sum {
		return nil, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	return data, nil
}

// unreadable says what follows from an error of reading i: what is damaged or no array is moved to error, so that what
// waits behind it can be sent.
func (b *Batch) unreadable(i *item, err error) error {
	c := b.c
	id := formatID(i.seq, c.key)
	var syntax *content.SyntaxError
	bad := lost(err) || errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
	if !bad {
		return fmt.Errorf("cannot read content %s: %w", id, err)
	}
	c.mu.Lock()
	if b.ended.Load() { // its files may be gone
		c.mu.Unlock()
		return errEnded
	}
	g, pos, ok, findErr := c.unchanged(i)
	if ok {
		c.move(g, pos, errored, c.o.Now().UnixMilli(), 0)
		c.report(i.data.path, fmt.Sprintf("content %s: %v", id, err), "moved it to error")
	}
	c.mu.Unlock()
	if !isDamage(err) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return errors.Join(fmt.Errorf("cannot read content %s: %w", id, err), findErr, c.wait())
}
