//go:build oracle

package agent

import (
	"oibus/agent/south"
	"oibus/agent/south/oracle"
)

// released are the South connectors that only releases have: the library of Oracle makes the agent a third larger, and
// each build and test of it slower.
var released = []south.Type{oracle.Type}
