package content

import (
	"bytes"
	"fmt"
	"io"
	"testing"
)

func manyValues(n int) []byte {
	values := make([]TimeValue, n)
	for i := range values {
		values[i] = TimeValue{fmt.Sprintf("point-%05d", i%5000), "2024-01-15T10:00:00.000Z", TextData(fmt.Sprint(i))}
	}
	r, _ := FromTimeValues(values).Open()
	data, _ := io.ReadAll(r)
	return data
}

func BenchmarkDecodeAndEncodeAMillionTimeValues(b *testing.B) {
	data := manyValues(1_000_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d, w := NewDecoder(bytes.NewReader(data)), NewArrayWriter(io.Discard)
		var v Value
		for {
			if err := d.Next(&v); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			w.Append(func(dst []byte) []byte {
				dst = append(append(dst, `{"pointId":`...), v.PointID...)
				dst = append(append(dst, `,"timestamp":`...), v.Timestamp...)
				dst = append(append(dst, `,"data":{"value":`...), v.Value()...)
				return append(dst, '}', '}')
			})
		}
		if w.Close() != nil || w.Elements() != 1_000_000 {
			b.Fatal("lost values")
		}
	}
}

func BenchmarkSliceAMillionTimeValues(b *testing.B) {
	data := manyValues(1_000_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for s, err := range Slices(bytes.NewReader(data), 10_000, 0) {
			if err != nil {
				b.Fatal(err)
			}
			n += s.Elements
		}
		if n != 1_000_000 {
			b.Fatal("lost values")
		}
	}
}
