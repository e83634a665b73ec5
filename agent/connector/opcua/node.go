package opcua

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua/wire"
	"oibus/platform/task"
)

// ParseNode reads a node id such as ns=1;s=Speed.
func ParseNode(text string) (node *ua.NodeID, err error) {
	text = strings.TrimSpace(text)
	err = task.Protect("parse a node id", func() error {
		if !strings.Contains(text, "=") {
			return errors.New("one of i=, s=, g= and b= is missing")
		}
		if node, err = ua.ParseNodeID(text); err != nil {
			return err
		}
		_, err = node.Encode()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%q is no node id: %w", text, err)
	}
	return node, nil
}

// StatusName is the name of a status code, such as BadNodeIdUnknown.
func StatusName(code ua.StatusCode) string { return wire.StatusName(code) }
