// Package diagnostics writes the archive that a person sends to who helps: settings without secrets, state, logs,
// goroutines, versions, disk. The admin page and oibus-installer doctor write the same form. It promises that a part that
// cannot be had does not keep the others from being written, that what looks like a secret is masked even where no
// secret should be, and that neither a huge log nor a cache with millions of files makes it endless. It guards against
// the question that cannot be answered because the machine is far away, and against the password in a mail.
package diagnostics

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Problems is the name of the part that says which parts are missing, and why. It is there only when some are.
const Problems = "problems.txt"

// Part is a file of the archive.
type Part struct {
	Name  string // with slashes
	Write func(w io.Writer) error
}

// JSON is a part that shows a value.
func JSON(name string, value func() (any, error)) Part {
	return Part{name, func(w io.Writer) error {
		v, err := value()
		if err != nil {
			return err
		}
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}}
}

// Bytes is a part that an archive made elsewhere had, as it was there.
func Bytes(name string, data []byte) Part {
	return Part{name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

// Write writes the archive. A part that fails is told of in Problems; only a w that fails is an error.
func Write(w io.Writer, now time.Time, parts []Part) error {
	z := zip.NewWriter(w)
	var problems []error
	for _, p := range parts {
		err := write(z, now, p)
		var lost *lostError
		if errors.As(err, &lost) {
			return lost.err
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	if len(problems) > 0 {
		text := Bytes(Problems, []byte(errors.Join(problems...).Error()+"\n"))
		if err := write(z, now, text); err != nil {
			return fmt.Errorf("cannot write archive: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("cannot write archive: %w", err)
	}
	return nil
}

// lostError is a failure of the archive itself.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

func write(z *zip.Writer, now time.Time, p Part) error {
	f, err := z.CreateHeader(&zip.FileHeader{Name: p.Name, Method: zip.Deflate, Modified: now})
	if err != nil {
		return &lostError{fmt.Errorf("cannot write archive: %w", err)}
	}
	m := &mask{w: f}
	err = p.Write(m)
	if flushed := m.flush(); flushed != nil || m.failed != nil {
		return &lostError{fmt.Errorf("cannot write archive: %w", errors.Join(flushed, m.failed))}
	}
	return err
}
