package modbus

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"oibus/agent/south"
)

// The content of the server, see server.js.
func word(address int) uint16 {
	if address < 4096 {
		return uint16(address * 40503)
	}
	return 0
}

func bit(address int) string { return strconv.Itoa((address*7 + address>>3) & 1) }

// table of protocol/data-plane.md, section 5.5: which byte of the wire stands where in the big-endian number.
var table = map[string][2]string{
	"big-endian false false": {"CDAB", "CDABGHEF"}, "little-endian false false": {"BADC", "FEHGBADC"},
	"big-endian false true": {"DCBA", "DCBAHGFE"}, "little-endian false true": {"ABCD", "EFGHABCD"},
	"big-endian true false": {"ABCD", "ABCDEFGH"}, "little-endian true false": {"DCBA", "HGFEDCBA"},
	"big-endian true true": {"BADC", "BADCFEHG"}, "little-endian true true": {"CDAB", "GHEFCDAB"},
}

// expected is the value of registers from address on, worked out from the table by arithmetic alone.
func expected(kind string, order string, address int) string {
	size := map[string]int{"uint32": 4, "int32": 4, "float": 4, "big-uint64": 8, "big-int64": 8, "double": 8}[kind]
	positions := "AB"
	switch {
	case size == 4:
		positions = table[order][0]
	case size == 8:
		positions = table[order][1]
	case strings.HasPrefix(order, "big") == strings.HasSuffix(order, "true"):
		positions = "BA"
	}
	n := new(big.Int)
	for _, p := range positions {
		at := int(p - 'A')
		b := word(address + at/2)
		if at%2 == 0 {
			b >>= 8
		}
		n.Add(n.Lsh(n, 8), big.NewInt(int64(b&0xff)))
	}
	bits := uint(8 * len(positions))
	switch kind {
	case "float":
		return number(float64(math.Float32frombits(uint32(n.Uint64()))))
	case "double":
		return number(math.Float64frombits(n.Uint64()))
	case "bit":
		return n.And(n.Rsh(n, 11), big.NewInt(1)).String()
	case "int16", "int32", "big-int64":
		if n.Bit(int(bits)-1) == 1 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), bits))
		}
	}
	return n.String()
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return map[bool]string{true: "Infinity", false: "-Infinity"}[v > 0]
	}
	raw, _ := json.Marshal(v) // the same text as JavaScript's, but for the sign of zero
	return strings.TrimPrefix(string(raw), "-0")
}

func itemOf(name, table string, address int, data map[string]any) south.Item {
	raw, err := json.Marshal(map[string]any{"address": fmt.Sprintf("0x%04x", address), "modbusType": table, "data": data})
	if err != nil {
		panic(err)
	}
	return south.Item{ID: name, Name: name, Settings: raw}
}

func TestEveryTypeInEveryOrderFromEveryTable(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	kinds := []string{"uint16", "int16", "uint32", "int32", "big-uint64", "big-int64", "float", "double", "bit"}
	compared := 0
	for order := range table {
		f := strings.Fields(order)
		for _, batch := range []bool{true, false} {
			r := newReader(t, connection(s.port, map[string]any{"endianness": f[0], "swapWordsInDWords": f[1] == "true", "swapBytesInWords": f[2] == "true", "batchQuery": batch, "groupingGap": 3}))
			connect(t, r)
			var items []south.Item
			want := map[string]string{}
			for _, registers := range []string{"holding-register", "input-register"} {
				for i, kind := range kinds {
					for j := range 3 {
						name := fmt.Sprint(registers, kind, j)
						address := 100 + 41*i + 11*j
						items = append(items, itemOf(name, registers, address, map[string]any{"dataType": kind, "bitIndex": 11, "multiplierCoefficient": 1}))
						want[name] = expected(kind, order, address)
					}
				}
			}
			for _, bits := range []string{"coil", "discrete-input"} {
				for address := range 50 {
					name := fmt.Sprint(bits, address)
					items = append(items, itemOf(name, bits, 300+3*address, nil))
					want[name] = bit(300 + 3*address)
				}
			}
			got, err := r.read(items)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%s: got %d of %d values, %v", order, len(got), len(want), err)
			}
			for name, value := range want {
				if compared++; got[name] != value {
					t.Errorf("%s, batch %t: %s is %s, want %s", order, batch, name, got[name], value)
				}
			}
			if r.lost.Load() != 0 {
				t.Errorf("%s: the connection was lost", order)
			}
		}
	}
	t.Logf("%d values compared", compared)
}

func TestSpecialNumbersArePrintedWhole(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	r := newReader(t, connection(s.port, nil))
	connect(t, r)
	want := []struct{ kind, value string }{{"float", "1.100000023841858"}, {"float", "-2.499999993688107e-7"}, {"float", "NaN"}, {"float", "Infinity"}, {"double", "1e+21"},
		{"double", "-0.3333333333333333"}, {"big-uint64", "18446744073709551615"}, {"big-int64", "-9223372036854775808"}}
	var items []south.Item
	at := 5000
	for i, w := range want {
		items = append(items, itemOf(fmt.Sprint(i), "holding-register", at, map[string]any{"dataType": w.kind, "multiplierCoefficient": 1}))
		at += map[string]int{"float": 2}[w.kind]
		if w.kind != "float" {
			at += 4
		}
	}
	got, err := r.read(items)
	for i, w := range want {
		if got[fmt.Sprint(i)] != w.value {
			t.Errorf("%s: got %s, want %s, %v", w.kind, got[fmt.Sprint(i)], w.value, err)
		}
	}
}

func TestFullRequestsAndMissingAddresses(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	r := newReader(t, connection(s.port, map[string]any{"groupingGap": 100}))
	connect(t, r)
	var items []south.Item
	for address := range 2000 {
		items = append(items, itemOf(fmt.Sprint("w", address), "holding-register", address, map[string]any{"dataType": "uint16", "multiplierCoefficient": 1}),
			itemOf(fmt.Sprint("b", address), "coil", address, nil))
	}
	items = append(items, itemOf("there", "input-register", 59999, nil), itemOf("not", "input-register", 60000, nil), itemOf("nor", "input-register", 60050, nil))
	got, err := r.read(items)
	if err != nil || len(got) != 4001 || got["there"] != "0" {
		t.Fatalf("got %d values, %v", len(got), err)
	}
	for address := range 2000 {
		if got[fmt.Sprint("w", address)] != fmt.Sprint(word(address)) || got[fmt.Sprint("b", address)] != bit(address) {
			t.Fatalf("address %d: got %s and %s", address, got[fmt.Sprint("w", address)], got[fmt.Sprint("b", address)])
		}
	}
	alone := []south.Item{itemOf("not", "coil", 60000, nil)}
	if _, err := r.read(alone); err == nil || !strings.Contains(err.Error(), "exception 2 of function 1") {
		t.Errorf("got %v", err)
	}
	if slices.Contains([]int64{1, 2}, r.lost.Load()) {
		t.Error("the connection was lost")
	}
}
