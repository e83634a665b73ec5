package modbus

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Order is how a device spreads a number over registers. The zero value is the default of the settings: registers in
// network order, the low one of two first.
type Order struct {
	LittleEndian bool
	SwapBytes    bool // within registers
	SwapWords    bool // within pairs of registers
}

// arrange puts registers into the order in which they are one big-endian number (protocol/data-plane.md, section 5.5).
func (o Order) arrange(words []uint16) []byte {
	raw := make([]byte, 0, 8)
	for i := range words {
		word := words[i]
		if len(words) > 1 && !o.SwapWords {
			word = words[i^1]
		}
		if o.SwapBytes {
			word = word>>8 | word<<8
		}
		raw = binary.BigEndian.AppendUint16(raw, word)
	}
	if o.LittleEndian {
		for i, j := 0, len(raw)-1; i < j; i, j = i+1, j-1 {
			raw[i], raw[j] = raw[j], raw[i]
		}
	}
	return raw
}

// Register is a number of one register as the device has it, or the other way round.
func (o Order) Register(value uint16) uint16 {
	if o.SwapBytes != o.LittleEndian {
		return value>>8 | value<<8
	}
	return value
}

// DataType is what registers hold, as settings name it.
type DataType string

// The data types.
const (
	Uint16 DataType = "uint16"
	Int16  DataType = "int16"
	Uint32 DataType = "uint32"
	Int32  DataType = "int32"
	Uint64 DataType = "big-uint64"
	Int64  DataType = "big-int64"
	Float  DataType = "float"
	Double DataType = "double"
	Bit    DataType = "bit"
)

// Registers is how many registers a value of the type takes, 0 when there is no such type.
func (t DataType) Registers() int {
	switch t {
	case Uint16, Int16, Bit:
		return 1
	case Uint32, Int32, Float:
		return 2
	case Uint64, Int64, Double:
		return 4
	}
	return 0
}

// Format says what registers mean.
type Format struct {
	Type        DataType
	Bit         int     // of a register, from the lowest on, for the type Bit
	Coefficient float64 // that numbers are multiplied by
	Order       Order
}

// Valid is the error of a format that no registers have.
func (f Format) Valid() error {
	switch {
	case f.Type.Registers() == 0:
		return fmt.Errorf("unknown data type %q", f.Type)
	case f.Type == Bit && (f.Bit < 0 || f.Bit > 15):
		return fmt.Errorf("there is no bit %d in a register, whose bits are 0 to 15", f.Bit)
	}
	return nil
}

// Text is the value of registers, of which there must be as many as the type takes.
func (f Format) Text(words []uint16) string {
	raw := f.Order.arrange(words)
	switch f.Type {
	case Float:
		return f.real(float64(math.Float32frombits(binary.BigEndian.Uint32(raw))))
	case Double:
		return f.real(math.Float64frombits(binary.BigEndian.Uint64(raw)))
	case Uint64:
		return f.whole(0, binary.BigEndian.Uint64(raw))
	case Int64:
		return f.whole(int64(binary.BigEndian.Uint64(raw)), 0)
	case Uint32:
		return f.whole(int64(binary.BigEndian.Uint32(raw)), 0)
	case Int32:
		return f.whole(int64(int32(binary.BigEndian.Uint32(raw))), 0)
	case Int16:
		return f.whole(int64(int16(binary.BigEndian.Uint16(raw))), 0)
	case Bit:
		return f.whole(int64(binary.BigEndian.Uint16(raw)>>f.Bit&1), 0)
	default:
		return f.whole(int64(binary.BigEndian.Uint16(raw)), 0)
	}
}

// exact is the largest number up to which every whole number is a floating-point number.
const exact = 1 << 53

// whole is a whole number, signed or else unsigned, times the coefficient. What a floating-point number cannot hold is
// multiplied as it is: the reference rounds it.
func (f Format) whole(signed int64, unsigned uint64) string {
	value := float64(signed)
	if signed == 0 {
		value = float64(unsigned)
	}
	if math.Abs(value) < exact || f.Coefficient != math.Trunc(f.Coefficient) {
		return f.real(value)
	}
	n := new(big.Int).SetUint64(unsigned)
	if signed != 0 {
		n.SetInt64(signed)
	}
	factor, _ := big.NewFloat(f.Coefficient).Int(nil)
	return n.Mul(n, factor).String()
}

// real is value times the coefficient, as the reference prints numbers.
func (f Format) real(value float64) string {
	value *= f.Coefficient
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	case value == math.Trunc(value) && math.Abs(value) < exact:
		return strconv.FormatInt(int64(value), 10)
	}
	text, err := json.Marshal(value) // as JavaScript prints it
	if err != nil {
		return "NaN"
	}
	return string(text)
}
