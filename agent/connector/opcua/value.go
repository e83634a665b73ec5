package opcua

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"
)

// instant is how instants are written.
const instant = "2006-01-02T15:04:05.000Z"

// Text is a value as it is handed on. It is empty for what has no text: nothing, the empty text, and types that are none
// of numbers, texts, instants and bytes.
func Text(v *ua.Variant) string {
	if v == nil || v.Type() == ua.TypeIDNull {
		return ""
	}
	value := v.Value()
	if bytes, ok := value.(ua.ByteArray); ok {
		return joined(reflect.ValueOf(bytes))
	}
	if r := reflect.ValueOf(value); r.Kind() == reflect.Slice && v.Has(ua.VariantArrayValues) {
		return joined(r)
	}
	return scalar(value)
}

// joined is the texts of an array of any dimensions, with commas.
func joined(array reflect.Value) string {
	var b strings.Builder
	for i := range array.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		element := array.Index(i)
		if _, isBytes := element.Interface().([]byte); element.Kind() == reflect.Slice && !isBytes {
			b.WriteString(joined(element))
			continue
		}
		b.WriteString(scalar(element.Interface()))
	}
	return b.String()
}

func scalar(value any) string {
	switch x := value.(type) {
	case string:
		text, _, _ := strings.Cut(x, "\x00")
		return text
	case bool:
		if x {
			return "1"
		}
		return "0"
	case int8:
		return strconv.FormatInt(int64(x), 10)
	case int16:
		return strconv.FormatInt(int64(x), 10)
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	case uint8:
		return strconv.FormatUint(uint64(x), 10)
	case uint16:
		return strconv.FormatUint(uint64(x), 10)
	case uint32:
		return strconv.FormatUint(uint64(x), 10)
	case uint64:
		return strconv.FormatUint(x, 10)
	case float32:
		return number(float64(x))
	case float64:
		return number(x)
	case time.Time:
		if x.IsZero() {
			return ""
		}
		return x.UTC().Format(instant)
	case []byte:
		return hex.EncodeToString(x)
	}
	return ""
}

// number is a number as JavaScript prints it.
func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	b, err := json.Marshal(f)
	if err != nil {
		return "NaN"
	}
	return string(b)
}
