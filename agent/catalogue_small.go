//go:build !oracle

package agent

import "oibus/agent/south"

// released are the South connectors that only releases have, see ./build.sh release.
var released []south.Type
