package azure

import (
	"context"
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

// Put puts a file, in place of what is there under its path. The error is an *Error, an *entra.TokenError, or
// one of httpclient.
func (c *Client) Put(ctx context.Context, f File) error {
	source := f.Open()
	defer source.Close()
	if c.o.DataLake {
		return c.putFile(ctx, f, source)
	}
	return c.putBlob(ctx, f, source)
}
