package release

import (
	"bufio"
	"cmp"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"
	"strings"
)

// entry is a file or folder of an archive, as the directory of the archive describes it.
type entry struct {
	name         string
	flags        uint16
	method       uint16
	crc          uint32
	packed, size int64
	attrs        uint32
	header, body int64 // where its own record and its data begin
}

// What the fields of an entry mean.
const (
	methodStore   = 0
	methodDeflate = 8

	flagDescriptor = 1 << 3
	flagsAllowed   = 1<<1 | 1<<2 | flagDescriptor | 1<<11 // how well it is packed, sizes after the data, UTF-8

	dosFolder  = 0x10
	dosReparse = 0x400

	unixType    = 0xf000
	unixRegular = 0x8000
	unixFolder  = 0x4000
	unixSpecial = 0xe00 // setuid, setgid, sticky
	unixExecute = 0o111
)

// unixMode is the mode that a Unix system gave the entry, 0 when none did.
func (e *entry) unixMode() uint32 { return e.attrs >> 16 }

func (e *entry) isFolder() bool { return strings.HasSuffix(e.name, "/") }

// path is the name without the slash at the end of folders.
func (e *entry) path() string { return strings.TrimSuffix(e.name, "/") }

// locate finds the data of each entry and refuses data that lies outside of the archive or over other data. The
// records end where the directory begins.
func locate(r io.ReaderAt, entries []*entry, directory int64) error {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b *entry) int { return cmp.Compare(a.header, b.header) })
	var end int64
	for i, e := range sorted {
		switch {
		case i == 0 && e.header != 0:
			return refuse("", "it has %d bytes before its first entry", e.header)
		case e.header < end:
			return refuse(e.name, "overlaps entry %q", sorted[i-1].name)
		case e.header+localSize+int64(len(e.name)) > directory:
			return refuse(e.name, "begins at byte %d, outside of the archive", e.header)
		}
		rec, err := readAt(r, e.header, localSize+int64(len(e.name)))
		if err != nil {
			return err
		}
		if err := e.checkLocal(rec); err != nil {
			return err
		}
		names := int64(binary.LittleEndian.Uint16(rec[26:])) + int64(binary.LittleEndian.Uint16(rec[28:]))
		e.body = e.header + localSize + names
		if end = e.body + e.packed; end > directory {
			return refuse(e.name, "ends at byte %d, outside of the archive", end)
		}
	}
	return nil
}

// checkEntries refuses everything that can be said to be wrong without unpacking.
func checkEntries(entries []*entry, l Limits) error {
	total := int64(0)
	names := nameSet{ManifestName: {name: ManifestName}} // no other spelling of it
	for _, e := range entries {
		if err := checkName(e.path(), l.NameLength); err != nil {
			return err
		}
		if err := names.add(e.path(), e.isFolder()); err != nil {
			return err
		}
		if err := errors.Join(e.checkKind(), e.checkSize(l)); err != nil {
			return err
		}
		if total += e.size; total > l.TotalSize {
			return refuse(e.name, "makes the files larger than the limit of %d bytes for all together", l.TotalSize)
		}
	}
	return nil
}

// checkKind refuses what is neither a plain file nor a folder, and what is packed in a way that is not known.
func (e *entry) checkKind() error {
	kind := e.unixMode() & unixType
	switch {
	case e.flags&^flagsAllowed != 0:
		return refuse(e.name, "is encrypted or packed in a way that is not supported (flags 0x%04x)", e.flags)
	case e.method != methodStore && e.method != methodDeflate:
		return refuse(e.name, "is packed with method %d, only 0 (stored) and 8 (deflate) are supported", e.method)
	case kind != 0 && kind != unixRegular && kind != unixFolder, e.attrs&dosReparse != 0:
		return refuse(e.name, "is a link or a special file (mode %o)", e.unixMode())
	case e.unixMode()&unixSpecial != 0:
		return refuse(e.name, "has a special mode (%o)", e.unixMode())
	case (kind == unixFolder || e.attrs&dosFolder != 0) && !e.isFolder(), kind == unixRegular && e.isFolder():
		return refuse(e.name, "is a folder after its mode or after its name, but not after both")
	case e.isFolder() && (e.size != 0 || e.packed != 0 && e.method == methodStore):
		return refuse(e.name, "is a folder with content")
	}
	return nil
}

func (e *entry) checkSize(l Limits) error {
	limit := l.FileSize
	if e.name == ManifestName {
		limit = min(limit, l.ManifestSize)
	}
	switch {
	case e.size > limit:
		return refuse(e.name, "has %d bytes, the limit is %d", e.size, limit)
	case e.method == methodStore && e.size != e.packed:
		return refuse(e.name, "is stored as it is, but has %d bytes packed and %d unpacked", e.packed, e.size)
	case e.size > ratioExempt && e.size > e.packed*l.Ratio:
		return refuse(e.name, "unpacks %d bytes to %d, more than %d times", e.packed, e.size, l.Ratio)
	}
	return nil
}

// open returns the content. The reader ends with an error unless it is as long as declared and has the declared
// checksum.
func (e *entry) open(r io.ReaderAt) io.Reader {
	packed := io.NewSectionReader(r, e.body, e.packed)
	c := &contentReader{entry: e, from: packed, sum: crc32.NewIEEE()}
	if e.method == methodDeflate {
		c.from = flate.NewReader(bufio.NewReaderSize(packed, copyBuffer))
	}
	return c
}

// copyBuffer is how much of a file is in memory at a time.
const copyBuffer = 128 << 10

type contentReader struct {
	entry *entry
	from  io.Reader
	read  int64
	sum   hash.Hash32
}

func (c *contentReader) Read(p []byte) (int, error) {
	// One byte more than declared, to see whether there is more.
	if left := c.entry.size - c.read + 1; int64(len(p)) > left {
		p = p[:left]
	}
	n, err := c.from.Read(p)
	c.sum.Write(p[:n])
	c.read += int64(n)
	if c.read > c.entry.size {
		return 0, refuse(c.entry.name, "unpacks to more than the declared %d bytes", c.entry.size)
	}
	if err != nil {
		err = c.ended(err)
	}
	return n, err
}

// ended turns the error that ended the content into what it means.
func (c *contentReader) ended(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(c.entry.name, "is damaged: its packed data ends at byte %d of %d", c.read, c.entry.size)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("cannot read entry %q: %w", c.entry.name, err)
	case c.read != c.entry.size:
		return refuse(c.entry.name, "unpacks to %d bytes, %d are declared", c.read, c.entry.size)
	case c.sum.Sum32() != c.entry.crc:
		return refuse(c.entry.name, "is damaged: its checksum is %08x, %08x is declared", c.sum.Sum32(), c.entry.crc)
	}
	return io.EOF
}
