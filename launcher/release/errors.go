package release

import (
	"errors"
	"fmt"
)

// ErrTruncated says that the end of a package is missing. One that is being copied or downloaded looks like this:
// wait until it is complete.
var ErrTruncated = errors.New("its end is missing: it is cut off, or not complete yet")

// RefusedError says why a package or an unpacked release is not accepted. Trying again does not help: other errors
// are those of the disk and the like. Entry is the file it is about, "" for the whole.
type RefusedError struct {
	Entry  string
	Reason string
	cause  error
}

func (e *RefusedError) Error() string {
	if e.Entry == "" {
		return e.Reason
	}
	return fmt.Sprintf("entry %q %s", e.Entry, e.Reason)
}

// Unwrap makes ErrTruncated and *NotZipError visible.
func (e *RefusedError) Unwrap() error { return e.cause }

// NotZipError says that a file begins with something else than a zip archive does. Its text is the one that the
// reference gives (protocol/control-plane.md, section 5.1).
type NotZipError struct{ Signature uint32 }

func (e *NotZipError) Error() string { return fmt.Sprintf("invalid signature: 0x%x", e.Signature) }

// refuse makes a *RefusedError about an entry, or about the whole when entry is "".
func refuse(entry, format string, args ...any) error {
	return &RefusedError{Entry: entry, Reason: fmt.Sprintf(format, args...)}
}

// refuseFor is refuse for the whole with a cause that callers can ask for.
func refuseFor(cause error) error { return &RefusedError{Reason: cause.Error(), cause: cause} }
