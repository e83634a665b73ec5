package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// probe is after how long of silence the system asks whether the other side is still there.
const probe = 15 * time.Second

// dial opens the line to the broker.
func (s *Settings) dial(ctx context.Context) (net.Conn, error) {
	b, err := s.broker()
	if err != nil {
		return nil, err
	}
	var secure *tls.Config
	if b.tls {
		if secure, err = s.tlsConfig(b); err != nil {
			return nil, err
		}
	}
	dialer := &net.Dialer{KeepAlive: probe}
	switch {
	case b.web:
		return dialWeb(ctx, b, dialer, secure)
	case secure != nil:
		return (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, "tcp", b.host)
	default:
		return dialer.DialContext(ctx, "tcp", b.host)
	}
}

// dialWeb opens a line over WebSocket.
func dialWeb(ctx context.Context, b *broker, dialer *net.Dialer, secure *tls.Config) (net.Conn, error) {
	u := *b.url
	u.User, u.Host, u.Fragment = nil, b.host, ""
	d := websocket.Dialer{NetDialContext: dialer.DialContext, TLSClientConfig: secure, Subprotocols: []string{"mqtt"}}
	c, answer, err := d.DialContext(ctx, u.String(), nil)
	if errors.Is(err, websocket.ErrBadHandshake) && answer != nil {
		return nil, fmt.Errorf("Unexpected server response: %d", answer.StatusCode) //lint:ignore ST1005 the reference's text
	}
	if err != nil {
		return nil, err
	}
	if p := c.Subprotocol(); p != "mqtt" && answer.Header.Get("Sec-WebSocket-Protocol") != "" {
		_ = c.Close() // nothing was said yet
		return nil, fmt.Errorf("the server speaks %q over WebSocket, not mqtt", p)
	}
	return &web{Conn: c}, nil
}

// web is a WebSocket as the stream of bytes that MQTT wants.
type web struct {
	*websocket.Conn
	message io.Reader // of which a part was read; nil between two
	writing sync.Mutex
}

func (w *web) Read(p []byte) (int, error) {
	for {
		if w.message == nil {
			_, r, err := w.NextReader()
			var closed *websocket.CloseError
			if errors.As(err, &closed) {
				return 0, io.EOF
			}
			if err != nil {
				return 0, err
			}
			w.message = r
		}
		n, err := w.message.Read(p)
		if errors.Is(err, io.EOF) {
			w.message = nil
			err = nil
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

func (w *web) Write(p []byte) (int, error) {
	w.writing.Lock()
	defer w.writing.Unlock()
	if err := w.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *web) SetDeadline(t time.Time) error {
	return errors.Join(w.SetReadDeadline(t), w.SetWriteDeadline(t))
}
