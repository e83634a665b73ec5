package script

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A frame is a JSON header and the bytes that go with it: two lengths, then both.
const (
	headerLimit = 64 << 20 // options and code can be large
	frameHead   = 8
)

// request asks a worker for one execution. The body is the content, or the values of an expression.
type request struct {
	Code       string          `json:"code"`
	Hash       string          `json:"hash"`
	Language   string          `json:"language,omitempty"`
	Expression bool            `json:"expression,omitempty"`
	Timeout    int64           `json:"timeout"` // milliseconds
	Source     json.RawMessage `json:"source,omitempty"`
	FileName   string          `json:"fileName,omitempty"`
	Options    json.RawMessage `json:"options,omitempty"`
}

// kinds of answers.
const (
	saidReady  = "ready"
	saidLog    = "log"
	saidResult = "result"
	saidError  = "error"
)

// answer comes from a worker: any number of log lines, then a result or an error.
type answer struct {
	Kind     string `json:"kind"`
	Level    string `json:"level,omitempty"`
	Text     string `json:"text,omitempty"`
	FileName string `json:"fileName,omitempty"`
	Elements int    `json:"elements,omitempty"`
	Confined string `json:"confined,omitempty"` // of ready: why the worker is less confined than it could be
	Err      *Error `json:"error,omitempty"`
}

func writeFrame(w io.Writer, header any, body []byte) error {
	h, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("cannot encode frame: %w", err)
	}
	head := make([]byte, frameHead, frameHead+len(h))
	binary.LittleEndian.PutUint32(head, uint32(len(h)))
	binary.LittleEndian.PutUint32(head[4:], uint32(len(body)))
	if _, err := w.Write(append(head, h...)); err != nil {
		return fmt.Errorf("cannot write frame: %w", err)
	}
	if len(body) == 0 {
		return nil
	}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("cannot write frame: %w", err)
	}
	return nil
}

// readFrame reads a frame whose body has at most limit bytes. io.EOF means that there is none any more.
func readFrame(r io.Reader, header any, limit int) ([]byte, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("cannot read frame: %w", err)
	}
	h, b := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if h > headerLimit || int64(b) > int64(limit) {
		return nil, fmt.Errorf("cannot read frame: it has %d and %d bytes, more than %d and %d", h, b, headerLimit, limit)
	}
	text, err := readN(r, int(h))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, header); err != nil {
		return nil, fmt.Errorf("cannot decode frame: %w", err)
	}
	return readN(r, int(b))
}

// readN reads n bytes without believing n before they are there.
func readN(r io.Reader, n int) ([]byte, error) {
	const step = 1 << 20
	buf := make([]byte, 0, min(n, step))
	for len(buf) < n {
		part := min(n-len(buf), step)
		if cap(buf)-len(buf) < part {
			grown := make([]byte, len(buf), min(n, 2*cap(buf)+part))
			copy(grown, buf)
			buf = grown
		}
		end := len(buf) + part
		if _, err := io.ReadFull(r, buf[len(buf):end]); err != nil {
			return nil, fmt.Errorf("cannot read frame: %w", err)
		}
		buf = buf[:end]
	}
	return buf, nil
}
