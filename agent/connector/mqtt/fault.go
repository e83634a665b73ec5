package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"oibus/agent/wording"
)

// refusals are the reference's words for the answers of a broker that does not let the connector in.
var refusals = map[byte]string{
	packets.ErrRefusedBadProtocolVersion:    "Unacceptable protocol version",
	packets.ErrRefusedIDRejected:            "Identifier rejected",
	packets.ErrRefusedServerUnavailable:     "Server unavailable",
	packets.ErrRefusedBadUsernameOrPassword: "Bad username or password",
	packets.ErrRefusedNotAuthorised:         "Not authorized",
}

// RefusedError says that the broker has answered and does not let the connector in.
type RefusedError struct{ Code byte }

func (e *RefusedError) Error() string {
	text := refusals[e.Code]
	if text == "" {
		text = fmt.Sprintf("return code %d", e.Code)
	}
	return "Connection refused: " + text
}

// Errors of a connection.
var (
	// ErrNotConnected says that there is no connection now.
	ErrNotConnected = errors.New("there is no connection to the broker")
	// ErrForgotten says that the broker has forgotten the session with what was on its way: it is to be sent again.
	ErrForgotten = errors.New("the broker has forgotten the session")

	errClosing = errors.New("the connection is being closed")
)

// told is an error in the words that people know from the reference.
type told struct {
	text  string
	cause error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.cause }

// describe puts an error of the line into words. limit is how long connecting was allowed to take, 0 later.
func describe(err error, limit time.Duration) error {
	var known *told
	var refused *RefusedError
	if err == nil || errors.As(err, &known) || errors.As(err, &refused) {
		return err
	}
	if text := words(err, limit); text != "" {
		return &told{text, err}
	}
	return err
}

// words are those for an error, "" when its own will do.
func words(err error, limit time.Duration) string {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns) && !dns.IsTimeout:
		return wording.Lookup(dns.Name, err)
	case isTimeout(err) && limit > 0:
		return fmt.Sprintf("connack timeout: the broker has not answered within %d ms", limit.Milliseconds())
	case isTimeout(err):
		return "the broker does not answer any more"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the broker has closed the connection"
	}
	if text := wording.Certificate(err); text != "" {
		return text
	}
	if text, ok := wording.Dial(err); ok {
		return text
	}
	if errors.As(err, &op) && (op.Op == "read" || op.Op == "write") {
		return op.Op + " " + wording.System(err)
	}
	return ""
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
