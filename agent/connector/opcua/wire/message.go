package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/platform/task"
)

// StatusError is an error that the server, or the channel in its name, answered with.
type StatusError struct {
	Status ua.StatusCode
	Reason string
}

func (e *StatusError) Error() string {
	if e.Reason != "" {
		return StatusName(e.Status) + ": " + e.Reason
	}
	return StatusName(e.Status)
}

// Call is a request that is on its way.
type Call struct {
	c      *Channel
	number uint32
	done   chan Answer
	limit  time.Duration
}

// Do makes a request and waits for its answer, for limit, or as long as the Options say when it is 0. token is that of a
// session, nil for none.
func (c *Channel) Do(ctx context.Context, request ua.Request, token *ua.NodeID, limit time.Duration) (ua.Response, error) {
	if limit <= 0 {
		limit = c.o.Timeout
	}
	call, err := c.Start(request, token, limit)
	if err != nil {
		return nil, err
	}
	return call.Wait(ctx)
}

// Start sends a request whose answer is waited for until limit, or without one when it is 0. The answer is kept until
// somebody asks for it.
func (c *Channel) Start(request ua.Request, token *ua.NodeID, limit time.Duration) (call *Call, err error) {
	if token == nil {
		token = ua.NewTwoByteNodeID(0)
	}
	call = &Call{c: c, done: make(chan Answer, 1), limit: limit}
	c.mu.Lock()
	if c.err != nil {
		err := c.err
		c.mu.Unlock()
		return nil, err
	}
	if c.request++; c.request == 0 {
		c.request++
	}
	call.number = c.request
	c.waiting[call.number] = call.done
	c.mu.Unlock()
	request.SetHeader(&ua.RequestHeader{AuthenticationToken: token, Timestamp: time.Now(), RequestHandle: call.number,
		TimeoutHint: uint32(call.limit / time.Millisecond)})
	if err := c.write(request, call.number); err != nil {
		c.pop(call.number)
		return nil, err
	}
	return call, nil
}

// pop is where the answer to a request goes. Who pops it is the only one who may answer.
func (c *Channel) pop(number uint32) (chan<- Answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w, ok := c.waiting[number]
	delete(c.waiting, number)
	return w, ok
}

// answer gives an answer to who waits for it, if anybody does.
func (c *Channel) answer(number uint32, a Answer) {
	if w, ok := c.pop(number); ok {
		w <- a
	}
}

// write sends a message. An error of the connection ends the channel, because a part of it may be under way.
func (c *Channel) write(request ua.Request, number uint32) error {
	kind, body, err := encode(request)
	if err != nil {
		return err
	}
	if c.most > 0 && len(body) > c.most {
		return &StatusError{Status: ua.StatusBadRequestTooLarge}
	}
	c.send.Lock()
	defer c.send.Unlock()
	head, seal, err := c.head(kind)
	if err != nil {
		return err
	}
	room := seal.room(c.chunk, len(head))
	if room <= 0 || kind == "OPN" && len(body) > room {
		return errors.New("the server takes messages that are too short")
	}
	var packets []byte
	for first := true; first || len(body) > 0; first = false {
		part := body[:min(room, len(body))]
		body = body[len(part):]
		head[3] = final
		if len(body) > 0 {
			head[3] = between
		}
		c.sequence++
		chunk := append(make([]byte, 0, c.chunk), head...)
		chunk = binary.LittleEndian.AppendUint32(chunk, c.sequence)
		chunk = binary.LittleEndian.AppendUint32(chunk, number)
		chunk, err = seal.seal(append(chunk, part...), len(head))
		if err != nil {
			err = fmt.Errorf("cannot seal a message: %w", err)
			c.fail(err)
			return err
		}
		packets = append(packets, chunk...)
	}
	if kind != "CLO" {
		_ = c.conn.SetWriteDeadline(time.Now().Add(c.o.Timeout)) // fails with the connection, as the next line does
	}
	if _, err = c.conn.Write(packets); err != nil {
		c.fail(err)
	}
	return err
}

func encode(request ua.Request) (kind string, body []byte, err error) {
	switch request.(type) {
	case *ua.OpenSecureChannelRequest:
		kind = "OPN"
	case *ua.CloseSecureChannelRequest:
		kind = "CLO"
	default:
		kind = "MSG"
	}
	err = task.Protect("encode", func() error {
		b := ua.NewBuffer(nil)
		b.WriteStruct(ua.NewFourByteExpandedNodeID(0, ua.ServiceTypeID(request)))
		b.WriteStruct(request)
		body = b.Bytes()
		return b.Error()
	})
	if err != nil {
		return kind, nil, fmt.Errorf("cannot encode %T: %w", request, err)
	}
	return kind, body, nil
}

// head is what stands before the sequence number of each chunk of a message, and how the chunks are sealed.
func (c *Channel) head(kind string) ([]byte, sealing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	head := binary.LittleEndian.AppendUint32(newFrame(kind, final, nil), c.id)
	if kind != "OPN" {
		seal, ok := c.keys[c.token]
		if !ok {
			return nil, seal, errors.New("the channel is not open")
		}
		return binary.LittleEndian.AppendUint32(head, c.token), seal, nil
	}
	b := ua.NewBuffer(nil)
	b.WriteString(c.o.Policy)
	if c.asym.algo == nil {
		b.WriteByteString(nil)
		b.WriteByteString(nil)
	} else {
		b.WriteByteString(c.o.Certificate)
		b.WriteByteString(c.thumbprint())
	}
	return append(head, b.Bytes()...), c.asym, nil
}

