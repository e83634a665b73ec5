package cloud

import (
	"errors"
	"net"
	"strings"
	"time"

	"oibus/agent/wording"
)

const callTimeoutText = "The operation was aborted due to timeout"

// describe puts what the transport reports into the reference's words.
func describe(err error, host string, connect time.Duration) (Kind, string) {
	var c *connectError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &c):
		if c.timeout {
			return Timeout, c.text
		}
		return Network, c.text
	case errors.As(err, &timeout) && timeout.Timeout() && strings.Contains(err.Error(), "TLS handshake"):
		return Timeout, connectTimeout(host, nil, connect).text
	case errors.As(err, &timeout) && timeout.Timeout() && strings.Contains(err.Error(), "response headers"):
		return Timeout, "Headers Timeout Error"
	case wording.ClosedByPeer(err):
		return Network, "other side closed"
	case wording.Certificate(err) != "" && errors.As(err, &op) && op.Op == "proxyconnect":
		return Network, wording.Certificate(err) + " (this is the certificate of the proxy)"
	case wording.Certificate(err) != "":
		return Network, wording.Certificate(err)
	case errors.As(err, &op) && (op.Op == "read" || op.Op == "write"):
		return Network, op.Op + " " + wording.System(err)
	default:
		return Network, wording.System(err)
	}
}
