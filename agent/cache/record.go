package cache

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A record is one content in a segment: this head, its name, and, unless it has a file of its own, its bytes.
//
//	magic 4 | checksum of key, the rest of the head and the name 4 | seq 8 | created 8 | size 8 | incoming 8 |
//	elements 4 | checksum of the bytes 4 | kind 1 | place 1 | flags 1 | 0 | length of name 2 | more 2
type record struct {
	seq      uint64
	created  int64 // milliseconds since 1970
	size     uint64
	incoming uint64 // number of the file of its own
	elements uint32
	sum      uint32
	kind     uint8
	place    place
	flags    uint8
	more     uint16 // how many of the contents that follow are there only together with this one
	name     string
}

const (
	recordHead  = 56
	recordMagic = 0xC0FFEE42 // "B" and three bytes that are no UTF-8
)

// Flags of a content.
const (
	flagOwnFile uint8 = 1 << iota // it has a file of its own
	flagArray                     // it is a JSON array of elements, which may be sent in other portions
	flagOnce                      // it is not sent again when it is not known what became of an attempt
)

func (r *record) length() int64 {
	n := int64(recordHead + len(r.name))
	if r.flags&flagOwnFile == 0 {
		n += int64(r.size)
	}
	return n
}

// appendHead appends head and name.
func (r *record) appendHead(dst []byte, key uint64) []byte {
	start := len(dst)
	dst = le.AppendUint32(dst, recordMagic)
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint64(dst, r.seq)
	dst = le.AppendUint64(dst, uint64(r.created))
	dst = le.AppendUint64(dst, r.size)
	dst = le.AppendUint64(dst, r.incoming)
	dst = le.AppendUint32(dst, r.elements)
	dst = le.AppendUint32(dst, r.sum)
	dst = append(dst, r.kind, byte(r.place), r.flags, 0)
	dst = le.AppendUint16(dst, uint16(len(r.name)))
	dst = le.AppendUint16(dst, r.more)
	dst = append(dst, r.name...)
	le.PutUint32(dst[start+4:], recordSum(dst[start:], key))
	return dst
}

// recordSum covers the key, so that bytes of another cache inside a content are never taken for a record.
func recordSum(head []byte, key uint64) uint32 {
	var k [8]byte
	le.PutUint64(k[:], key)
	return crc32.Update(checksum(k[:]), castagnoli, head[8:])
}

// readRecord reads the head and name at offset. What is no record there is ErrDamaged.
func readRecord(r io.ReaderAt, offset int64, key uint64) (record, error) {
	var buf [recordHead + 256]byte
	n, err := r.ReadAt(buf[:], offset)
	if err != nil && err != io.EOF {
		return record{}, err
	}
	return parseRecord(buf[:n], key, func(length int) ([]byte, error) {
		whole := make([]byte, length)
		return whole, asDamage(readFull(r, whole, offset))
	})
}

// parseRecord reads head and name from b; more returns the first n bytes when b is too short for the name.
func parseRecord(b []byte, key uint64, more func(n int) ([]byte, error)) (record, error) {
	if len(b) < recordHead || le.Uint32(b) != recordMagic {
		return record{}, fmt.Errorf("%w: no record", ErrDamaged)
	}
	length := recordHead + int(le.Uint16(b[52:]))
	if length > recordHead+nameLimit {
		return record{}, fmt.Errorf("%w: impossible name", ErrDamaged)
	}
	if len(b) < length {
		var err error
		if b, err = more(length); err != nil {
			return record{}, err
		}
	}
	b = b[:length]
	if recordSum(b, key) != le.Uint32(b[4:]) {
		return record{}, fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	r := record{seq: le.Uint64(b[8:]), created: int64(le.Uint64(b[16:])), size: le.Uint64(b[24:]), incoming: le.Uint64(b[32:]),
		elements: le.Uint32(b[40:]), sum: le.Uint32(b[44:]), kind: b[48], place: place(b[49]), flags: b[50],
		more: le.Uint16(b[54:]), name: string(b[recordHead:])}
	if r.place == gone || r.place >= places || r.kind >= kinds || r.flags&flagOwnFile == 0 && r.size > inlineLimit || r.size > 1<<62 {
		return record{}, fmt.Errorf("%w: impossible record", ErrDamaged)
	}
	return r, nil
}

// checkBytes compares the bytes of r, which stand at offset, with their checksum.
func checkBytes(f io.ReaderAt, offset int64, size uint64, want uint32) error {
	buf := make([]byte, min(size, 128<<10))
	var sum uint32
	for done := uint64(0); done < size; {
		part := buf[:min(uint64(len(buf)), size-done)]
		if err := readFull(f, part, offset+int64(done)); err != nil {
			return asDamage(err)
		}
		sum = crc32.Update(sum, castagnoli, part)
		done += uint64(len(part))
	}
	if sum != want {
		return fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	return nil
}

func isDamage(err error) bool { return errors.Is(err, ErrDamaged) }
