package release

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The archive is read by hand, not by archive/zip: that one takes memory as the archive says before anything can be
// checked, and tolerates what two readers would read differently. Here the directory is bounded, lies directly before
// the end record, and each entry must be where and what the directory says. What is accepted here, archive/zip reads
// alike (a fuzz test compares them).

// The records of a zip archive: their marks and fixed sizes.
const (
	localMark     = 0x04034b50
	localSize     = 30
	directoryMark = 0x02014b50
	directorySize = 46
	endMark       = 0x06054b50
	endSize       = 22
	maxComment    = 1<<16 - 1

	// maxDirectory bounds the memory that the directory takes.
	maxDirectory = 8 << 20
)

// endRecord is what the last record of an archive says of the directory.
type endRecord struct {
	entries      int
	offset, size int64
}

// readAt reads n bytes at off, all of them or an error. An end that comes too early is ErrTruncated.
func readAt(r io.ReaderAt, off, n int64) ([]byte, error) {
	buf := make([]byte, n)
	_, err := io.ReadFull(io.NewSectionReader(r, off, n), buf)
	switch {
	case err == nil:
		return buf, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, refuseFor(ErrTruncated)
	}
	return nil, fmt.Errorf("cannot read at byte %d: %w", off, err)
}

// readEntries returns the entries in the order of the directory. Each lies where the directory says, none over another.
func readEntries(r io.ReaderAt, size int64, l Limits) ([]*entry, error) {
	if size > l.PackageSize {
		return nil, refuse("", "it has %d bytes, the limit is %d", size, l.PackageSize)
	}
	end, err := readEnd(r, size)
	if err != nil {
		return nil, err
	}
	if end.entries > l.Entries {
		return nil, refuse("", "it has %d entries, the limit is %d", end.entries, l.Entries)
	}
	if end.size > maxDirectory {
		return nil, refuse("", "its directory has %d bytes, the limit is %d", end.size, maxDirectory)
	}
	text, err := readAt(r, end.offset, end.size)
	if err != nil {
		return nil, err
	}
	entries, err := parseDirectory(text, end.entries)
	if err != nil {
		return nil, err
	}
	return entries, locate(r, entries, end.offset)
}

// readEnd finds the end record: the last one whose comment ends where the file ends.
func readEnd(r io.ReaderAt, size int64) (endRecord, error) {
	if err := checkStart(r, size); err != nil {
		return endRecord{}, err
	}
	tail := min(size, endSize+maxComment)
	buf, err := readAt(r, size-tail, tail)
	if err != nil {
		return endRecord{}, err
	}
	for i := len(buf) - endSize; i >= 0; i-- {
		rec := buf[i:]
		if binary.LittleEndian.Uint32(rec) == endMark && int(binary.LittleEndian.Uint16(rec[20:])) == len(rec)-endSize {
			return parseEnd(rec, size-int64(len(rec)))
		}
	}
	return endRecord{}, refuseFor(ErrTruncated)
}

func checkStart(r io.ReaderAt, size int64) error {
	head, err := readAt(r, 0, min(size, 4))
	if err != nil {
		return err
	}
	mark := binary.LittleEndian.Uint32(append(head, 0, 0, 0, 0))
	switch {
	case size >= 4 && mark != localMark && mark != endMark:
		return refuseFor(&NotZipError{Signature: mark})
	case size < endSize:
		return refuseFor(ErrTruncated)
	}
	return nil
}

func parseEnd(rec []byte, at int64) (endRecord, error) {
	e := endRecord{
		entries: int(binary.LittleEndian.Uint16(rec[10:])),
		size:    int64(binary.LittleEndian.Uint32(rec[12:])),
		offset:  int64(binary.LittleEndian.Uint32(rec[16:])),
	}
	switch {
	case binary.LittleEndian.Uint32(rec[4:]) != 0 || int(binary.LittleEndian.Uint16(rec[8:])) != e.entries:
		return e, refuse("", "it is one part of several archives")
	case e.entries == 0xffff || e.size == 0xffffffff || e.offset == 0xffffffff:
		return e, refuse("", "it has the zip64 format, which is for archives of 4 GiB and more")
	case e.offset+e.size != at:
		return e, refuse("", "its directory of %d bytes at byte %d does not end where its end record begins, at byte %d", e.size, e.offset, at)
	}
	return e, nil
}

func parseDirectory(text []byte, count int) ([]*entry, error) {
	entries := make([]*entry, 0, count)
	for len(text) > 0 {
		if len(text) < directorySize || binary.LittleEndian.Uint32(text) != directoryMark {
			return nil, refuse("", "its directory is damaged after %d entries", len(entries))
		}
		nameLen := int(binary.LittleEndian.Uint16(text[28:]))
		length := directorySize + nameLen + int(binary.LittleEndian.Uint16(text[30:])) + int(binary.LittleEndian.Uint16(text[32:]))
		if len(text) < length {
			return nil, refuse("", "its directory is damaged in entry %d", len(entries)+1)
		}
		entries = append(entries, parseEntry(text, string(text[directorySize:directorySize+nameLen])))
		text = text[length:]
	}
	if len(entries) != count {
		return nil, refuse("", "its directory has %d entries, its end record says %d", len(entries), count)
	}
	return entries, nil
}

func parseEntry(rec []byte, name string) *entry {
	return &entry{
		name:   name,
		flags:  binary.LittleEndian.Uint16(rec[8:]),
		method: binary.LittleEndian.Uint16(rec[10:]),
		crc:    binary.LittleEndian.Uint32(rec[16:]),
		packed: int64(binary.LittleEndian.Uint32(rec[20:])),
		size:   int64(binary.LittleEndian.Uint32(rec[24:])),
		attrs:  binary.LittleEndian.Uint32(rec[38:]),
		header: int64(binary.LittleEndian.Uint32(rec[42:])),
	}
}

// checkLocal compares the record before the data of an entry with what the directory says of it.
func (e *entry) checkLocal(rec []byte) error {
	flags := binary.LittleEndian.Uint16(rec[6:])
	switch {
	case binary.LittleEndian.Uint32(rec) != localMark:
		return refuse(e.name, "is not where the directory says, at byte %d", e.header)
	case !bytes.Equal(rec[localSize:], []byte(e.name)):
		return refuse(e.name, "is named %q before its data", rec[localSize:])
	case flags != e.flags || binary.LittleEndian.Uint16(rec[8:]) != e.method:
		return refuse(e.name, "is packed in one way after the directory and in another after its own record")
	case flags&flagDescriptor != 0:
		return nil // the sizes follow the data
	case binary.LittleEndian.Uint32(rec[14:]) != e.crc || int64(binary.LittleEndian.Uint32(rec[18:])) != e.packed ||
		int64(binary.LittleEndian.Uint32(rec[22:])) != e.size:
		return refuse(e.name, "has one size or checksum in the directory and another in its own record")
	}
	return nil
}
