package modbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"oibus/agent/wording"
)

// What a request ends with when there is no answer, in the reference's words.
var (
	ErrTimeout = errors.New("Req timed out")                      //lint:ignore ST1005 the reference's text
	ErrOffline = errors.New("no connection to modbus server")     // before the request was sent
	ErrClosed  = errors.New("connection to modbus server closed") // after
	ErrUnset   = errors.New("Modbus client not set")              //lint:ignore ST1005 the reference's text
	ErrAddress = errors.New("InvalidStartAddress")
	ErrValue   = errors.New("InvalidValue")
)

// Exception is a refusal of the device. The connection is as good as before.
type Exception struct{ Function, Code byte }

func (e *Exception) Error() string {
	return fmt.Sprintf("A Modbus Exception Occurred - See Response Body: %s (exception %d of function %d)", e.reason(), e.Code, e.Function)
}

// Codes of refusals.
const (
	illegalFunction = 1
	illegalAddress  = 2
	illegalValue    = 3
	deviceFailure   = 4
	acknowledged    = 5
	busy            = 6
	negative        = 7
	parity          = 8
	noPath          = 10
	noAnswer        = 11
)

func (e *Exception) reason() string {
	switch e.Code {
	case illegalFunction:
		return "the device does not know the function"
	case illegalAddress:
		return "the device does not have the address"
	case illegalValue:
		return "the device does not take the value"
	case deviceFailure:
		return "the device has failed"
	case acknowledged:
		return "the device needs more time"
	case busy:
		return "the device is busy"
	case negative:
		return "the device cannot do it"
	case parity:
		return "the memory of the device is damaged"
	case noPath:
		return "the gateway has no path to the device"
	case noAnswer:
		return "the device behind the gateway does not answer"
	}
	return "for a reason of its own"
}

// About says whether the refusal may be due to what was asked, so that another request could pass: not when the device
// is busy or away.
func (e *Exception) About() bool {
	switch e.Code {
	case acknowledged, busy, noPath, noAnswer:
		return false
	}
	return true
}

// Divisible says whether parts of a refused reading may be readable.
func (e *Exception) Divisible() bool {
	return e.Code == illegalAddress || e.Code == illegalValue || e.Code == deviceFailure
}

// ProtocolError is an answer that no server may give. Nothing more can be read on its connection.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string {
	return "the Modbus server does not keep to the protocol: " + e.Reason
}

// dialError is a connection that cannot be made, in the reference's words.
func dialError(err error, limit time.Duration) error {
	var dns *net.DNSError
	var timeout net.Error
	text, ok := wording.Dial(err)
	if !ok {
		text = wording.System(err)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &timeout) && timeout.Timeout() && !errors.As(err, &dns):
		//lint:ignore ST1005 the reference's text
		return fmt.Errorf("Modbus connection timeout after %d ms", limit.Milliseconds())
	case errors.As(err, &dns), strings.Contains(text, "ECONNREFUSED"):
		//lint:ignore ST1005 the reference's text
		return fmt.Errorf("Please check host and port: %s", text)
	}
	//lint:ignore ST1005 the reference's text
	return fmt.Errorf("Unable to connect to socket: %s", text)
}
