package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/gopcua/opcua/ua"
)

// Sizes of what goes over the connection, in bytes. The least are those of the standard.
const (
	leastBuffer  = 8192
	mostBuffer   = 65535
	mostMessage  = 2 << 20 // of an answer, which takes up to some hundred times as much when it is decoded
	mostChunks   = mostMessage / leastBuffer
	frameHeader  = 8  // type, kind of chunk, size
	chunkHeader  = 12 // a frame with the channel
	tokenHeader  = 4
	sequenceSize = 8
)

// Kinds of chunks.
const (
	between = 'C'
	final   = 'F'
	aborted = 'A'
)

// frame is what the two sides exchange over the connection.
type frame struct {
	kind  string // HEL, ACK, ERR, OPN, MSG or CLO
	chunk byte
	whole []byte // with its header
}

// readFrame reads one frame of at most limit bytes.
func readFrame(r io.Reader, limit int) (frame, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if size < frameHeader || uint64(size) > uint64(limit) {
		return frame{}, fmt.Errorf("the server announces a message of %d bytes", size)
	}
	f := frame{kind: string(head[:3]), chunk: head[3], whole: make([]byte, size)}
	copy(f.whole, head[:])
	_, err := io.ReadFull(r, f.whole[frameHeader:])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return f, err
}

// failure is the error that an ERR frame tells.
func (f frame) failure() error {
	b := ua.NewBuffer(f.whole[frameHeader:])
	code, reason := ua.StatusCode(b.ReadUint32()), b.ReadString()
	if b.Error() != nil {
		return errors.New("the server ends the connection without a reason")
	}
	return &StatusError{Status: code, Reason: reason}
}

// hello opens the connection, and returns how large a chunk and a message to the server may be; 0 is no limit.
func hello(c net.Conn, url string) (chunk, message int, err error) {
	b := ua.NewBuffer(nil)
	b.WriteUint32(0) // version of the protocol
	b.WriteUint32(mostBuffer)
	b.WriteUint32(mostBuffer)
	b.WriteUint32(mostMessage)
	b.WriteUint32(mostChunks)
	b.WriteString(url)
	if _, err := c.Write(newFrame("HEL", final, b.Bytes())); err != nil {
		return 0, 0, err
	}
	f, err := readFrame(c, mostBuffer)
	switch {
	case err != nil:
		return 0, 0, err
	case f.kind == "ERR":
		return 0, 0, f.failure()
	case f.kind != "ACK":
		return 0, 0, errors.New("the server does not speak OPC UA")
	}
	ack := ua.NewBuffer(f.whole[frameHeader:])
	ack.ReadUint32() // version
	receives := ack.ReadUint32()
	ack.ReadUint32() // what it sends at most
	most := ack.ReadUint32()
	ack.ReadUint32() // chunks at most
	if ack.Error() != nil || receives < leastBuffer {
		return 0, 0, errors.New("the server does not speak OPC UA as it should: it takes too little")
	}
	return int(min(receives, mostBuffer)), int(min(most, 1<<30)), nil
}

func newFrame(kind string, chunk byte, body []byte) []byte {
	f := make([]byte, 0, frameHeader+len(body))
	f = append(append(f, kind...), chunk)
	f = binary.LittleEndian.AppendUint32(f, uint32(frameHeader+len(body)))
	return append(f, body...)
}
