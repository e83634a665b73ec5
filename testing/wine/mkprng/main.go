// Command mkprng writes a bcryptprimitives.dll for Wine prefixes that lack it: Go programs do not start without its
// ProcessPrng. The file is a PE32+ with an export table only, which forwards ProcessPrng to the random generator of
// advapi32. It is for tests under Wine, never for a real Windows.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
)

// Where the export section lies, in memory and in the file.
const (
	address   = 0x1000
	fileAlign = 0x200
	alignment = 0x1000
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mkprng FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], library(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func library() []byte {
	section, size := exports()
	dos := make([]byte, 64)
	copy(dos, "MZ")
	binary.LittleEndian.PutUint32(dos[60:], uint32(len(dos)))
	var image bytes.Buffer
	image.Write(dos)
	image.WriteString("PE\x00\x00")
	// File header: AMD64, one section, executable, large addresses, DLL.
	put(&image, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022))
	// Optional header: no code, no entry point, two pages of memory, a console program.
	put(&image, uint16(0x20b), uint8(14), uint8(0), uint32(0), uint32(fileAlign), uint32(0), uint32(0), uint32(0),
		uint64(0x180000000), uint32(alignment), uint32(fileAlign),
		uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0),
		uint32(2*alignment), uint32(fileAlign), uint32(0), uint16(3), uint16(0x0160),
		uint64(0x100000), uint64(alignment), uint64(0x100000), uint64(alignment), uint32(0), uint32(16))
	directories := make([]uint32, 32)
	directories[0], directories[1] = address, size // the first is that of the exports
	put(&image, directories)
	put(&image, [8]byte{'.', 'e', 'd', 'a', 't', 'a'}, size, uint32(address), uint32(len(section)), uint32(fileAlign),
		uint32(0), uint32(0), uint16(0), uint16(0), uint32(0x40000040))
	image.Write(make([]byte, fileAlign-image.Len()))
	image.Write(section)
	return image.Bytes()
}

// exports returns the section with one export, padded to what a file holds, and its size without the padding.
func exports() (section []byte, size uint32) {
	const library, function, forward = "bcryptprimitives.dll\x00", "ProcessPrng\x00", "advapi32.SystemFunction036\x00"
	const texts = address + 40 + 4 + 4 + 4 // behind the directory and its three tables
	const functionAt, forwardAt = texts + len(library), texts + len(library) + len(function)
	var s bytes.Buffer
	put(&s, uint32(0), uint32(0), uint32(0), uint32(texts), uint32(1), uint32(1), uint32(1),
		uint32(address+40), uint32(address+44), uint32(address+48))
	put(&s, uint32(forwardAt), uint32(functionAt), uint16(0), uint16(0))
	s.WriteString(library + function + forward)
	size = uint32(s.Len())
	s.Write(make([]byte, fileAlign-s.Len()%fileAlign))
	return s.Bytes(), size
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		// Writing numbers to memory does not fail.
		_ = binary.Write(b, binary.LittleEndian, v)
	}
}
