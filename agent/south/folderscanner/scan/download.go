package scan

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"oibus/platform"
)

const (
	overlap     = 64 << 10  // bytes that are read again when a transfer goes on, to see that it is the same file
	leastFree   = 256 << 20 // of the disk that downloads leave free
	unknownSize = -1
)

// Downloads are the copies of files of another machine. One that was not finished, or not sent, stays until another file
// is fetched: it goes on where it was cut.
type Downloads struct {
	Temp string // a folder of its own

	last string // path of the copy that is there
}

// Get writes a file to w, from offset on.
type Get func(ctx context.Context, offset int64, w io.Writer) error

// Fetch copies a file, one at a time, of which identity says everything that would be different if the file was another one. An
// ErrChanged is a file that is longer or shorter than it should be.
func (d *Downloads) Fetch(ctx context.Context, identity string, size int64, get Get) (path string, err error) {
	sum := sha256.Sum256([]byte(identity))
	path = filepath.Join(d.Temp, "part-"+hex.EncodeToString(sum[:16]))
	if d.last != path && d.last != "" {
		if err := os.Remove(d.last); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("cannot remove a copy: %w", err)
		}
	}
	d.last = path
	if err := d.room(size); err != nil {
		return "", err
	}
	p, err := openPart(path, size)
	if err != nil {
		return "", fmt.Errorf("cannot keep a copy: %w", err)
	}
	if !p.whole() {
		err = get(ctx, p.offset, p)
	}
	return path, p.close(err)
}

// FetchSmall copies a file that is fetched anew when something goes wrong. Several may be at the same time.
func (d *Downloads) FetchSmall(ctx context.Context, size int64, get Get) (path string, err error) {
	if err := d.room(size); err != nil {
		return "", err
	}
	path = filepath.Join(d.Temp, "copy-"+rand.Text())
	p, err := openPart(path, size)
	if err != nil {
		return "", fmt.Errorf("cannot keep a copy: %w", err)
	}
	if err := p.close(get(ctx, 0, p)); err != nil {
		if removeErr := os.Remove(path); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
		return "", err
	}
	return path, nil
}

// room refuses a file that would fill the disk.
func (d *Downloads) room(size int64) error {
	free, _, err := platform.DiskFree(d.Temp)
	if err != nil {
		return fmt.Errorf("cannot see how much of the disk is free: %w", err)
	}
	if size > 0 && (free < leastFree || uint64(size) > free-leastFree) {
		return fmt.Errorf("there is no room for it on the disk: it has %d bytes, and %d are free", size, free)
	}
	return nil
}

// part is a copy that is being written.
type part struct {
	file   *os.File
	have   int64 // bytes that are there
	offset int64 // of what is written next
	size   int64
	wrong  error // what was written does not fit, or cannot be kept
}

func openPart(path string, size int64) (*part, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	p := &part{file: file, size: size}
	info, err := file.Stat()
	if err == nil {
		p.have = info.Size()
		if size == unknownSize || p.have > size {
			p.have, err = 0, file.Truncate(0)
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p.offset = max(0, p.have-overlap)
	return p, nil
}

// whole says that nothing is missing. What has no bytes is asked for all the same: its size may not be known.
func (p *part) whole() bool { return p.size > 0 && p.have == p.size }

// Write compares what is there, and appends what is not.
func (p *part) Write(b []byte) (int, error) {
	if p.wrong == nil && p.offset < p.have {
		n := int(min(int64(len(b)), p.have-p.offset))
		p.compare(b[:n])
		if p.wrong == nil && n < len(b) {
			p.append(b[n:])
		}
	} else if p.wrong == nil {
		p.append(b)
	}
	if p.wrong != nil {
		return 0, p.wrong
	}
	return len(b), nil
}

func (p *part) compare(b []byte) {
	there := make([]byte, len(b))
	if _, err := p.file.ReadAt(there, p.offset); err != nil {
		p.fail(err)
		return
	}
	if !bytes.Equal(there, b) {
		p.wrong = ErrChanged
		return
	}
	p.offset += int64(len(b))
}

func (p *part) append(b []byte) {
	if p.size != unknownSize && p.offset+int64(len(b)) > p.size {
		p.wrong = ErrChanged
		return
	}
	n, err := p.file.WriteAt(b, p.offset)
	p.offset += int64(n)
	if err != nil {
		p.fail(err)
	}
}

func (p *part) fail(err error) { p.wrong = fmt.Errorf("cannot keep a copy: %w", err) }

// close ends writing; err is how the transfer ended. Only what a transfer that was cut has brought stays for the next one.
func (p *part) close(err error) error {
	complete := p.whole() || p.size == unknownSize || p.offset == p.size && p.offset >= p.have
	switch {
	case p.wrong != nil:
		err = p.wrong
	case err == nil && !complete:
		err = ErrChanged
		p.wrong = err
	}
	if closeErr := p.file.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("cannot keep a copy: %w", closeErr)
	}
	if p.wrong != nil {
		err = errors.Join(err, os.Remove(p.file.Name()))
	}
	return err
}
