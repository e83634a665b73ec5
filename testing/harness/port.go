package harness

import (
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports handed out lie below those that systems give to outgoing connections, so that none is taken between the
// moment it is found free and the moment a program listens on it.
const (
	firstPort = 18000
	lastPort  = 29999
)

var ports struct {
	sync.Mutex
	next int
}

// FreePort is a TCP port that nothing listens on, and that no other test of this process is given.
func FreePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.next == 0 {
		ports.next = firstPort + spread()%(lastPort-firstPort)
	}
	for range lastPort - firstPort {
		port := ports.next
		if ports.next++; ports.next > lastPort {
			ports.next = firstPort
		}
		if l, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port))); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return port
		}
	}
	t.Fatalf("no port between %d and %d is free", firstPort, lastPort)
	return 0
}
