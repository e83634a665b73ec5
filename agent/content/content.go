// Package content is what flows from a south to a north: its kinds, its elements and where it came from
// (protocol/data-plane.md, section 1). It promises that arrays of any length are read and written one element at a
// time, in memory that depends on the largest element only, that what it accepts is JSON, and that an element is
// handed on byte for byte unless somebody changes it. It guards against the source or script whose output, huge,
// deep or broken, would take the agent down.
package content

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// Kind is the type of a content.
type Kind string

// The kinds: the four that souths produce, and those that only transformers do.
const (
	Any         Kind = "any"         // a file
	AnyContent  Kind = "any-content" // opaque text
	TimeValues  Kind = "time-values" // array of TimeValue
	Setpoints   Kind = "setpoint"    // array of Setpoint
	OIAnalytics Kind = "oianalytics" // array of TimeValue, as OIAnalytics wants them
	MQTT        Kind = "mqtt"        // array of {topic, payload}
	OPCUA       Kind = "opcua"       // array of {nodeId, value}
	Modbus      Kind = "modbus"      // array of {address, value, modbusType}
)

// Kinds are all kinds. The position of a kind never changes: it is how files of the cache name it.
var Kinds = []Kind{Any, AnyContent, TimeValues, Setpoints, OIAnalytics, MQTT, OPCUA, Modbus}

// Valid says whether k is one of Kinds.
func (k Kind) Valid() bool { return k.Index() >= 0 }

// Index is the position of k in Kinds, -1 when it is none of them.
func (k Kind) Index() int {
	for i, known := range Kinds {
		if k == known {
			return i
		}
	}
	return -1
}

// Array says whether contents of this kind are JSON arrays, whose elements may be sent in other portions than they
// came in.
func (k Kind) Array() bool { return k.Valid() && k != Any && k != AnyContent }

// Content is one piece of data on its way, not yet in any cache. It can be read more than once, by several readers
// at a time: each north reads it for itself.
type Content struct {
	Kind     Kind
	FileName string // logical name, may hold sub-folders, "" when there is none
	Elements int    // of an array, 0 for a file
	Size     int64  // in bytes
	open     func() (io.ReadCloser, error)
}

// Open reads the content from its beginning.
func (c Content) Open() (io.ReadCloser, error) {
	if c.open == nil {
		return io.NopCloser(bytes.NewReader(nil)), nil
	}
	return c.open()
}

// FromBytes is a content in memory. data must not change any more.
func FromBytes(kind Kind, fileName string, elements int, data []byte) Content {
	return Content{Kind: kind, FileName: fileName, Elements: elements, Size: int64(len(data)),
		open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// FromFile is the file path as a content under the name fileName. The file must stay as it is until all norths have
// read it.
func FromFile(path, fileName string) (Content, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Content{}, fmt.Errorf("cannot use %q as content: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return Content{}, fmt.Errorf("cannot use %q as content: not a regular file", path)
	}
	return Content{Kind: Any, FileName: fileName, Size: info.Size(),
		open: func() (io.ReadCloser, error) { return os.Open(path) }}, nil
}

// FromText is an opaque text as a content.
func FromText(text string) Content { return FromBytes(AnyContent, "", 0, []byte(text)) }

// FromTimeValues is an array of time values as a content.
func FromTimeValues(values []TimeValue) Content {
	var buf bytes.Buffer
	w := NewArrayWriter(&buf)
	for i := range values {
		w.TimeValue(&values[i])
	}
	w.Close() // a bytes.Buffer does not fail
	return FromBytes(TimeValues, "", len(values), buf.Bytes())
}

// FromSetpoints is an array of setpoints as a content.
func FromSetpoints(setpoints []Setpoint) Content {
	var buf bytes.Buffer
	w := NewArrayWriter(&buf)
	for i := range setpoints {
		w.Setpoint(&setpoints[i])
	}
	w.Close()
	return FromBytes(Setpoints, "", len(setpoints), buf.Bytes())
}
