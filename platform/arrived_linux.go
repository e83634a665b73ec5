package platform

import (
	"errors"

	"golang.org/x/sys/unix"
)

func readable(fd uintptr) (bool, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}
