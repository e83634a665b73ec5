package transform

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"

	"oibus/agent/content"
)

func timeValuesToModbus() Transformer {
	return mapped{kind: content.Modbus, read: modbusTarget, write: writeRegister}
}

func setpointToModbus() Transformer {
	return mapped{kind: content.Modbus, setpoints: true, read: modbusTarget, write: writeRegister}
}

func writeRegister(dst []byte, to target, value []byte, _ *content.Value, _ *[]byte) ([]byte, error) {
	dst = content.AppendString(append(dst, `{"address":`...), to.address)
	dst = append(dst, `,"value":`...)
	if to.coil {
		on, ok := coilValue(value)
		if !ok {
			return nil, fmt.Errorf("there is no value for coil %q", to.address)
		}
		return append(strconv.AppendBool(dst, on), `,"modbusType":"coil"}`...), nil
	}
	n, ok := registerValue(value)
	if !ok {
		return nil, fmt.Errorf("the value %s for register %q is no number", cut(value), to.address)
	}
	return append(appendNumber(dst, n), `,"modbusType":"register"}`...), nil
}

// coilValue says whether a coil is switched on. Texts count by what they say, so that "false" and "0" switch off, as do
// "off" and "no"; other texts switch on, as in the reference. Nothing is no value, and switches neither on nor off.
func coilValue(value []byte) (on, ok bool) {
	if isNull(value) {
		return false, false
	}
	if t, isText := content.Text(value); isText {
		switch s := strings.ToLower(string(bytes.TrimSpace(t))); s {
		case "", "false", "off", "no":
			return false, true
		default:
			v, number := parseNumber([]byte(s))
			return !number || v != 0, true
		}
	}
	if v, number := parseNumber(value); number {
		return v != 0, true
	}
	return string(value) != "false", true
}

// registerValue is the whole number that a register is set to: numbers and texts that are numbers are cut, texts that
// begin with one count as that, true is 1 and false 0.
func registerValue(value []byte) (float64, bool) {
	switch string(value) {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	b := value
	if t, ok := content.Text(value); ok {
		b = bytes.TrimPrefix(bytes.TrimSpace(t), []byte("+"))
	}
	sign := len(b) - len(bytes.TrimPrefix(b, []byte("-")))
	digits := sign + countDigits(b[sign:])
	if v, ok := parseNumber(b); ok {
		return math.Trunc(v), true
	}
	if v, err := strconv.ParseFloat(string(b), 64); err == nil && digits > sign {
		return math.Trunc(v), true
	}
	if digits == sign || string(b[sign:digits]) == "0" && digits < len(b) && b[digits]|0x20 == 'x' { // "0x1f" is not 0
		return 0, false
	}
	v, err := strconv.ParseFloat(string(b[:digits]), 64)
	return v, err == nil
}
