package platform

import "runtime"

// Architecture is the processor of this binary in the words of the wire: x64, arm64, ia32 or Go's own name.
func Architecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x64"
	case "386":
		return "ia32"
	}
	return runtime.GOARCH
}
