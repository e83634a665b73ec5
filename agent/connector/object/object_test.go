package object

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector/httpclient"
)

func TestAPartIsWholeAndTheLastOneIsTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source string
		size   int
		last   bool
		want   string
	}{
		{"abcd", 4, true, ""},
		{"abcd", 2, false, ""},
		{"abcd", 2, true, "longer than announced"},
		{"abcd", 5, true, "unexpected EOF"},
		{"", 0, true, ""},
	} {
		err := ReadPart(strings.NewReader(c.source), make([]byte, c.size), c.last)
		var body *httpclient.BodyError
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &body) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	source := bytes.NewReader([]byte("abcd"))
	part := make([]byte, 2)
	for _, want := range []string{"ab", "cd"} {
		if err := ReadPart(source, part, want == "cd"); err != nil || string(part) != want {
			t.Errorf("got %q %v, want %q", part, err, want)
		}
	}
}

func TestARefusalSaysWhatIsKnown(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Refusal{
		"403 Forbidden":          {Status: 403},
		"599":                    {Status: 599},
		"AccessDenied (403)":     {Status: 403, Code: "AccessDenied"},
		"AccessDenied: no (403)": {Status: 403, Code: "AccessDenied", Message: "no"},
	} {
		if got := r.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Line(" a\r\n\tb\xff " + strings.Repeat("x", 1000)); !strings.HasPrefix(got, "a b\uFFFD x") || len(got) > maxText+len("…") {
		t.Errorf("got %d bytes: %.20q", len(got), got)
	}
}

func TestTheClockFollowsTheServerWhenItIsFarOff(t *testing.T) {
	t.Parallel()
	ours := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := NewClock(func() time.Time { return ours })
	for _, step := range []struct {
		server  time.Duration
		changed bool
		now     time.Duration
	}{
		{4 * time.Minute, false, 0},
		{-2 * time.Hour, true, -2 * time.Hour},
		{-2*time.Hour + time.Minute, false, -2 * time.Hour},
		{0, true, 0},
	} {
		_, changed := c.Follow(ours.Add(step.server))
		if now := c.Now().Sub(ours); changed != step.changed || now != step.now {
			t.Errorf("%v: changed %v, the time is off by %v; want %+v", step.server, changed, now, step)
		}
	}
	if _, changed := c.Follow(time.Time{}); changed {
		t.Error("a server that does not tell its time changed the clock")
	}
}
