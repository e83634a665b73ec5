package logging

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged is the message that reaches the journal for what log does.
func logged(t *testing.T, log func(l *slog.Logger)) Entry {
	t.Helper()
	dir := t.TempDir()
	h := openHub(t, dir, Options{})
	if err := h.Apply("OIBus", settings(), "sesame-open"); err != nil {
		t.Fatal(err)
	}
	log(h.Logger(Scope{Type: South, ID: "s1", Name: "PLC"}))
	flush(t, h)
	lines := journalLines(t, dir)
	if len(lines) != 1 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	r, err := parseRecord([]byte(lines[0]))
	if err != nil {
		t.Fatal(err)
	}
	return r.entry()
}

func TestAttributesAreAppendedToTheMessage(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 8, 15, 30, 0, time.FixedZone("CET", 3600))
	for _, c := range []struct {
		name, want string
		log        func(l *slog.Logger)
	}{
		{"none", "started", func(l *slog.Logger) { l.Info("started") }},
		{"kinds", `m s=word q="two words" e="" n=-3 u=4 b=true d=1.5s at=2026-03-04T07:15:30.000000Z f=1.5 x="[1 2]"`, func(l *slog.Logger) {
			l.Info("m", "s", "word", "q", "two words", "e", "", "n", -3, "u", uint(4), "b", true, "d", 1500*time.Millisecond, "at", at, "f", 1.5, "x", []int{1, 2})
		}},
		{"error", `failed error="open x: no such file"`, func(l *slog.Logger) { l.Info("failed", "error", errors.New("open x: no such file")) }},
		{"nil error", "m error=<nil>", func(l *slog.Logger) { l.Info("m", "error", error(nil)) }},
		{"nil pointer that panics", `m p=<nil>`, func(l *slog.Logger) { l.Info("m", "p", (*os.PathError)(nil)) }},
		{"with", "m a=1 g.b=2 g.c=3", func(l *slog.Logger) { l.With("a", 1).WithGroup("g").With("b", 2).Info("m", "c", 3) }},
		{"group", "m g.a=1 g.h.b=2", func(l *slog.Logger) { l.Info("m", slog.Group("g", "a", 1, slog.Group("h", "b", 2))) }},
		{"secret", "m password=*** g.Token=*** user=bob", func(l *slog.Logger) {
			l.Info("m", "password", "hunter2", slog.Group("g", "Token", "abc"), "user", "bob")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if e := logged(t, c.log); e.Message != c.want || e.Scope.ID != "s1" || e.Level != slog.LevelInfo {
				t.Errorf("got %+v, want message %q", e, c.want)
			}
		})
	}
}

func TestWhatGivesAccessIsMasked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Authorization: Basic dXNlcjpwYXNz rest":                  "Authorization: Basic *** rest",
		`{"authorization":"Bearer abcdefghijklmnopqrst","a":"b"}`: `{"authorization":"Bearer ***","a":"b"}`,
		"map[Authorization:[Bearer abc.def.ghi]]":                 "map[Authorization:[Bearer ***]]",
		"token was Bearer abcdefghijklmnopqrstuvwxyz!":            "token was Bearer ***!",
		"cannot reach http://bob:secret@proxy:3128/x":             "cannot reach http://bob:***@proxy:3128/x",
		"mqtt://host/a@b at 5":                                    "mqtt://host/a@b at 5",
		"the password is sesame-open, really":                     "the password is ***, really",
		"Bearer of bad news":                                      "Bearer of bad news",
	} {
		if got := string(redact([]byte(text), "sesame-open")); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if e := logged(t, func(l *slog.Logger) { l.Warn("cannot push", "error", "401 for sesame-open") }); strings.Contains(e.Message, "sesame") {
		t.Errorf("the password of Loki was logged: %q", e.Message)
	}
}

func TestAnEndlessMessageIsCutAtAWholeCharacter(t *testing.T) {
	t.Parallel()
	e := logged(t, func(l *slog.Logger) { l.Info(strings.Repeat("é", maxMessage)) })
	want := strings.Repeat("é", maxMessage/2) + fmt.Sprintf("… (%d bytes more)", maxMessage)
	if e.Message != want {
		t.Errorf("got %d bytes ending in %q", len(e.Message), e.Message[len(e.Message)-40:])
	}
}

