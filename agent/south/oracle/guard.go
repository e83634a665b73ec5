package oracle

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"oibus/agent/south/sql"
)

// The driver believes what a server says of itself, before it knows who that is: it takes the memory that the length of a
// packet asks for, 4 GiB for one of less than nothing; it sends again, and connects elsewhere, as often as it is told to,
// each time from within the time before; and it divides what it sends into parts of the size that the server wants, even
// when that leaves it none. The agent would not survive that.
const (
	maxPacket  = 4 << 20 // bytes; the driver asks for 2 MiB at most
	partHead   = 64      // bytes of a part that the driver takes for itself; it sends all at once when there are fewer
	minPart    = 128     // bytes; Oracle's least is 512
	maxResends = 16      // of one connection; listeners want one or two
	maxDials   = 16      // of one session; clusters redirect twice
)

// dialer connects, not without end, to what is watched by a guard.
type dialer struct {
	lines *sql.Lines
	dials int
}

var errTooFar = errors.New("the listener sends the agent from one address to the next without end")

// DialContext is what the driver connects with, one connection after the other.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.dials++; d.dials > maxDials {
		return nil, errTooFar
	}
	c, err := d.lines.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &guard{Conn: c}, nil
}

// guard looks at the heads of the packets that a server sends.
type guard struct {
	net.Conn
	head    []byte // the beginning of the current packet, up to headSize
	left    int    // of the current packet, once its length is known
	wide    bool   // lengths have four bytes: an acceptance has said so
	resends int
	err     error // what is wrong; nothing is read after it
}

// Packets begin with a head; that of an acceptance is long.
const (
	headSize      = 8
	acceptSize    = 32
	acceptSize315 = 40
)

// The packets that are looked at.
const (
	acceptPacket = 2
	resendPacket = 11
)

// wideVersion is the version of the protocol from which on lengths have four bytes.
const wideVersion = 315

func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.Conn.Read(p)
	if g.err = g.look(p[:n]); g.err != nil {
		return 0, g.err
	}
	return n, err
}

// look follows packets through what was read.
func (g *guard) look(b []byte) error {
	for len(b) > 0 {
		if len(g.head) < headSize {
			n := min(headSize-len(g.head), len(b))
			g.head, b = append(g.head, b[:n]...), b[n:]
			if len(g.head) < headSize {
				return nil
			}
			if err := g.begin(); err != nil {
				return err
			}
		}
		n := min(g.left, len(b))
		if room := acceptSize315 - len(g.head); room > 0 {
			g.head = append(g.head, b[:min(n, room)]...)
		}
		b = b[n:]
		if g.left -= n; g.left > 0 {
			return nil
		}
		if err := g.end(); err != nil {
			return err
		}
		g.head = g.head[:0]
	}
	return nil
}

// begin reads the head of a packet.
func (g *guard) begin() error {
	length := int64(binary.BigEndian.Uint16(g.head))
	if g.wide {
		length = int64(binary.BigEndian.Uint32(g.head))
	}
	if length < headSize || length > maxPacket {
		return fmt.Errorf("the server does not speak as Oracle does: it announces %d bytes", length)
	}
	g.left = int(length) - headSize
	if g.head[4] == resendPacket {
		if g.resends++; g.resends > maxResends {
			return errors.New("the server wants the same again and again")
		}
	}
	return nil
}

// end looks at a whole packet.
func (g *guard) end() error {
	if g.head[4] != acceptPacket || g.wide {
		return nil
	}
	if len(g.head) < acceptSize {
		return errors.New("the server accepts the connection in too few words")
	}
	least := min(uint32(binary.BigEndian.Uint16(g.head[12:])), uint32(binary.BigEndian.Uint16(g.head[14:])))
	if g.wide = binary.BigEndian.Uint16(g.head[8:]) >= wideVersion; g.wide {
		if len(g.head) < acceptSize315 {
			return errors.New("the server accepts the connection in too few words")
		}
		least = min(binary.BigEndian.Uint32(g.head[32:]), binary.BigEndian.Uint32(g.head[36:]))
	}
	if least >= partHead && least < minPart {
		return fmt.Errorf("the server wants to be sent %d bytes at a time", least)
	}
	return nil
}
