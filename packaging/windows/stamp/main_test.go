package main

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

const code = "01234567-89AB-CDEF-0123-456789ABCDEF"

// newSet is a property set as an MSI has it, with a text before and after.
func newSet(random string, at uint64) []byte {
	le := binary.LittleEndian
	section := le.AppendUint32(nil, 0)
	section = le.AppendUint32(section, 3)
	values := map[int][]byte{}
	values[revision] = append(le.AppendUint32(le.AppendUint32(nil, typeText), 39), append([]byte("{"+random+"}"), 0, 0)...)
	values[created] = le.AppendUint64(le.AppendUint32(nil, typeTime), at)
	values[saved] = le.AppendUint64(le.AppendUint32(nil, typeTime), at+5)
	offset := 8 + 3*8
	var body []byte
	for _, id := range []int{revision, created, saved} {
		section = le.AppendUint32(le.AppendUint32(section, uint32(id)), uint32(offset+len(body)))
		body = append(body, values[id]...)
	}
	set := append([]byte("before"), make([]byte, identityAt)...)
	set = append(set, summary...)
	set = le.AppendUint32(set, uint32(identityAt+len(summary)+4))
	return append(append(append(set, section...), body...), "after"...)
}

func TestPackagesThatDifferInTimeAndCodeOnlyBecomeTheSame(t *testing.T) {
	t.Parallel()
	a, b := newSet("00000000-0000-0000-0000-000000000001", 7), newSet("FFFFFFFF-0000-0000-0000-000000000002", 9)
	if bytes.Equal(a, b) {
		t.Fatal("they are the same before")
	}
	for _, file := range [][]byte{a, b} {
		if err := stamp(file, code, time.Unix(1_700_000_000, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a, b) || !bytes.Contains(a, []byte("{"+code+"}")) || !bytes.HasPrefix(a, []byte("before")) || !bytes.HasSuffix(a, []byte("after")) {
		t.Errorf("got %q\nand %q", a, b)
	}
}

func TestWhatIsNoMSIIsLeftAlone(t *testing.T) {
	t.Parallel()
	good := newSet("00000000-0000-0000-0000-000000000001", 7)
	for name, file := range map[string][]byte{"empty": nil, "other": []byte("nonsense"), "cut": good[:60], "twice": append(bytes.Clone(good), good...)} {
		if err := stamp(file, code, time.Now()); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
	if err := stamp(good, "nonsense", time.Now()); err == nil {
		t.Error("it is no code")
	}
}

func FuzzStamp(f *testing.F) {
	f.Add(newSet("00000000-0000-0000-0000-000000000001", 7))
	f.Fuzz(func(_ *testing.T, file []byte) { _ = stamp(file, code, time.Unix(1, 0)) })
}