func TestLevelsChangeWithoutARestart(t *testing.T) {
	t.Parallel()
	console := &buffer{}
	dir := t.TempDir()
	h := openHub(t, dir, Options{Console: console})
	log := h.Logger(Scope{})
	steps := []struct{ file, console string }{{"info", "silent"}, {"error", "warn"}, {"trace", "silent"}, {"silent", "silent"}, {"nonsense", "silent"}}
	for i, step := range steps {
		s := settings()
		s.File.Level, s.Database.Level, s.Console.Level = step.file, "silent", step.console
		apply(t, h, s)
		for _, level := range []slog.Level{LevelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			log.Log(t.Context(), level, fmt.Sprintf("step %d %s", i, LevelName(level)))
		}
	}
	Trace(t.Context(), log, "not at info")
	flush(t, h)
	var got []string
	for _, line := range journalLines(t, dir) {
		r, _ := parseRecord([]byte(line))
		got = append(got, plain(r.message))
	}
	want := []string{"step 0 info", "step 0 warn", "step 0 error", "step 1 error",
		"step 2 trace", "step 2 debug", "step 2 info", "step 2 warn", "step 2 error", "step 4 info", "step 4 warn", "step 4 error"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the journal holds %q\nwant %q", got, want)
	}
	closeHub(t, h)
	if lines := strings.Count(console.String(), "\n"); lines != 2 || !strings.Contains(console.String(), "step 1 warn") {
		t.Errorf("the console shows %q", console.String())
	}
}

func TestTheConsoleIsForPeople(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 8, 15, 30, 123456789, time.UTC)
	for _, c := range []struct {
		scope         Scope
		level         slog.Level
		message, want string
	}{
		{Scope{}, slog.LevelInfo, "up", "2026-03-04T08:15:30.123Z INFO  up\n"},
		{Scope{ID: WebServer}, slog.LevelError, "x", "2026-03-04T08:15:30.123Z ERROR [internal web-server] x\n"},
		{Scope{Type: South, ID: "a", Name: "PLC 1", ItemID: "i", ItemName: "T"}, LevelTrace, "x", "2026-03-04T08:15:30.123Z TRACE [south PLC 1 / T] x\n"},
		{Scope{}, slog.LevelWarn, "a\nb\x1b[2J\r\n", "2026-03-04T08:15:30.123Z WARN  a\n    b\\x1b[2J\\x0d\n"},
	} {
		if got := string(appendConsole(nil, at, c.level, label(c.scope.normal()), []byte(c.message))); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// stuck is a console that nobody reads.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.release; return len(p), nil }

func TestAConsoleThatNobodyReadsStopsNobody(t *testing.T) {
	t.Parallel()
	console := stuck{make(chan struct{})}
	h := openHub(t, t.TempDir(), Options{Console: console})
	s := settings()
	s.Console.Level = "trace"
	apply(t, h, s)
	log := h.Logger(Scope{})
	for range 5000 {
		log.Info(strings.Repeat("x", 100))
	}
	flush(t, h)
	if p, err := h.Search(Query{}); err != nil || p.Total != 5000 {
		t.Errorf("the journal holds %d entries, %v", p.Total, err)
	}
	close(console.release)
}

func TestManyLogAtOnceWithoutLosingOrMixingLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := openHub(t, dir, Options{})
	s := settings()
	s.File.NumberOfFiles = 1000
	apply(t, h, s)
	h.journal.maxSize.Store(50 << 10)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			log := h.Logger(Scope{Type: North, ID: fmt.Sprint("n", i)}).With("worker", i)
			for n := range 500 {
				log.Info("m", "n", n)
				if n%100 == 0 {
					apply(t, h, s)
					h.journal.maxSize.Store(50 << 10)
					if _, err := h.Search(Query{ScopeIDs: []string{fmt.Sprint("n", i)}}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	flush(t, h)
	lines := journalLines(t, dir)
	wantWhole(t, lines)
	if len(lines) != 8*500 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestOpenFailsWhenTheFolderCannotBe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "logs")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := Open(path, Options{}); err == nil {
		stop(h)
		t.Fatal("a file was taken for the log folder")
	}
}

func TestALoggerOfAScopeIsNarrowedToAnItemOrAGroup(t *testing.T) {
	t.Parallel()
	e := logged(t, func(l *slog.Logger) { l.With("itemId", "i1", "itemName", "Temp 1", "try", 3).Warn("no answer") })
	if want := (Scope{Type: South, ID: "s1", Name: "PLC", ItemID: "i1", ItemName: "Temp 1"}); e.Scope != want || e.Message != "no answer try=3" {
		t.Errorf("got %+v %q", e.Scope, e.Message)
	}
	e = logged(t, func(l *slog.Logger) { l.With("groupId", "g1", "groupName", "Fast").Warn("no answer") })
	if want := (Scope{Type: South, ID: "s1", Name: "PLC", GroupID: "g1", GroupName: "Fast"}); e.Scope != want {
		t.Errorf("got %+v", e.Scope)
	}
	e = logged(t, func(l *slog.Logger) { l.Warn("no answer", "itemId", "i1") })
	if e.Scope.ItemID != "" || e.Message != "no answer itemId=i1" {
		t.Errorf("got %+v %q", e.Scope, e.Message)
	}
}
