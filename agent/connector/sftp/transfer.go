package sftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pkg/sftp"

	"oibus/agent/connector/folder"
)

// requestsAtOnce is how many parts of a file are on their way at the same time: each takes 32 KiB.
const requestsAtOnce = 64

// flushPatience is how many times longer than for another answer is waited while a server brings a whole file to its disk.
const flushPatience = 4

// answerWeight makes an answer to a written part, of some 30 bytes, count as that part.
const answerWeight = 512

// smallFile is what one answer holds.
const smallFile = 32 << 10

// Get writes a file of the server to w, from offset on. size is how long the file should be: whether it is, is for the
// caller to see.
func (c *Client) Get(ctx context.Context, path string, offset, size int64, w io.Writer) error {
	return c.do(ctx, func(*folder.Pace) (err error) {
		f, err := c.sftp.Open(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if rest := size - offset; rest > 0 && rest <= smallFile { // one question instead of three
			b := make([]byte, rest)
			n, err := f.ReadAt(b, offset)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			_, writeErr := w.Write(b[:n])
			return errors.Join(err, writeErr)
		}
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		_, err = f.WriteTo(w)
		return err
	})
}

// Put writes a file to the server, from offset on. It returns up to where it was written for certain. When its error is
// nil the file lasts, as far as the server can promise that.
func (c *Client) Put(ctx context.Context, path string, offset int64, r io.Reader) (written int64, err error) {
	c.weight.Store(answerWeight)
	defer c.weight.Store(1)
	written = offset
	err = c.doWithin(ctx, flushPatience*cmp.Or(c.settings.Patience, folder.Patience), func(pace *folder.Pace) (err error) {
		flags := os.O_WRONLY | os.O_CREATE
		if offset == 0 {
			flags |= os.O_TRUNC
		}
		f, err := c.sftp.OpenFile(path, flags)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if _, err := f.Seek(offset, io.SeekStart); err != nil {
			return err
		}
		_, err = f.ReadFromWithConcurrency(paced{r, pace}, requestsAtOnce)
		if at, seekErr := f.Seek(0, io.SeekCurrent); seekErr == nil {
			written = at
		}
		if err != nil {
			return err
		}
		return c.sync(f)
	})
	return written, err
}

// paced counts what is read as moved: what is on its way is bounded.
type paced struct {
	io.Reader
	pace *folder.Pace
}

func (p paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.pace.Moved(n)
	return n, err
}

func (c *Client) sync(f *sftp.File) error {
	if _, ok := c.sftp.HasExtension(extensionSync); !ok {
		return nil
	}
	err := f.Sync()
	if unsupported(err) {
		return nil
	}
	return err
}

func unsupported(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported
}

// Move gives a file another name, in the place of the file that has it. Where the server cannot do that at once, the
// other file is removed first.
func (c *Client) Move(ctx context.Context, from, to string) error {
	return c.do(ctx, func(*folder.Pace) error {
		if _, ok := c.sftp.HasExtension(extensionMoves); ok {
			if err := c.sftp.PosixRename(from, to); !unsupported(err) {
				return err
			}
		}
		err := c.sftp.Rename(from, to)
		if err == nil {
			return nil
		}
		info, statErr := c.sftp.Lstat(to)
		if errors.Is(statErr, fs.ErrNotExist) {
			return err
		}
		if statErr != nil {
			return errors.Join(err, statErr)
		}
		if info.IsDir() {
			return fmt.Errorf("%s is a folder", to)
		}
		if removeErr := c.sftp.Remove(to); removeErr != nil {
			return errors.Join(err, removeErr)
		}
		return c.sftp.Rename(from, to)
	})
}
