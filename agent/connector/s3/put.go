package s3

import (
	"context"
	"io"

	"oibus/agent/connector/object"
)

const (
	// partSize is what is held in memory and sent at once. Amazon S3 takes no parts below 5 MiB but the last one.
	partSize    = 8 << 20
	maxParts    = 10_000 // of an object
	contentType = "application/octet-stream"
)

// Object is what is put.
type Object struct {
	Key  string
	ID   string // tells it from everything else that is ever put under that key
	Size int64
	Open func() io.ReadCloser // from its beginning
}

// Put puts an object, in place of what is there under its key. The error is an *Error, or one of httpclient.
func (c *Client) Put(ctx context.Context, o Object) error {
	if err := c.settle(ctx, o); err != nil {
		return err
	}
	source := o.Open()
	defer source.Close()
	buf := make([]byte, min(o.Size, c.partOf(o)))
	if o.Size > int64(len(buf)) {
		return c.putParts(ctx, o, source, buf)
	}
	if err := object.ReadPart(source, buf, true); err != nil {
		return err
	}
	res, err := c.do(ctx, call{method: "PUT", object: o.Key, contentType: contentType, body: buf})
	if err != nil {
		return err
	}
	res.Close()
	return nil
}

// partOf is the size of the parts of an object.
func (c *Client) partOf(o Object) int64 { return max(c.part, (o.Size+maxParts-1)/maxParts) }
