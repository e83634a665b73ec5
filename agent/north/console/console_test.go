package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/north"
)

func built(t *testing.T, settings string, out io.Writer) *Console {
	t.Helper()
	c, err := build(north.Env{Env: connector.Env{Settings: json.RawMessage(settings)}}, out)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func delivery(kind content.Kind, name, text string, elements int) north.Delivery {
	return north.Delivery{Kind: kind, Name: name, Elements: elements, Size: int64(len(text)),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

const values = `[{"pointId":"a","timestamp":"2024-01-15T10:00:00.000Z","data":{"value":"1"}},` +
	`{"pointId":"\u001b[31mb\n","timestamp":"2024-01-15T10:00:01.000Z","data":{"value":2}}]`

func TestWithoutDetailsItPrintsHowMuch(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]north.Delivery{
		"North Console sent 2 values.\r\n":   delivery(content.TimeValues, "", values, 2),
		"North Console sent 1 setpoint.\r\n": delivery(content.Setpoints, "", `[{"reference":"a","value":1}]`, 1),
		"North Console sent 1 file.\r\n":     delivery(content.Any, "x.csv", "a", 0),
	} {
		var out bytes.Buffer
		if err := built(t, `{"verbose":"false"}`, &out).Send(t.Context(), d); err != nil || out.String() != want {
			t.Errorf("got %q, %v; want %q", out.String(), err, want)
		}
	}
}

func TestWithDetailsItPrintsTablesThatATerminalDoesNotObey(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := built(t, `{"verbose":true}`, &out)
	for _, d := range []north.Delivery{
		delivery(content.TimeValues, "", values, 2),
		delivery(content.Setpoints, "", `[{"reference":"valve","value":true}]`, 1),
		delivery(content.Any, "sub/x.csv", "abc", 0),
	} {
		if err := c.Send(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	text := out.String()
	for _, want := range []string{
		"│ (index) │ pointId     │ timestamp                │ data          │\r\n",
		`│ 0       │ a           │ 2024-01-15T10:00:00.000Z │ {"value":"1"} │`,
		`│ 1       │ \x1b[31mb\n │ 2024-01-15T10:00:01.000Z │ {"value":2}   │`,
		"│ 0       │ valve     │ true  │", "│ 0       │ sub/x.csv │ 3        │",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s\nis missing in\n%s", want, text)
		}
	}
}

func TestTheTestPrintsATableAndReportsNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	report, err := built(t, `{"verbose":true}`, &out).Test(t.Context())
	raw, _ := json.Marshal(report)
	if err != nil || string(raw) != `{"items":[]}` {
		t.Errorf("got %s, %v", raw, err)
	}
	if !strings.HasPrefix(out.String(), "North Console output test.\r\n┌") || strings.Count(out.String(), "\r\n") != 7 {
		t.Errorf("got %s", out.String())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("write /dev/stdout: broken pipe") }

func TestABrokenOutputIsAnError(t *testing.T) {
	t.Parallel()
	c := built(t, `{"verbose":true}`, broken{})
	err := c.Send(t.Context(), delivery(content.TimeValues, "", values, 2))
	if err == nil || err.Error() != "The process.stdout stream has been destroyed, errored or ended" {
		t.Errorf("got %v", err)
	}
	if _, err := c.Test(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "Node process is unable to write to STDOUT. ") {
		t.Errorf("got %v", err)
	}
}

func TestAContentThatIsNoArrayIsAnErrorOfTheContent(t *testing.T) {
	t.Parallel()
	err := built(t, `{"verbose":true}`, io.Discard).Send(t.Context(), delivery(content.TimeValues, "", `{"a":1}`, 1))
	if err == nil || strings.Contains(err.Error(), "stdout") {
		t.Errorf("got %v", err)
	}
}

func FuzzShown(f *testing.F) {
	f.Add("\x1b[2J")
	f.Add(strings.Repeat("é\xff", 1000))
	f.Fuzz(func(t *testing.T, text string) {
		if s := shown(text); strings.ContainsAny(s, "\x1b\r\n\x07\x00") || len([]rune(s)) > widest {
			t.Errorf("%q", s)
		}
	})
}
