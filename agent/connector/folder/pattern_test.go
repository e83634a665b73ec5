package folder

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestExpressionsAreThoseOfECMAScript(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expression, text string
		want             bool
	}{
		{`.*`, "x", true}, {``, "x", true}, {`\.csv$`, "a.csv", true}, {`csv`, "a.csv.gz", true}, {`^(?!tmp).*\.csv$`, "tmp.csv", false},
		{`^(?!tmp).*\.csv$`, "a.csv", true}, {`(?<=a)b`, "ab", true}, {`^\d{4}$`, "2024", true}, {`^\d$`, "٣", false}, {`a\_b`, "a_b", true},
		{`(?<y>\d+)-\k<y>`, "12-12", true}, {`[^]`, "x", true}, {`^\w+$`, "é", false},
	} {
		p, err := Compile(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if got, err := p.Matches(c.text); got != c.want || err != nil {
			t.Errorf("%s on %q: got %t, %v", c.expression, c.text, got, err)
		}
	}
	for _, bad := range []string{"(", "*", "[a", strings.Repeat("(", longestPattern+1)} {
		if _, err := Compile(bad); err == nil {
			t.Errorf("%.20s: no error", bad)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add(`^(?!tmp).*\.csv$`, "a.csv")
	f.Add(`(a+)+$`, "aaaa!")
	f.Add(`[\d-x]{2,}?(?<n>)`, "\xff")
	f.Fuzz(func(_ *testing.T, expression, text string) {
		watchdog := time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("%q on %q takes for ever", expression, text)) })
		defer watchdog.Stop()
		p, err := Compile(expression)
		if err != nil {
			return
		}
		if p.re != nil {
			p.re.MatchTimeout = 50 * time.Millisecond
		}
		_, _ = p.Matches(text)
	})
}
