package modbus

import "context"

// Link keeps one connection to a device, and makes another one when it was closed while it was idle: nothing was on its
// way then, and nothing is lost. It is used by one goroutine at a time.
type Link struct {
	options Options
	client  *Client // nil when it is not open
}

// NewLink is a link that is not open yet.
func NewLink(o Options) *Link { return &Link{options: o} }

// Open connects.
func (l *Link) Open(ctx context.Context) error {
	l.Close()
	client, err := Dial(ctx, l.options)
	l.client = client
	return err
}

// Use is the connection, open. Its error is ErrUnset when the link was not opened.
func (l *Link) Use(ctx context.Context) (*Client, error) {
	switch {
	case l.client == nil:
		return nil, ErrUnset
	case l.client.Alive():
		return l.client, nil
	}
	if err := l.Open(ctx); err != nil {
		return nil, err
	}
	return l.client, nil
}

// Close ends the connection.
func (l *Link) Close() {
	if l.client != nil {
		l.client.Close()
		l.client = nil
	}
}
