package connectors

import (
	"fmt"
	"strings"
	"testing"

	"oibus/agent/manifest"
)

const many = 100_000

// manyRows is a table of modbus items.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("name,enabled,scanMode,group,maxReadInterval,readDelay,startTimeOffset,endTimeOffset,recoveryStrategy,syncWithGroup,settings_address,settings_modbusType,settings_data\n")
	for i := range n {
		fmt.Fprintf(&b, "point %06d,true,Every second,,3600,200,0,0,oldest,false,0x%04x,holding-register,\"{\"\"dataType\"\":\"\"uint16\"\",\"\"bitIndex\"\":1,\"\"multiplierCoefficient\"\":1}\"\n", i, i%65536)
	}
	return b.String()
}

func BenchmarkImport100000Items(b *testing.B) {
	text := manyRows(many)
	for b.Loop() {
		b.StopTimer()
		k := newBench(b, manifest.N)
		south := k.makeSouth(modbus("PLC", []any{}, register("x", "scanModeId", "ho")))
		b.StartTimer()
		if n, _, err := k.ImportCSV("u", south.ID, text, ",", true); n != many || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAgainImport100000Items(b *testing.B) {
	k, id := filled(b)
	text := manyRows(many)
	for b.Loop() {
		if n, _, err := k.ImportCSV("u", id, text, ",", true); n != many || err != nil {
			b.Fatal(n, err)
		}
	}
}

// filled is a Service with a South of many items.
func filled(b testing.TB) (*bench, string) {
	k := newBench(b, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{}, register("x", "scanModeId", "ho")))
	if _, _, err := k.ImportCSV("u", south.ID, manyRows(many), ",", true); err != nil {
		b.Fatal(err)
	}
	return k, south.ID
}

func BenchmarkLoad100000Items(b *testing.B) {
	k, _ := filled(b)
	for b.Loop() {
		k.open()
	}
}

func BenchmarkSave100000Items(b *testing.B) {
	k, id := filled(b)
	f, err := k.southFile(id)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := k.saveGeneration(f, f.south); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEditOneOf100000Items(b *testing.B) {
	k, id := filled(b)
	item := k.south(id).Items[many/2].ID
	for i := 0; b.Loop(); i++ {
		if err := k.EnableItems("u", id, []string{item}, i%2 == 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFullConfigOf100000Items(b *testing.B) {
	k, _ := filled(b)
	for b.Loop() {
		if _, err := k.SouthBlocks(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExport100000Items(b *testing.B) {
	k, id := filled(b)
	for b.Loop() {
		if _, err := k.ExportCSV(id, ","); err != nil {
			b.Fatal(err)
		}
	}
}
