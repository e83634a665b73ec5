package scan

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// from is a file of another machine that is cut after most bytes.
func from(text string, most int, asked *int64) Get {
	return func(_ context.Context, offset int64, w io.Writer) error {
		*asked = offset
		rest := text[min(int(offset), len(text)):]
		_, err := io.Copy(struct{ io.Writer }{w}, strings.NewReader(rest[:min(most, len(rest))]))
		if err == nil && most < len(rest) {
			err = errors.New("cut")
		}
		return err
	}
}

func TestACopyThatWasCutGoesOn(t *testing.T) {
	t.Parallel()
	d := &Downloads{Temp: t.TempDir()}
	text := strings.Repeat("0123456789", 50_000)
	asked := int64(-1)
	for _, most := range []int{200_000, 1000, 200_000, len(text)} {
		if path, err := d.Fetch(t.Context(), "f", int64(len(text)), from(text, most, &asked)); err == nil {
			raw, err := os.ReadFile(path)
			if err != nil || string(raw) != text {
				t.Errorf("%d bytes, %v", len(raw), err)
			}
			break
		}
	}
	if want := int64(2*200_000 - 2*overlap); asked != want {
		t.Errorf("went on at %d, want %d", asked, want)
	}
	asked = -1
	if _, err := d.Fetch(t.Context(), "f", int64(len(text)), from(text, len(text), &asked)); err != nil || asked != -1 {
		t.Errorf("a whole copy was fetched again: %v", err)
	}
}

func TestACopyThatIsNotTheFileIsThrownAway(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789", 50_000)
	for name, other := range map[string]string{"longer": text + "x", "shorter": text[:len(text)-1], "another": strings.Repeat("abcdefghij", 50_000)} {
		d, asked := &Downloads{Temp: t.TempDir()}, int64(0)
		if name == "another" {
			if _, err := d.Fetch(t.Context(), "f", int64(len(text)), from(text, 100_000, &asked)); err == nil {
				t.Fatal("it was not cut")
			}
		}
		if _, err := d.Fetch(t.Context(), "f", int64(len(text)), from(other, len(other), &asked)); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: got %v", name, err)
		}
		if left, err := os.ReadDir(d.Temp); err != nil || len(left) != 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}

func TestOneCopyIsKeptAtATime(t *testing.T) {
	t.Parallel()
	d, asked := &Downloads{Temp: t.TempDir()}, int64(0)
	for _, identity := range []string{"a", "b", "c"} {
		if _, err := d.Fetch(t.Context(), identity, 4, from("text", 2, &asked)); err == nil {
			t.Fatal("it was not cut")
		}
	}
	if left, err := os.ReadDir(d.Temp); err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := d.Fetch(t.Context(), "huge", 1<<60, from("", 0, &asked)); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v", err)
	}
}
