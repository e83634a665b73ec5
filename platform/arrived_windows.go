package platform

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var wsaPoll = windows.NewLazySystemDLL("ws2_32.dll").NewProc("WSAPoll")

// pollFd is WSAPOLLFD.
type pollFd struct {
	socket          uintptr
	events, revents int16
}

const pollRead = 0x0100 // POLLRDNORM

func readable(fd uintptr) (bool, error) {
	if err := wsaPoll.Find(); err != nil {
		return false, err
	}
	asked := pollFd{socket: fd, events: pollRead}
	n, _, err := wsaPoll.Call(uintptr(unsafe.Pointer(&asked)), 1, 0)
	if int32(n) < 0 {
		return false, err
	}
	return n > 0, nil
}
