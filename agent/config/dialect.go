package config

import (
	"regexp"
	"strconv"
	"strings"

	"oibus/agent/schema"
	"oibus/platform"
)

// Dialect is one of the two ways in which OIBus 3.8 speaks with OIAnalytics (protocol/control-plane.md, section 12).
type Dialect string

// The dialects.
const (
	DialectN Dialect = "N" // the line of 3.9
	DialectR Dialect = "R" // the released 3.8
)

var versionText = schema.String().Blankable().Pattern(regexp.MustCompile(`^\d+\.\d+\.\d+`), `^\d+\.\d+\.\d+`)

// announced is the version that OIAnalytics is told, and the dialect that goes with it unless one is set.
func announced(compatibility, dialect string) (string, Dialect) {
	version := compatibility
	if version == "" {
		version = platform.Version
	}
	if dialect != "" {
		return version, Dialect(dialect)
	}
	parts := strings.SplitN(version, ".", 3)
	major, _ := strconv.Atoi(parts[0]) // the pattern of the key has made sure of the numbers
	minor, _ := strconv.Atoi(parts[1])
	if major < 3 || major == 3 && minor < 9 {
		return version, DialectR
	}
	return version, DialectN
}
