package cache

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"oibus/agent/content"
)

// fillBytes passes on the next bytes of a content with a file of its own.
func (r *reader) fillBytes(i *item) (ended bool, err error) {
	if r.done == 0 {
		if err := r.openOwn(i); err != nil {
			return false, err
		}
		r.window = make([]byte, window)
	}
	part := r.window[:min(uint64(len(r.window)), i.slot.size-r.done)]
	if err := readFull(r.file, part, int64(r.done)); err != nil {
		return false, asDamage(err)
	}
	r.done += uint64(len(part))
	r.sum = crc32.Update(r.sum, castagnoli, part)
	ended = r.done == i.slot.size
	if ended && r.sum != i.slot.sum {
		return false, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	r.out = append(r.out, part)
	return ended, nil
}

// openOwn opens the file of its own of i.
func (r *reader) openOwn(i *item) error {
	if err := r.closeFile(); err != nil {
		return err
	}
	f, err := r.b.c.openOwn(i.seq, &i.slot, i.data)
	r.file = f
	return err
}

// fillElements passes on the next elements of an array with a file of its own, and finds the end of the part.
func (r *reader) fillElements(i *item) (ended bool, err error) {
	if r.elements == nil {
		if err := r.openOwn(i); err != nil {
			return false, err
		}
		from := int64(i.extra.Bytes)
		whole := io.NewSectionReader(r.file, from, int64(i.slot.size)-from)
		if r.elements = content.NewArray(whole); i.extra.Consumed > 0 {
			r.elements = content.ResumeArray(whole, from)
		}
		r.left = i.to - i.extra.Consumed
	}
	r.gathered = r.gathered[:0]
	for len(r.gathered) < chunk {
		if r.left == 0 && i.to < i.slot.elements {
			var end uint64
			end, err = r.behind(i)
			r.b.setEnd(end)
			ended = true
			break
		}
		raw, nextErr := r.elements.Next() // also behind the last one, to see that the array ends
		if nextErr == io.EOF {
			ended = true
			if i.to < i.slot.elements { // it has fewer elements than was said
				r.b.setEnd(i.slot.size)
			}
			break
		}
		if nextErr != nil {
			return false, nextErr
		}
		if len(r.gathered) > 0 {
			r.gathered = append(r.gathered, ',')
		}
		r.gathered = append(r.gathered, raw...)
		r.left -= min(r.left, 1)
	}
	r.pass(r.gathered)
	return ended, err
}

// behind is where the element behind the last one that was read begins, or the size of the content.
func (r *reader) behind(i *item) (uint64, error) {
	buf := make([]byte, 64)
	for at := r.elements.Offset(); at < int64(i.slot.size); {
		part := buf[:min(int64(len(buf)), int64(i.slot.size)-at)]
		if err := readFull(r.file, part, at); err != nil {
			return 0, asDamage(err)
		}
		if rest := bytes.TrimLeft(part, " \t\r\n"); len(rest) > 0 {
			if rest[0] == ',' {
				return uint64(at) + uint64(len(part)-len(rest)) + 1, nil
			}
			return i.slot.size, nil
		}
		at += int64(len(part))
	}
	return i.slot.size, nil
}

// openOwn opens the file of its own of content seq, where it is or where it was written.
func (c *Cache) openOwn(seq uint64, s *slot, data *dataFile) (file, error) {
	f, err := c.disk.Open(c.blobPath(seq))
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	segment, openErr := c.disk.Open(data.path)
	if openErr != nil {
		return nil, openErr
	}
	r, readErr := readRecord(segment, int64(s.offset), c.key)
	if err := errors.Join(readErr, segment.Close()); err != nil {
		return nil, err
	}
	f, err = c.disk.Open(c.incomingPath(r.incoming))
	if errors.Is(err, fs.ErrNotExist) { // it may have been moved a moment ago
		return c.disk.Open(c.blobPath(seq))
	}
	return f, err
}
