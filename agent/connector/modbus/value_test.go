package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
)

// orders is the table of protocol/data-plane.md, section 5.5: the bytes of the wire in the order of a big-endian number.
var orders = []struct {
	order     Order
	two, four string
}{
	{Order{false, false, false}, "CDAB", "CDABGHEF"}, {Order{true, false, false}, "BADC", "FEHGBADC"},
	{Order{false, true, false}, "DCBA", "DCBAHGFE"}, {Order{true, true, false}, "ABCD", "EFGHABCD"},
	{Order{false, false, true}, "ABCD", "ABCDEFGH"}, {Order{true, false, true}, "DCBA", "HGFEDCBA"},
	{Order{false, true, true}, "BADC", "BADCFEHG"}, {Order{true, true, true}, "CDAB", "GHEFCDAB"},
}

func words(text string) []uint16 {
	var all []uint16
	for i := 0; i < len(text); i += 2 {
		all = append(all, binary.BigEndian.Uint16([]byte(text[i:])))
	}
	return all
}

func TestEveryOrderOfBytesIsThatOfTheTable(t *testing.T) {
	t.Parallel()
	for _, c := range orders {
		if got := string(c.order.arrange(words("ABCD"))); got != c.two {
			t.Errorf("%+v: got %s, want %s", c.order, got, c.two)
		}
		if got := string(c.order.arrange(words("ABCDEFGH"))); got != c.four {
			t.Errorf("%+v: got %s, want %s", c.order, got, c.four)
		}
		one := "AB"
		if c.order.LittleEndian != c.order.SwapBytes {
			one = "BA"
		}
		if got := string(c.order.arrange(words("AB"))); got != one {
			t.Errorf("%+v: got %s, want %s", c.order, got, one)
		}
		if got := c.order.Register(words("AB")[0]); got != words(one)[0] {
			t.Errorf("%+v: register %x", c.order, got)
		}
	}
}

