package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"oibus/agent/connector/httpclient"
)

// memoryKey is where an upload in parts is remembered.
const memoryKey = "s3-upload"

// giveUpLimit bounds the request that removes what was sent.
const giveUpLimit = 15 * time.Second

// settle gives up an upload that was interrupted unless it is that of o.
func (c *Client) settle(ctx context.Context, o Object) error {
	if c.open == nil && c.o.Memory != nil && !c.recalled {
		c.recalled = true
		if raw, ok := c.o.Memory.Get(memoryKey); ok {
			u := &upload{}
			if err := json.Unmarshal(raw, u); err != nil {
				return fmt.Errorf("cannot read what is remembered of an upload: %w", err)
			}
			c.open = u
		}
	}
	if c.open != nil && (c.open.Bucket != c.o.Bucket || c.open.Key != o.Key || c.open.ID != o.ID || c.open.Part != c.partOf(o)) {
		c.giveUp(ctx)
	}
	return nil
}

// giveUp removes what was sent of an object. What cannot be removed stays: it costs, but is seen by nobody.
func (c *Client) giveUp(ctx context.Context) {
	u := c.open
	c.forget()
	if u.Bucket != c.o.Bucket {
		c.o.Log.Warn(fmt.Sprintf("An unfinished upload of %q stays in the bucket %q, which is not in use any more", u.Key, u.Bucket))
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUpLimit)
	defer cancel()
	err := c.plain(ctx, call{method: "DELETE", object: u.Key, params: []httpclient.Param{{Key: "uploadId", Value: u.Upload}}})
	var e *Error
	if err != nil && !(errors.As(err, &e) && e.Code == "NoSuchUpload") {
		c.o.Log.Warn(fmt.Sprintf("An unfinished upload of %q stays in the bucket %q: %s", u.Key, u.Bucket, err))
	}
}

func (c *Client) remember(u *upload) error {
	c.open = u
	if c.o.Memory == nil {
		return nil
	}
	raw, err := json.Marshal(u)
	if err == nil {
		err = c.o.Memory.Set(map[string]json.RawMessage{memoryKey: raw})
	}
	if err != nil {
		return fmt.Errorf("cannot remember the upload: %w", err)
	}
	return nil
}

// forget loses no more than the chance to go on when it fails.
func (c *Client) forget() {
	c.open = nil
	if c.o.Memory == nil {
		return
	}
	if err := c.o.Memory.Set(map[string]json.RawMessage{memoryKey: nil}); err != nil {
		c.o.Log.Warn("cannot forget an upload that has ended", "error", err)
	}
}
