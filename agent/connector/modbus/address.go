package modbus

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseAddress reads an address as settings have it: decimal, or hexadecimal behind 0x. Those of jbus count from 1.
func ParseAddress(text string, jbus bool) (uint16, error) {
	digits, base := strings.ToLower(strings.TrimSpace(text)), 10
	if hex, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no address", ErrAddress, text)
	}
	if jbus {
		n--
	}
	if n >= addresses {
		return 0, fmt.Errorf("%w: %q is not within the %d addresses of a device", ErrAddress, text, addresses)
	}
	return uint16(n), nil
}