func TestValuesArePrintedAsTheyAre(t *testing.T) {
	t.Parallel()
	high := Order{SwapWords: true}
	float := func(v float32) []uint16 { b := math.Float32bits(v); return []uint16{uint16(b >> 16), uint16(b)} }
	double := func(v float64) []uint16 {
		b := math.Float64bits(v)
		return []uint16{uint16(b >> 48), uint16(b >> 32), uint16(b >> 16), uint16(b)}
	}
	for _, c := range []struct {
		kind        DataType
		words       []uint16
		bit         int
		coefficient float64
		want        string
	}{
		{Uint16, []uint16{65535}, 0, 1, "65535"}, {Int16, []uint16{65535}, 0, 1, "-1"}, {Int16, []uint16{0x8000}, 0, 1, "-32768"},
		{Uint16, []uint16{3}, 0, 0.1, "0.30000000000000004"}, {Uint16, []uint16{3}, 0, -2, "-6"}, {Uint16, []uint16{3}, 0, 0, "0"},
		{Uint16, []uint16{0}, 0, -1, "0"},
		{Uint32, []uint16{0xffff, 0xffff}, 0, 1, "4294967295"}, {Int32, []uint16{0xffff, 0xfffe}, 0, 1, "-2"},
		{Uint64, []uint16{0xffff, 0xffff, 0xffff, 0xffff}, 0, 1, "18446744073709551615"},
		{Int64, []uint16{0x8000, 0, 0, 0}, 0, 1, "-9223372036854775808"}, {Int64, []uint16{0x7fff, 0xffff, 0xffff, 0xffff}, 0, -10, "-92233720368547758070"},
		{Uint64, []uint16{0x20, 0, 0, 1}, 0, 1, "9007199254740993"}, {Uint64, []uint16{0x20, 0, 0, 1}, 0, 0, "0"},
		{Uint64, []uint16{0, 0, 0, 1}, 0, 1e21, "1e+21"}, {Uint64, []uint16{0, 0, 0, 42}, 0, 1, "42"}, {Uint64, []uint16{0x20, 0, 0, 1}, 0, 0.5, "4503599627370496"},
		{Float, float(1.1), 0, 1, "1.100000023841858"}, {Float, float(float32(math.NaN())), 0, 1, "NaN"}, {Float, float(float32(math.Inf(1))), 0, 1, "Infinity"},
		{Float, float(float32(math.Inf(1))), 0, -1, "-Infinity"}, {Float, float(0.5), 0, 1, "0.5"}, {Double, double(1e-7), 0, 1, "1e-7"}, {Double, double(1e-6), 0, 1, "0.000001"},
		{Double, double(1e21), 0, 1, "1e+21"}, {Double, double(123456789012345680000), 0, 1, "123456789012345680000"}, {Double, double(math.Copysign(0, -1)), 0, 1, "0"},
		{Double, double(math.MaxFloat64), 0, 10, "Infinity"}, {Double, double(5e-324), 0, 1, "5e-324"},
		{Bit, []uint16{0x8000}, 15, 1, "1"}, {Bit, []uint16{0x8000}, 0, 1, "0"}, {Bit, []uint16{1}, 0, 5, "5"},
	} {
		f := Format{Type: c.kind, Bit: c.bit, Coefficient: c.coefficient, Order: high}
		if got := f.Text(c.words); got != c.want || f.Valid() != nil || f.Type.Registers() != len(c.words) {
			t.Errorf("%s %x × %v: got %s, want %s, %v", c.kind, c.words, c.coefficient, got, c.want, f.Valid())
		}
	}
	for _, f := range []Format{{Type: "word"}, {Type: Bit, Bit: 16}, {Type: Bit, Bit: -1}} {
		if f.Valid() == nil {
			t.Errorf("%+v is valid", f)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		jbus bool
		want uint16
	}{{"0x0001", false, 1}, {"0X00ff", false, 255}, {"12", false, 12}, {" 65535 ", false, 65535}, {"65536", true, 65535}, {"1", true, 0}, {"0xFFFF", true, 65534}, {"0", false, 0}} {
		if got, err := ParseAddress(c.text, c.jbus); err != nil || got != c.want {
			t.Errorf("%q: got %d, %v", c.text, got, err)
		}
	}
	for _, text := range []string{"", "x", "-1", "65536", "0x10000", "1.5", "99999999999999999999", "12abc"} {
		if _, err := ParseAddress(text, false); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	if _, err := ParseAddress("0", true); !errors.Is(err, ErrAddress) {
		t.Errorf("got %v", err)
	}
}

func TestNeighboursAreReadAtOnce(t *testing.T) {
	t.Parallel()
	h := func(address uint16, count int) Span { return Span{HoldingRegisters, address, count} }
	c := func(address uint16) Span { return Span{Coils, address, 1} }
	for _, k := range []struct {
		name  string
		spans []Span
		gap   int
		want  string
	}{
		{"nothing", nil, 0, "[]"},
		{"neighbours in any order", []Span{h(12, 2), h(10, 2), h(14, 1)}, 0, "[{{holding-register 10 5} [1 0 2]}]"},
		{"a gap too wide", []Span{h(10, 1), h(12, 1)}, 0, "[{{holding-register 10 1} [0]} {{holding-register 12 1} [1]}]"},
		{"a gap", []Span{h(10, 1), h(12, 1)}, 1, "[{{holding-register 10 3} [0 1]}]"},
		{"tables", []Span{h(10, 1), c(11)}, 5, "[{{coil 11 1} [1]} {{holding-register 10 1} [0]}]"},
		{"overlaps", []Span{h(10, 4), h(11, 1), h(12, 4)}, 0, "[{{holding-register 10 6} [0 1 2]}]"},
		{"twice the same", []Span{h(10, 1), h(10, 1)}, 0, "[{{holding-register 10 1} [0 1]}]"},
		{"the limit", []Span{h(0, 4), h(120, 4), h(124, 1), h(125, 1)}, 200, "[{{holding-register 0 125} [0 1 2]} {{holding-register 125 1} [3]}]"},
		{"a value across the limit", []Span{h(0, 4), h(122, 4)}, 200, "[{{holding-register 0 4} [0]} {{holding-register 122 4} [1]}]"},
		{"the limit of bits", []Span{c(0), c(1999), c(2000)}, 2000, "[{{coil 0 2000} [0 1]} {{coil 2000 1} [2]}]"},
		{"the end", []Span{h(65534, 1), h(65535, 1)}, 100, "[{{holding-register 65534 2} [0 1]}]"},
	} {
		if got := fmt.Sprint(Batch(k.spans, k.gap)); got != k.want {
			t.Errorf("%s: got %s, want %s", k.name, got, k.want)
		}
	}
	if got := Single([]Span{h(1, 1), h(2, 1)}); len(got) != 2 || !slices.Equal(got[1].Of, []int{1}) {
		t.Errorf("got %v", got)
	}
}

func TestARefusedRequestIsHalvedDownToItsSpans(t *testing.T) {
	t.Parallel()
	spans := []Span{{Coils, 5, 1}, {Coils, 1, 1}, {Coils, 9, 1}}
	whole := Batch(spans, 100)[0]
	halves := whole.Halve(spans)
	want := []Request{{Span{Coils, 1, 1}, []int{1}}, {Span{Coils, 5, 5}, []int{0, 2}}}
	if !reflect.DeepEqual(halves, want) || halves[0].Halve(spans) != nil || len(halves[1].Halve(spans)) != 2 {
		t.Errorf("got %v", halves)
	}
}
