package handshake

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	sent := []Message{
		{Kind: Ready, Version: "3.9.0", PID: 12},
		{Kind: Heartbeat},
		{Kind: Fatal, Reason: "cannot open \"x\"\nat all"},
		{Kind: Stopping, Reason: "redémarrage"},
	}
	var pipe strings.Builder
	for _, m := range sent {
		line, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		pipe.Write(line)
	}
	d := NewDecoder(strings.NewReader(pipe.String()))
	for _, want := range sent {
		if got, err := d.Next(); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := d.Next(); err != io.EOF {
		t.Errorf("the end should be io.EOF, got %v", err)
	}
}

func TestGarbageOnThePipeIsSkippedAndCounted(t *testing.T) {
	t.Parallel()
	const beat = `{"kind":"heartbeat"}` + "\n"
	for name, c := range map[string]struct {
		pipe     string
		messages int
		skipped  int
	}{
		"text":                       {"hello\n" + beat, 1, 1},
		"an unknown kind":            {`{"kind":"coffee"}` + "\n" + beat, 1, 1},
		"another type":               {`[1]` + "\n" + `{"kind":5}` + "\n" + beat, 1, 2},
		"zeros":                      {"\x00\x00\n" + beat, 1, 1},
		"a line that is too long":    {strings.Repeat("x", 3*maxLine+5) + "\n" + beat, 1, 1},
		"a line that fills the room": {strings.Repeat("x", maxLine-1) + "\n" + beat, 1, 1},
		"a message too long":         {`{"kind":"fatal","reason":"` + strings.Repeat("x", maxLine) + "\"}\n" + beat, 1, 1},
		"a line that was cut off":    {beat + `{"kind":"heartbeat"}`, 1, 1},
		"empty lines":                {"\n\n" + beat, 1, 2},
		"nothing":                    {"", 0, 0},
	} {
		d := NewDecoder(strings.NewReader(c.pipe))
		messages := 0
		for {
			_, err := d.Next()
			if err != nil {
				break
			}
			messages++
		}
		if messages != c.messages || d.Skipped() != c.skipped {
			t.Errorf("%s: got %d messages and %d skipped lines, want %d and %d", name, messages, d.Skipped(), c.messages, c.skipped)
		}
	}
}

func TestEveryMessageFitsIntoALine(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("x", 10000), strings.Repeat("\x01", 10000), strings.Repeat("é<", 10000), strings.Repeat("\xff", 10000)} {
		line, err := encode(Message{Kind: Stopping, Version: text, PID: 1 << 31, Reason: text})
		if err != nil || len(line) > maxLine {
			t.Fatalf("the line has %d bytes, %v", len(line), err)
		}
		if m, err := NewDecoder(strings.NewReader(string(line))).Next(); err != nil || m.Kind != Stopping {
			t.Errorf("the message should be understood, got %+v, %v", m, err)
		}
	}
}

func TestAPipeThatFailsEndsTheMessages(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r, w := io.Pipe()
	_ = w.CloseWithError(broken)
	if _, err := NewDecoder(r).Next(); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestTheMeaningOfAnExitCodeSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]string{
		ExitStopped: "", ExitFailure: "", ExitBadSettings: "settings", ExitInUse: "another OIBus", ExitNewerState: "newer version",
		ExitRestart: "restarted", ExitUpgrade: "upgraded", 99: "",
	} {
		if got := Meaning(code); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("code %d: got %q, want something with %q", code, got, want)
		}
	}
}

func FuzzDecoderTakesAnything(f *testing.F) {
	f.Add([]byte(`{"kind":"ready","version":"3.9.0","pid":7}` + "\n"))
	f.Add([]byte("garbage\n\x00\n{\"kind\":\"fatal\"}\n"))
	f.Add([]byte(strings.Repeat("[", 5000) + "\n"))
	f.Fuzz(func(t *testing.T, pipe []byte) {
		d := NewDecoder(strings.NewReader(string(pipe)))
		lines := strings.Count(string(pipe), "\n") + 1
		for n := 0; ; n++ {
			m, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("a pipe that works gives no error but its end, got %v", err)
			}
			if n >= lines {
				t.Fatalf("more messages than lines")
			}
			switch m.Kind {
			case Ready, Heartbeat, Fatal, Stopping:
			default:
				t.Fatalf("got unknown kind %q", m.Kind)
			}
			if len(m.Reason)+len(m.Version) > maxLine*3 {
				t.Fatalf("got %d bytes of text", len(m.Reason)+len(m.Version))
			}
		}
	})
}
