package winagent

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	// maxAnswer bounds an answer: nobody's windows come near, and the disk is not filled by an agent that never ends.
	maxAnswer = 4 << 30
	maxSmall  = 1 << 20 // bytes of a member that is read as a whole
)

// LocalError says that an answer could not be kept here: it is not the agent's fault.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return "cannot save the answer: " + e.Err.Error() }
func (e *LocalError) Unwrap() error { return e.Err }

// Answer is a JSON object in a file, which Close removes.
type Answer struct {
	Size    int64
	file    *os.File
	members map[string]extent
}

// extent is where a value stands.
type extent struct{ from, to int64 }

// save writes an answer to a file and finds its members.
func save(r io.Reader, dir string) (*Answer, error) {
	file, err := os.OpenFile(filepath.Join(dir, rand.Text()+".json"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, &LocalError{err}
	}
	a := &Answer{file: file}
	if err := a.fill(r); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Answer) fill(r io.Reader) (err error) {
	if a.Size, err = io.CopyBuffer(writer{a.file}, io.LimitReader(r, maxAnswer+1), make([]byte, 64<<10)); err != nil {
		return err
	}
	if a.Size > maxAnswer {
		return fmt.Errorf("the answer of the remote agent is longer than %d bytes", int64(maxAnswer))
	}
	if _, err := a.file.Seek(0, io.SeekStart); err != nil {
		return &LocalError{err}
	}
	if a.members, err = members(bufio.NewReaderSize(a.file, 64<<10)); err != nil {
		return fmt.Errorf("the answer of the remote agent is no JSON object: %w", err)
	}
	return nil
}

// writer tells errors of the file from those of the network.
type writer struct{ file *os.File }

func (w writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		err = &LocalError{err}
	}
	return n, err
}

// Close removes the answer.
func (a *Answer) Close() {
	_ = a.file.Close() // it was read only
	_ = os.Remove(a.file.Name())
}

// Raw reads the value of a member as it stands; nil when there is none, or it is null.
func (a *Answer) Raw(name string) io.Reader {
	e, ok := a.members[name]
	if !ok {
		return nil
	}
	var null [4]byte
	if e.to-e.from == int64(len(null)) {
		if _, err := a.file.ReadAt(null[:], e.from); err == nil && string(null[:]) == "null" {
			return nil
		}
	}
	return io.NewSectionReader(a.file, e.from, e.to-e.from)
}

// Text reads the text of a member, nil when there is none, or it is null.
func (a *Answer) Text(name string) io.Reader {
	r := a.Raw(name)
	if r == nil {
		return nil
	}
	return newText(r)
}

// Decode reads a small member. v stays as it is when there is none.
func (a *Answer) Decode(name string, v any) error {
	r := a.Raw(name)
	if r == nil {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxSmall+1))
	if err != nil {
		return &LocalError{err}
	}
	if len(raw) > maxSmall {
		return fmt.Errorf("%q in the answer of the remote agent is longer than %d bytes", name, maxSmall)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%q in the answer of the remote agent is not what it should be: %w", name, err)
	}
	return nil
}

// Beginning is the answer, or its first limit bytes.
func (a *Answer) Beginning(limit int64) ([]byte, error) {
	raw := make([]byte, min(limit, a.Size))
	if _, err := a.file.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, &LocalError{err}
	}
	return raw, nil
}
