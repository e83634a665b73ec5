package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"oibus/agent/connector/httpclient"
	"oibus/agent/connector/object"
)

// progress is how far a file has got.
type progress struct {
	path, id string
	position int64
}

// putFile makes a file, appends to it piece by piece, and flushes it once all is there. A file of that name is replaced:
// bytes behind its end would be refused.
func (c *Client) putFile(ctx context.Context, f File, source io.Reader) error {
	if c.lake.path != f.Path || c.lake.id != f.ID {
		if err := c.plain(ctx, call{method: "PUT", file: f.Path, params: []httpclient.Param{{Key: "resource", Value: "file"}}}); err != nil {
			return err
		}
		c.lake = progress{path: f.Path, id: f.ID}
	}
	err := c.append(ctx, f, source)
	if err == nil {
		err = c.flush(ctx, f)
	}
	var refused *Error
	if err == nil || errors.As(err, &refused) && !interrupted(refused.Status) {
		c.lake = progress{}
	}
	return err
}

// interrupted says whether after a refusal with that status everything is as it was before.
func interrupted(status int) bool {
	switch status {
	case 401, 403, 407, 408, 429:
		return true
	}
	return status >= 500
}

func (c *Client) append(ctx context.Context, f File, source io.Reader) error {
	buf := make([]byte, min(f.Size, c.part))
	for at := int64(0); at < f.Size; at += int64(len(buf)) {
		left := f.Size - at
		buf = buf[:min(left, int64(len(buf)))]
		if err := object.ReadPart(source, buf, left == int64(len(buf))); err != nil {
			return err
		}
		if at < c.lake.position {
			continue // sent before
		}
		err := c.plain(ctx, call{method: "PATCH", file: f.Path, body: buf, header: append(checked(buf), httpclient.Param{Key: "Content-Type", Value: contentType}),
			params: []httpclient.Param{{Key: "action", Value: "append"}, {Key: "position", Value: strconv.FormatInt(at, 10)}}})
		if err != nil {
			return fmt.Errorf("append at %d: %w", at, err)
		}
		c.lake.position = at + int64(len(buf))
	}
	return nil
}

func (c *Client) flush(ctx context.Context, f File) error {
	return c.plain(ctx, call{method: "PATCH", file: f.Path, header: httpclient.Header{{Key: "x-ms-content-type", Value: contentType}},
		params: []httpclient.Param{{Key: "action", Value: "flush"}, {Key: "position", Value: strconv.FormatInt(f.Size, 10)}, {Key: "close", Value: "true"}}})
}
