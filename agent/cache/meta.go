package cache

import (
	"errors"
	"fmt"
	"path"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// Folder says in which of the three folders of the reference a content is.
type Folder string

// The folders.
const (
	InCache   Folder = "cache"   // waits to be sent
	InError   Folder = "error"   // could not be sent
	InArchive Folder = "archive" // was sent
)

// Folders are all folders, in the order in which the reference lists them.
var Folders = []Folder{InCache, InError, InArchive}

// Limits of what is stored.
const (
	inlineLimit = 1 << 20 // larger contents get a file of their own
	nameLimit   = 4096    // longer names are refused
)

// Errors of Put.
var (
	ErrClosed = errors.New("the cache is closed")
	ErrName   = fmt.Errorf("the file name is longer than %d bytes", nameLimit)
)

// FullError says that a content was refused because the contents of the cache have reached their limit. The remedy
// is to raise the limit, to empty error or archive, or to get the target to take data again.
type FullError struct{ Size, Limit int64 }

func (e *FullError) Error() string {
	return fmt.Sprintf("North cache is exceeding the maximum allowed size (%.2f MB >= %.2f MB).", megabytes(e.Size), megabytes(e.Limit))
}

func megabytes(n int64) float64 { return float64(n) / (1 << 20) }

// SpaceError says that a content was refused because the disk is nearly full.
type SpaceError struct {
	Free, Reserve uint64
	Dir           string
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("the disk of %q has %d MB left, of which %d MB are kept free", e.Dir, e.Free>>20, e.Reserve>>20)
}

// Meta describes a content that is put into the cache.
type Meta struct {
	Kind     content.Kind
	FileName string    // logical name, may hold sub-folders; "" makes it "<id>.json"
	Elements int       // how many elements the array has, 0 for a file
	Folder   Folder    // "" means InCache
	Created  time.Time // zero means now
	Once     bool      // it is sent by itself, and not again when it is not known what became of the first attempt
}

func (m Meta) check() error {
	switch {
	case !m.Kind.Valid():
		return fmt.Errorf("unknown content type %q", m.Kind)
	case len(m.FileName) > nameLimit:
		return ErrName
	case m.Elements < 0 || int64(m.Elements) > 1<<32-1:
		return fmt.Errorf("impossible number of elements %d", m.Elements)
	case m.Folder != "" && placeOf(m.Folder) == gone:
		return fmt.Errorf("unknown folder %q", m.Folder)
	}
	return nil
}

// place is where a content is, as states and records name it.
type place uint8

const (
	gone place = iota // delivered and not archived, or removed; for good
	queued
	errored
	archived
	places
)

func placeOf(f Folder) place {
	for i, known := range Folders {
		if f == known {
			return place(i + 1)
		}
	}
	return gone
}

func (p place) folder() Folder {
	if p == gone || p >= places {
		return ""
	}
	return Folders[p-1]
}

// Metadata is what lists show of a content: JSON as in the reference.
type Metadata struct {
	ContentFile     string       `json:"contentFile"`
	ContentSize     int64        `json:"contentSize"`
	CreatedAt       string       `json:"createdAt"`
	NumberOfElement int          `json:"numberOfElement"`
	ContentType     content.Kind `json:"contentType"`
}

// File is one content in a list.
type File struct {
	Filename string   `json:"filename"` // the id
	Metadata Metadata `json:"metadata"`
}

func describe(id, name string, size int64, created int64, elements uint32, kind uint8) File {
	if name == "" {
		name = id + ".json"
	}
	return File{Filename: id, Metadata: Metadata{ContentFile: name, ContentSize: size,
		CreatedAt: entity.Milli(time.UnixMilli(created)), NumberOfElement: int(elements), ContentType: kindOf(kind)}}
}

func kindOf(code uint8) content.Kind {
	if int(code) < len(content.Kinds) {
		return content.Kinds[code]
	}
	return content.Any
}

// viewType is the content type of a file in the viewer, by the extension of its name, which is compared as it is.
func viewType(name string) string {
	switch path.Ext(name) {
	case ".csv":
		return "csv"
	case ".json":
		return "json"
	case ".xml":
		return "xml"
	}
	return "raw"
}