// Wait waits for the answer, as long as the channel was told to.
func (call *Call) Wait(ctx context.Context) (ua.Response, error) {
	var late <-chan time.Time
	if call.limit > 0 {
		timer := time.NewTimer(call.limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case a := <-call.done:
		return a.decode()
	case <-ctx.Done():
		call.c.pop(call.number)
		return nil, ctx.Err()
	case <-late:
		call.c.pop(call.number)
		return nil, &StatusError{Status: ua.StatusBadTimeout, Reason: fmt.Sprintf("no answer within %d ms", call.limit.Milliseconds())}
	}
}

// Answers yields the answer once, for those who wait for more than one thing.
func (call *Call) Answers() <-chan Answer { return call.done }

// Decode is what an answer says. Whatever it holds, it is an answer or an error.
func Decode(a Answer) (ua.Response, error) { return a.decode() }

func (a Answer) decode() (response ua.Response, err error) {
	if a.err != nil {
		return nil, a.err
	}
	err = task.Protect("decode an answer", func() error {
		if err := surveyed(a.body); err != nil {
			return err
		}
		_, got, err := ua.DecodeService(a.body)
		if err != nil {
			return err
		}
		r, ok := got.(ua.Response)
		if !ok || r.Header() == nil {
			return fmt.Errorf("the server answers with %T", got)
		}
		response = r
		return nil
	})
	if err != nil {
		return nil, &DecodeError{Err: err}
	}
	if status := response.Header().ServiceResult; status != ua.StatusOK {
		return nil, &StatusError{Status: status}
	}
	return response, nil
}

// DecodeError is the error of an answer that nobody can read.
type DecodeError struct{ Err error }

func (e *DecodeError) Error() string { return "cannot read the answer of the server: " + e.Err.Error() }
func (e *DecodeError) Unwrap() error { return e.Err }

// read takes in what the server sends until the channel ends.
func (c *Channel) read(context.Context) error {
	parts := map[uint32][]byte{}
	for {
		f, err := readFrame(c.conn, mostBuffer)
		if err == nil {
			// Only the key of a channel is decoded here; all else is where it was asked for.
			err = task.Protect("read a message", func() error { return c.take(f, parts) })
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the server has ended the connection")
			}
			c.fail(err)
			return nil
		}
	}
}

// take takes in one frame. parts are the beginnings of messages, by the number of their request.
func (c *Channel) take(f frame, parts map[uint32][]byte) error {
	switch f.kind {
	case "ERR":
		return f.failure()
	case "CLO":
		return io.EOF
	case "OPN", "MSG":
	default:
		return fmt.Errorf("the server sends a message of the unknown type %q", f.kind)
	}
	body, err := c.unseal(f)
	if err != nil {
		return err
	}
	if len(body) < sequenceSize {
		return errSealed
	}
	number := binary.LittleEndian.Uint32(body[4:])
	body = body[sequenceSize:]
	c.mu.Lock()
	_, wanted := c.waiting[number]
	c.mu.Unlock()
	switch {
	case !wanted: // nobody waits for it any longer
		delete(parts, number)
		return nil
	case f.chunk == aborted:
		delete(parts, number)
		b := ua.NewBuffer(body)
		code, reason := ua.StatusCode(b.ReadUint32()), b.ReadString()
		c.answer(number, Answer{err: &StatusError{Status: code, Reason: reason}})
		return b.Error()
	case len(parts[number])+len(body) > mostMessage:
		delete(parts, number)
		c.answer(number, Answer{err: &StatusError{Status: ua.StatusBadResponseTooLarge}})
		return nil
	case f.chunk == between:
		parts[number] = append(parts[number], body...)
		return nil
	}
	if begun, ok := parts[number]; ok {
		body = append(begun, body...)
		delete(parts, number)
	}
	if f.kind == "OPN" {
		if err := c.opened(body); err != nil {
			return err
		}
	}
	c.answer(number, Answer{body: body})
	return nil
}

// unseal is what a chunk says from its sequence number on.
func (c *Channel) unseal(f frame) ([]byte, error) {
	if len(f.whole) < chunkHeader+tokenHeader {
		return nil, errSealed
	}
	if f.kind == "OPN" {
		b := ua.NewBuffer(f.whole[chunkHeader:])
		policy := b.ReadString()
		b.ReadBytes() // its certificate, which is known: the signature is checked with it
		b.ReadBytes()
		if b.Error() != nil || policy != c.o.Policy {
			return nil, errSealed
		}
		return c.asym.open(f.whole, chunkHeader+b.Pos())
	}
	token := binary.LittleEndian.Uint32(f.whole[chunkHeader:])
	c.mu.Lock()
	seal, known := c.keys[token]
	newest, current := c.keys[c.token], token == c.token
	c.mu.Unlock()
	if known {
		if body, err := seal.open(f.whole, chunkHeader+tokenHeader); err == nil || current {
			return body, err
		}
	}
	if newest.algo == nil {
		return nil, errSealed
	}
	// Some servers seal the answer to an old request with the newest key, and still name the old one.
	return newest.open(f.whole, chunkHeader+tokenHeader)
}
