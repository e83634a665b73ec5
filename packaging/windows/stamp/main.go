// Command stamp gives an MSI the package code and the time that it is told, in the place of a random code and the time of
// the build. It promises that the same tables and files give the same bytes, and to change nothing but these three
// properties of the summary information. It guards against packages that nobody can build again to compare.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: stamp MSI GUID SECONDS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "stamp:", err)
		os.Exit(1)
	}
}

func run(path, code, seconds string) error {
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no number of seconds", seconds)
	}
	file, err := os.ReadFile(path)
	if err == nil {
		err = stamp(file, code, time.Unix(at, 0))
	}
	if err == nil {
		err = os.WriteFile(path, file, 0o644)
	}
	return err
}

// summary is the identity of the summary information in a property set ([MS-OLEPS], section 2.21).
var summary = []byte{0xE0, 0x85, 0x9F, 0xF2, 0xF9, 0x4F, 0x68, 0x10, 0xAB, 0x91, 0x08, 0x00, 0x2B, 0x27, 0xB3, 0xD9}

// Properties of the summary information, and their types.
const (
	revision, created, saved = 9, 12, 13
	typeText, typeTime       = 0x1E, 0x40

	identityAt = 28 // of the identity, from the beginning of the set
	maxCount   = 64
)

var guid = regexp.MustCompile(`^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$`)

// errSummary says that the summary information is not as every MSI has it.
var errSummary = errors.New("cannot find the summary information")

// stamp changes the file in its place.
func stamp(file []byte, code string, at time.Time) error {
	if !guid.MatchString(code) {
		return fmt.Errorf("%q is not a GUID in capital letters", code)
	}
	found := bytes.Index(file, summary)
	if found < identityAt || bytes.Count(file, summary) != 1 {
		return errSummary
	}
	set := file[found-identityAt:]
	start, ok := number(set, identityAt+len(summary))
	if !ok || start > len(set) {
		return errSummary
	}
	section := set[start:]
	count, ok := number(section, 4)
	if !ok || count > maxCount {
		return errSummary
	}
	left := 3
	for n := range count {
		id, _ := number(section, 8+8*n)
		offset, ok := number(section, 12+8*n)
		if !ok || offset+8 > len(section) {
			return errSummary
		}
		if set, err := change(section[offset:], id, code, at); err != nil {
			return err
		} else if set {
			left--
		}
	}
	if left != 0 {
		return errSummary
	}
	return nil
}

func number(b []byte, at int) (int, bool) {
	if at < 0 || at+4 > len(b) {
		return 0, false
	}
	return int(binary.LittleEndian.Uint32(b[at:])), true
}

// change writes one property, when it is one of the three.
func change(value []byte, id int, code string, at time.Time) (bool, error) {
	kind, _ := number(value, 0)
	switch id {
	case revision:
		text := "{" + code + "}"
		if size, _ := number(value, 4); kind != typeText || size != len(text)+1 || len(value) < 8+len(text) {
			return false, errSummary
		}
		copy(value[8:], text)
	case created, saved:
		if kind != typeTime || len(value) < 12 {
			return false, errSummary
		}
		const since1601 = 11_644_473_600 // seconds until 1970
		binary.LittleEndian.PutUint64(value[4:], uint64(at.Unix()+since1601)*10_000_000)
	default:
		return false, nil
	}
	return true, nil
}
