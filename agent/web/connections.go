package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// maxConnections is how many connections are held at a time, of all clients together: some 20 MB at the most. Fifty open
// pages need three hundred.
const maxConnections = 1000

// connections are those of a door. When there are too many, the one that has waited longest for its next request, or for
// its first, gives way: ten thousand idle connections keep nobody out.
type connections struct {
	most int

	mu      sync.Mutex
	open    map[net.Conn]*list.Element // its place in waiting, nil while it is busy
	waiting *list.List                 // of waiting, longest first
}

type waitingConn struct {
	conn   net.Conn
	silent bool // it has not sent anything yet, as browsers open them in advance
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[net.Conn]*list.Element{}, waiting: list.New()}
}

// note suits http.Server.ConnState.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if place := c.open[conn]; place != nil {
		c.waiting.Remove(place)
	}
	switch state {
	case http.StateNew, http.StateIdle:
		c.open[conn] = c.waiting.PushBack(waitingConn{conn, state == http.StateNew})
	case http.StateActive:
		c.open[conn] = nil
	default:
		delete(c.open, conn)
	}
	if state == http.StateNew && len(c.open) > c.most {
		c.makeRoom()
	}
}

// makeRoom closes the connection that has waited longest; that is the new one when all others are busy.
func (c *connections) makeRoom() {
	longest := c.waiting.Front()
	w := c.waiting.Remove(longest).(waitingConn)
	delete(c.open, w.conn)
	cut(w.conn)
}

// cut closes a connection without a last word, which would have to be waited for.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	conn.Close()
}

// closeSilent closes the connections that have not sent anything. http.Server would wait for them for seconds before it
// ends.
func (c *connections) closeSilent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for place := c.waiting.Front(); place != nil; place = place.Next() {
		if w := place.Value.(waitingConn); w.silent {
			cut(w.conn)
		}
	}
}
