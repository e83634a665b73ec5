package platform

import (
	"fmt"
	"net"
	"syscall"
)

// Arrived says whether a connection has something to read, or has ended, without waiting: a deadline of a moment is over before
// a busy machine has looked, and then what is closed is taken for open.
func Arrived(conn net.Conn) (arrived bool, err error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false, fmt.Errorf("cannot look at a connection: %T is no socket", conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("cannot look at a connection: %w", err)
	}
	if problem := raw.Control(func(fd uintptr) { arrived, err = readable(fd) }); problem != nil {
		err = problem
	}
	if err != nil {
		return false, fmt.Errorf("cannot look at a connection: %w", err)
	}
	return arrived, nil
}
