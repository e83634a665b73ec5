package influx

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// BenchmarkAnswers reads rows of a time, a number and a tag.
func BenchmarkAnswers(b *testing.B) {
	const rows = 10_000
	var v1, v2, v3 strings.Builder
	v1.WriteString(`{"results":[{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","value"],"values":[`)
	v2.WriteString("#datatype,string,long,dateTime:RFC3339,double,string\n#default,_result,,,,\n,result,table,_time,_value,host\n")
	for i := range rows {
		if i > 0 {
			v1.WriteByte(',')
		}
		fmt.Fprintf(&v1, `["2024-01-15T10:00:00.%03dZ",%d.5]`, i%1000, i)
		fmt.Fprintf(&v2, ",,0,2024-01-15T10:00:00.%03dZ,%d.5,a\n", i%1000, i)
		fmt.Fprintf(&v3, `{"host":"a","time":"2024-01-15T10:00:00.%03d","value":%d.5}`+"\n", i%1000, i)
	}
	v1.WriteString(`]}]}]}`)
	for _, c := range []struct {
		name, text string
		read       func(io.Reader, func(Row) error) error
	}{{"v1", v1.String(), readV1}, {"v2", v2.String(), readV2}, {"v3", v3.String(), readV3}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.read(strings.NewReader(c.text), func(Row) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
