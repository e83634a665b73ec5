// Package entity holds the things OIBus is configured with and their JSON, as stored on disk. It promises
// identifiers from the operating system's random source and instants in the two forms of the wire
// (protocol/control-plane.md, section 0). It holds no behaviour and knows no file.
package entity

import (
	"crypto/rand"
	"fmt"
	"time"
)

// Authors of changes that are not local users.
const (
	System      = "system"
	OIAnalytics = "oianalytics"
)

// Lengths of random identifiers.
const (
	LongID  = 16 // engine, registration, message
	CacheID = 12 // cache content
	ShortID = 6  // everything else, and the activation code
)

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// NewID returns n symbols of the 62-symbol alphabet, each equally likely, from the operating system's random source.
func NewID(n int) string {
	id := make([]byte, 0, n)
	var buf [64]byte
	for len(id) < n {
		rand.Read(buf[:]) // never fails: see crypto/rand
		for _, b := range buf {
			if v := b & 63; int(v) < len(alphabet) && len(id) < n {
				id = append(id, alphabet[v])
			}
		}
	}
	return string(id)
}

// Layouts of instants: entities carry whole seconds, commands and messages milliseconds.
const (
	secondLayout = "2006-01-02T15:04:05Z"
	milliLayout  = "2006-01-02T15:04:05.000Z"
)

// Second formats t for createdAt and updatedAt of entities.
func Second(t time.Time) string { return t.UTC().Format(secondLayout) }

// Milli formats t for commands, messages, logs and contents.
func Milli(t time.Time) string { return t.UTC().Format(milliLayout) }

// Audit says which object this is, and who made and last changed it, and when.
type Audit struct {
	ID        string `json:"id"`
	CreatedBy string `json:"createdBy"`
	UpdatedBy string `json:"updatedBy"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

// NewAudit is the audit of an object that author makes at now under id.
func NewAudit(id, author string, now time.Time) Audit {
	at := Second(now)
	return Audit{ID: id, CreatedBy: author, UpdatedBy: author, CreatedAt: at, UpdatedAt: at}
}

// Touched is a with author as the last one to change it, at now.
func (a Audit) Touched(author string, now time.Time) Audit {
	a.UpdatedBy, a.UpdatedAt = author, Second(now)
	return a
}

// NotFoundError says that an object named by a command or a request does not exist. Its text is the reference's.
type NotFoundError struct{ Text string }

func (e *NotFoundError) Error() string { return e.Text }

// NotFound builds a NotFoundError.
func NotFound(format string, args ...any) error { return &NotFoundError{fmt.Sprintf(format, args...)} }

// InvalidError says that the content of a command or request breaks a rule. Its text is the reference's and names
// the field, the limit and the value.
type InvalidError struct{ Text string }

func (e *InvalidError) Error() string { return e.Text }

// Invalid builds an InvalidError.
func Invalid(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// PinnedError says that a setting is decided by the settings file of the machine, and so cannot be changed from
// the page, the REST API or the cloud.
type PinnedError struct{ Key, File string }

func (e *PinnedError) Error() string {
	return fmt.Sprintf("%q is set in %s and cannot be changed from here: edit that file and restart OIBus", e.Key, e.File)
}
