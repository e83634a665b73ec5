package oracle

import (
	"bytes"
	"fmt"
	"testing"
)

// FuzzGuard wants a guard to say the same of a stream, however it comes.
func FuzzGuard(f *testing.F) {
	for _, stream := range [][]byte{
		bytes.Join([][]byte{packet(resendKind), acceptance(8192), {0, 0, 0, 10, dataKind, 0, 0, 0, 0, 0}, {0x7f, 0, 0, 0, dataKind, 0, 0, 0}}, nil),
		bytes.Repeat(packet(resendKind), maxResends+1), acceptance(100), acceptance(0), packet(acceptKind, make([]byte, 20)),
		packet(acceptKind, []byte{1, 57}, make([]byte, 22)), make([]byte, 8), packet(dataKind, make([]byte, 300)),
	} {
		f.Add(stream, 1)
		f.Add(stream, 7)
	}
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		var whole, parts guard
		want := whole.look(stream)
		var got error
		for rest := stream; len(rest) > 0 && got == nil; {
			n := max(1, min(size, len(rest)))
			got, rest = parts.look(rest[:n]), rest[n:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || got == nil && (whole.left != parts.left || whole.wide != parts.wide) {
			t.Errorf("%v of %d bytes at a time, %v of all: %+v %+v", got, size, want, parts, whole)
		}
	})
}

func TestWhatOracleSaysPassesTheGuard(t *testing.T) {
	t.Parallel()
	var g guard
	for _, b := range [][]byte{
		packet(resendKind), packet(resendKind), acceptance(2 << 20), // with a session data unit as great as Oracle knows
		append([]byte{0, 0x20, 0, 0, dataKind, 0, 0, 0}, make([]byte, 2<<20-8)...), {0, 0, 0, 11, 12, 0, 0, 0, 1, 0, 2},
	} {
		if err := g.look(b); err != nil || g.left != 0 {
			t.Fatalf("%+v, error %v", g, err)
		}
	}
	old := guard{} // of a server before version 12
	for _, b := range [][]byte{packet(acceptKind, []byte{1, 58}, make([]byte, 2), []byte{0x20, 0, 0x7f, 0xff}, make([]byte, 16)), packet(dataKind, make([]byte, 8000))} {
		if err := old.look(b); err != nil || old.wide {
			t.Fatalf("%+v, error %v", old, err)
		}
	}
}
