package opcua

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"
)

// mostElements is how long an array is that is written.
const mostElements = 65535

// Coerce makes a value for a node of a built-in type out of a JSON text, number, boolean or array of those.
func Coerce(raw json.RawMessage, kind ua.TypeID) (*ua.Variant, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		value, err := coerce(raw, kind)
		if err != nil {
			return nil, err
		}
		return ua.NewVariant(value)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, errors.New("the array cannot be read")
	}
	if len(elements) > mostElements {
		return nil, fmt.Errorf("the array has %d elements", len(elements))
	}
	return array(elements, kind)
}

func array(elements []json.RawMessage, kind ua.TypeID) (*ua.Variant, error) {
	switch kind {
	case ua.TypeIDBoolean:
		return slice[bool](elements, kind)
	case ua.TypeIDSByte:
		return slice[int8](elements, kind)
	case ua.TypeIDInt16:
		return slice[int16](elements, kind)
	case ua.TypeIDUint16:
		return slice[uint16](elements, kind)
	case ua.TypeIDInt32:
		return slice[int32](elements, kind)
	case ua.TypeIDUint32:
		return slice[uint32](elements, kind)
	case ua.TypeIDInt64:
		return slice[int64](elements, kind)
	case ua.TypeIDUint64:
		return slice[uint64](elements, kind)
	case ua.TypeIDFloat:
		return slice[float32](elements, kind)
	case ua.TypeIDDouble:
		return slice[float64](elements, kind)
	case ua.TypeIDString:
		return slice[string](elements, kind)
	case ua.TypeIDDateTime:
		return slice[time.Time](elements, kind)
	}
	return nil, errors.New("arrays of its type cannot be written")
}

func slice[T any](elements []json.RawMessage, kind ua.TypeID) (*ua.Variant, error) {
	values := make([]T, 0, len(elements))
	for i, e := range elements {
		v, err := coerce(bytes.TrimSpace(e), kind)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		typed, ok := v.(T)
		if !ok {
			return nil, fmt.Errorf("element %d has another type", i)
		}
		values = append(values, typed)
	}
	return ua.NewVariant(values)
}

// plain is a JSON value as the text that people see.
func plain(raw json.RawMessage) (text string, quoted bool, err error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", false, errors.New("there is no value")
	case raw[0] == '"':
		err := json.Unmarshal(raw, &text)
		return text, true, err
	case raw[0] == '{' || raw[0] == '[':
		return "", false, errors.New("it is neither a text, nor a number, nor a boolean")
	}
	if !json.Valid(raw) {
		return "", false, errors.New("it is no JSON")
	}
	return string(raw), false, nil
}

func coerce(raw json.RawMessage, kind ua.TypeID) (any, error) {
	text, quoted, err := plain(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case ua.TypeIDBoolean:
		return boolean(text)
	case ua.TypeIDString:
		return text, nil
	case ua.TypeIDLocalizedText:
		return ua.NewLocalizedText(text), nil
	case ua.TypeIDXMLElement:
		return ua.XMLElement(text), nil
	case ua.TypeIDQualifiedName:
		return &ua.QualifiedName{Name: text}, nil
	case ua.TypeIDDateTime:
		return moment(text, quoted)
	case ua.TypeIDByteString:
		b, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil || !quoted {
			return nil, errors.New("bytes are written as hexadecimal digits")
		}
		return b, nil
	case ua.TypeIDGUID:
		if g := ua.NewGUID(strings.Trim(strings.TrimSpace(text), "{}")); g != nil {
			return g, nil
		}
		return nil, errors.New("it is no GUID")
	case ua.TypeIDNodeID:
		return ParseNode(text)
	case ua.TypeIDFloat, ua.TypeIDDouble:
		return floating(text, kind)
	}
	return integer(text, kind)
}

func boolean(text string) (any, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return nil, errors.New("it is none of true, false, 1 and 0")
}

// moment reads an instant, or milliseconds since 1970.
func moment(text string, quoted bool) (any, error) {
	text = strings.TrimSpace(text)
	var t time.Time
	if ms, err := strconv.ParseFloat(text, 64); err == nil && !quoted {
		if math.Abs(ms) > 9e15 {
			return nil, errors.New("the instant is out of range")
		}
		t = time.UnixMilli(int64(ms))
	} else if t, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return nil, errors.New("it is no instant such as 2024-01-15T10:00:00.000Z")
	}
	if y := t.UTC().Year(); y < 1680 || y > 2260 { // what the encoding of the library can hold
		return nil, errors.New("the instant is out of range")
	}
	return t.UTC(), nil
}

func floating(text string, kind ua.TypeID) (any, error) {
	text = strings.TrimSpace(text)
	bits := 64
	if kind == ua.TypeIDFloat {
		bits = 32
	}
	switch text { // no other spelling that only Go knows
	case "NaN", "Infinity", "-Infinity":
	default:
		if strings.Trim(text, "0123456789+-.eE") != "" {
			return nil, errors.New("it is no number")
		}
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		if errors.Is(err, strconv.ErrRange) {
			return nil, errors.New("the number is out of range")
		}
		return nil, errors.New("it is no number")
	}
	if kind == ua.TypeIDFloat {
		return float32(f), nil
	}
	return f, nil
}

// integer reads a whole number; fractions are cut, as the reference does.
func integer(text string, kind ua.TypeID) (any, error) {
	n, err := whole(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	wrong := errors.New("the number is out of range")
	fits := func(low, high int64) bool { return n.IsInt64() && n.Int64() >= low && n.Int64() <= high }
	switch kind {
	case ua.TypeIDSByte:
		if fits(math.MinInt8, math.MaxInt8) {
			return int8(n.Int64()), nil
		}
	case ua.TypeIDByte:
		if fits(0, math.MaxUint8) {
			return uint8(n.Int64()), nil
		}
	case ua.TypeIDInt16:
		if fits(math.MinInt16, math.MaxInt16) {
			return int16(n.Int64()), nil
		}
	case ua.TypeIDUint16:
		if fits(0, math.MaxUint16) {
			return uint16(n.Int64()), nil
		}
	case ua.TypeIDInt32:
		if fits(math.MinInt32, math.MaxInt32) {
			return int32(n.Int64()), nil
		}
	case ua.TypeIDUint32:
		if fits(0, math.MaxUint32) {
			return uint32(n.Int64()), nil
		}
	case ua.TypeIDInt64:
		if n.IsInt64() {
			return n.Int64(), nil
		}
	case ua.TypeIDUint64:
		if n.IsUint64() {
			return n.Uint64(), nil
		}
	default:
		return nil, errors.New("values of its type cannot be written")
	}
	return nil, wrong
}

// mostDigits bounds what is worth reading as a number.
const mostDigits = 400

func whole(text string) (*big.Int, error) {
	switch text {
	case "true":
		return big.NewInt(1), nil
	case "false":
		return big.NewInt(0), nil
	}
	if len(text) > mostDigits || text == "" || strings.Trim(text, "0123456789+-.eE") != "" {
		return nil, errors.New("it is no number")
	}
	if n, ok := new(big.Int).SetString(text, 10); ok {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || math.Abs(f) > 1e19:
		return nil, errors.New("the number is out of range")
	case err != nil:
		return nil, errors.New("it is no number")
	}
	n, _ := big.NewFloat(math.Trunc(f)).Int(nil)
	return n, nil
}
