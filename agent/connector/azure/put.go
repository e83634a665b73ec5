package azure

import (
	"context"
	"errors"
	"io"
)

// partSize is what is held in memory and sent at once.
const partSize = 8 << 20

// File is what is put.
type File struct {
	Path string
	ID   string // tells it from everything else that is ever put under that path
	Size int64
	Open func() io.ReadCloser // from its beginning
}

// SourceError says that what is to be put could not be read.
type SourceError struct{ Err error }

func (e *SourceError) Error() string { return "cannot read what is to be sent: " + e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// Put puts a file, in place of what is there under its path. The error is an *Error, a *SourceError, an
// *entra.TokenError, or one of httpclient.
func (c *Client) Put(ctx context.Context, f File) error {
	source := f.Open()
	defer source.Close()
	if c.o.DataLake {
		return c.putFile(ctx, f, source)
	}
	return c.putBlob(ctx, f, source)
}

var errLonger = errors.New("it is longer than announced")

// fill reads the next part of a file, which must be followed by nothing when it is the last one.
func fill(source io.Reader, part []byte, last bool) error {
	_, err := io.ReadFull(source, part)
	if err == nil && last {
		if _, err = io.ReadFull(source, make([]byte, 1)); errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = errLonger
		}
	}
	if err != nil {
		return &SourceError{err}
	}
	return nil
}
