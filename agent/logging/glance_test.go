package logging

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestAGlanceSeesWhatTakingApartSees(t *testing.T) {
	t.Parallel()
	for _, level := range []slog.Level{LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		line := appendNumbered(nil, 42, appendLine(nil, time.Unix(1_000_000, 5000), level, appendScope(nil, Scope{Type: South, ID: "s", Name: `a"b`}, ""), []byte("m")))
		line = line[:len(line)-1]
		g, ok := quickLook(line)
		if !ok || g.level != level || string(g.time) != "1970-01-12T13:46:40.000005Z" || string(g.line) != string(line) {
			t.Errorf("%s: %v %+v", line, ok, g)
		}
	}
}

func TestALineThatSomethingElseWroteIsTakenApart(t *testing.T) {
	t.Parallel()
	other := []byte(`{"level":"warn","message":"m","time":"2026-11-23T10:00:00.000000Z","seq":7}`)
	if _, ok := quickLook(other); ok {
		t.Error("the order of the keys is not that of the writer")
	}
	if g, ok := look(other); !ok || g.level != slog.LevelWarn || string(g.time) != "2026-11-23T10:00:00.000000Z" {
		t.Errorf("%v %+v", ok, g)
	}
	for _, line := range []string{"", "{", `{"seq":7,"time":"2026-11-23T10:00:00.000000Z","level":"warn","message":"m`, `{"seq":0,"time":"2026-11-23T10:00:00.000000Z","level":"warn","message":"m"}`,
		`{"seq":7,"time":"2026-11-23 10:00:00.000000Z","level":"warn","message":"m"}`, `{"seq":7,"time":"2026-11-23T10:00:00.000000Z","level":"loud","message":"m"}`} {
		if g, ok := look([]byte(line)); ok {
			t.Errorf("%s: %+v", line, g)
		}
	}
}

// FuzzGlance compares a glance with taking a line apart, and a search for a text with that of the library.
func FuzzGlance(f *testing.F) {
	f.Add([]byte(`{"seq":7,"time":"2026-11-23T10:00:00.000000Z","level":"warn","message":"A needle"}`), "NEEDLE")
	f.Add([]byte(`aabaabaaab`), "aab")
	f.Add([]byte(``), "")
	f.Fuzz(func(t *testing.T, line []byte, text string) {
		r, err := parseRecord(line)
		if g, ok := quickLook(line); ok && err == nil && (g.level != r.level || string(g.time) != string(r.time)) {
			t.Errorf("%q: %+v, %+v", line, g, r)
		}
		ascii := strings.Map(func(c rune) rune { return c & 0x7f }, text)
		n := newNeedle(strings.ToLower(ascii))
		if got, want := n.in(line), containsLower(line, n.text); got != want || !n.ascii {
			t.Errorf("%q in %q: %v", ascii, line, got)
		}
	})
}

// containsLower is needle.in the slow way: only the letters of ASCII have cases.
func containsLower(line []byte, text string) bool {
	folded := make([]byte, len(line))
	for i, c := range line {
		folded[i] = lower(c)
	}
	return strings.Contains(string(folded), text)
}
