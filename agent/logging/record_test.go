package logging

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func sampleLine(seq uint64, s Scope, level slog.Level, message string) []byte {
	at := time.Date(2026, 3, 4, 8, 15, 30, 123456789, time.UTC)
	return appendNumbered(nil, seq, appendLine(nil, at, level, appendScope(nil, s, ""), []byte(message)))
}

func TestALineComesBackAsTheEntryItWasMadeOf(t *testing.T) {
	t.Parallel()
	for _, message := range []string{"", "plain", "é € 🙂", "quote \" slash \\ / newline \n tab \t zero \x00 bell \a del \x7f", "<b>&amp;"} {
		scope := Scope{Type: South, ID: "k3JdQ9", Name: `PLC "1"`, ItemID: "x1Y2z3", ItemName: "Temp 1"}
		r, err := parseRecord(sampleLine(42, scope, slog.LevelWarn, message))
		if err != nil {
			t.Fatalf("%q: %v", message, err)
		}
		want := Entry{Seq: 42, Time: time.Date(2026, 3, 4, 8, 15, 30, 123456000, time.UTC), Level: slog.LevelWarn, Scope: scope, Message: message}
		if got := r.entry(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestBytesThatAreNoTextDoNotMakeALineUnreadable(t *testing.T) {
	t.Parallel()
	r, err := parseRecord(sampleLine(1, Scope{Type: Internal}, slog.LevelInfo, "a\xffb\xc3"))
	if err != nil || plain(r.message) != "a\ufffdb\ufffd" {
		t.Fatalf("got %q, %v", plain(r.message), err)
	}
}

func TestDamagedLinesAreRefused(t *testing.T) {
	t.Parallel()
	good := string(sampleLine(7, Scope{Type: Internal}, slog.LevelInfo, "hello"))
	if _, err := parseRecord([]byte(good)); err != nil {
		t.Fatalf("the good line is refused: %v", err)
	}
	for name, line := range map[string]string{
		"empty":            "",
		"torn":             good[:len(good)/2],
		"torn at its end":  strings.TrimSuffix(good, "}\n"),
		"zeros":            strings.Repeat("\x00", 100),
		"two lines in one": strings.TrimSuffix(good, "\n") + good,
		"no number":        strings.Replace(good, `"seq":7,`, "", 1),
		"number zero":      strings.Replace(good, `"seq":7`, `"seq":0`, 1),
		"leading zero":     strings.Replace(good, `"seq":7`, `"seq":07`, 1),
		"huge number":      strings.Replace(good, `"seq":7`, `"seq":99999999999999999999999`, 1),
		"negative number":  strings.Replace(good, `"seq":7`, `"seq":-7`, 1),
		"unknown level":    strings.Replace(good, `"info"`, `"fatal"`, 1),
		"bad time":         strings.Replace(good, "2026-03-04T", "2026-03-04 ", 1),
		"bad escape":       strings.Replace(good, "hello", `hel\qo`, 1),
		"bad unicode":      strings.Replace(good, "hello", `hel\u12zo`, 1),
		"control byte":     strings.Replace(good, "hello", "hel\x01o", 1),
		"invalid UTF-8":    strings.Replace(good, "hello", "hel\xffo", 1),
		"nested value":     strings.Replace(good, `"hello"`, `{"a":1}`, 1),
	} {
		if r, err := parseRecord([]byte(line)); err == nil {
			t.Errorf("%s: accepted as %+v", name, r.entry())
		}
	}
}

func TestAKeyOfANewerAgentIsIgnored(t *testing.T) {
	t.Parallel()
	line := strings.Replace(string(sampleLine(7, Scope{Type: Internal}, slog.LevelInfo, "hello")), `"seq":7`, `"seq":7,"thread":12,"host":"a\"b"`, 1)
	if r, err := parseRecord([]byte(line)); err != nil || r.seq != 7 || plain(r.message) != "hello" {
		t.Fatalf("got %+v, %v", r.entry(), err)
	}
}

func TestTheJSONOfAnEntryIsTheLogDTO(t *testing.T) {
	t.Parallel()
	e := Entry{Seq: 3, Time: time.Date(2026, 3, 4, 8, 15, 30, 123999999, time.UTC), Level: slog.LevelError,
		Scope: Scope{Type: HistoryQuery, ID: "h1", Name: "H"}, Message: "m"}
	got, err := json.Marshal(e)
	want := `{"timestamp":"2026-03-04T08:15:30.123Z","level":"error","scopeType":"history-query","scopeId":"h1","scopeName":"H",` +
		`"itemId":null,"itemName":null,"groupId":null,"groupName":null,"message":"m"}`
	if err != nil || string(got) != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// FuzzRecord: what is accepted is JSON, with the values that encoding/json finds.
func FuzzRecord(f *testing.F) {
	f.Add(sampleLine(7, Scope{Type: South, ID: "a", Name: "b", GroupID: "c", GroupName: "d"}, slog.LevelDebug, "x \"y\" \n é"))
	f.Add([]byte(`{"seq":1,"time":"2026-03-04T08:15:30.123456Z","level":"info","x":5,"message":"\ud83d\ude00\/"}`))
	f.Add([]byte(`{"seq":1`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRecord(line)
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("accepted %q, which is not JSON: %v", line, err)
		}
		if strings.Count(string(line), `"message"`) == 1 && want["message"] != nil && plain(r.message) != want["message"] {
			t.Fatalf("message %q, want %q", plain(r.message), want["message"])
		}
		again, err := parseRecord(appendNumbered(nil, r.seq, appendLine(nil, r.at(), r.level, appendScope(nil, r.entry().Scope, ""), []byte(plain(r.message)))))
		if err != nil || again.seq != r.seq || plain(again.message) != plain(r.message) {
			t.Fatalf("%q does not survive being written again: %v", line, err)
		}
	})
}
