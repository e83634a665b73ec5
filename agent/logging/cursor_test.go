package logging

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func reopen(t *testing.T, dir string) *cursor {
	t.Helper()
	c, err := openCursor(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func TestACursorSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := reopen(t, dir)
	if c.known {
		t.Fatal("a cursor that was never made is known")
	}
	if err := c.start(7); err != nil {
		t.Fatal(err)
	}
	for seq := uint64(7); seq < 20; seq++ {
		if err := c.advance(seq, time.Now(), false); err != nil {
			t.Fatal(err)
		}
		again := reopen(t, dir)
		if !again.known || again.seq != seq {
			t.Fatalf("reopened at %d, want %d", again.seq, seq)
		}
		again.close()
	}
	if err := c.forget(); err != nil {
		t.Fatal(err)
	}
	if reopen(t, dir).known {
		t.Error("a forgotten cursor is known")
	}
}

func TestAHalfWrittenSlotFallsBackToTheOtherOne(t *testing.T) {
	t.Parallel()
	whole := append(formatSlot(41), formatSlot(42)...)
	for at := slotSize; at < 2*slotSize; at++ {
		torn := bytes.Clone(whole)
		clear(torn[at:])
		seq, next, err := parseCursor(torn)
		if err != nil || seq != 41 || next != 1 {
			t.Fatalf("torn at %d: seq %d, next slot %d, %v", at, seq, next, err)
		}
		if seq, _, err := parseCursor(whole[:at]); err != nil || seq != 41 {
			t.Fatalf("cut at %d: seq %d, %v", at, seq, err)
		}
	}
}

func TestADamagedCursorStartsAtTheOldestEntry(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"empty":       func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"zero-filled": func(path string) error { return os.WriteFile(path, make([]byte, 128), 0o600) },
		"garbage":     func(path string) error { return os.WriteFile(path, []byte("{}"), 0o600) },
		"truncated":   func(path string) error { return os.Truncate(path, 30) },
		"a folder": func(path string) error {
			os.Remove(path)
			return os.Mkdir(path, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, cloud := t.TempDir(), &fakeCloud{}
			h := openHub(t, dir, Options{})
			apply(t, h, oiaSettings("info"))
			h.SetSender(cloud.send)
			write(t, h, "m", 1, 5)
			closeHub(t, h)
			wantNumbered(t, cloud.messages("m"), "m", 1, 5)
			if err := damage(filepath.Join(dir, "cursor-oia.json")); err != nil {
				t.Fatal(err)
			}
			h = openHub(t, dir, Options{})
			apply(t, h, oiaSettings("info"))
			again := &fakeCloud{}
			h.SetSender(again.send)
			write(t, h, "m", 6, 7)
			if p, _ := h.Search(Query{Text: "starts again with the oldest entry"}); p.Total != 1 {
				t.Errorf("it is told %d times", p.Total)
			}
			closeHub(t, h)
			wantNumbered(t, again.messages("m"), "m", 1, 7)
		})
	}
}

// FuzzCursor: what is accepted was written by formatSlot.
func FuzzCursor(f *testing.F) {
	f.Add(append(formatSlot(1), formatSlot(2)...))
	f.Add(bytes.Repeat([]byte{0}, 128))
	f.Add([]byte(`{"seq":18446744073709551615,"sum":"00000000"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		seq, next, err := parseCursor(data)
		if err == nil && (next < 0 || next >= slotCount || !bytes.Contains(data, formatSlot(seq))) {
			t.Fatalf("%q was taken for %d, next slot %d", data, seq, next)
		}
	})
}
