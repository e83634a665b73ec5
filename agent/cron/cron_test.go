package cron

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones that a machine may lack

	"oibus/agent/entity"
)

func TestEachMistakeIsToldInTheWordsOfTheReference(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                               "Cron expression is empty",
		"   ":                            "Expression has only 1 part. At least 5 parts are required.",
		"every day":                      "Expression has only 2 parts. At least 5 parts are required.",
		"* * *":                          "Expression has only 3 parts. At least 5 parts are required.",
		"* * * * * * *":                  "Too many fields. Only seconds, minutes, hours, day of month, month and day of week are supported.",
		"L W # ? H * * *":                "Too many fields. Only seconds, minutes, hours, day of month, month and day of week are supported.",
		"0 0 0 L * *":                    "Non-standard characters: L",
		"0 0 0 15W * *":                  "Non-standard characters: W",
		"0 0 0 * * 1#2":                  "Non-standard characters: #",
		"H ? L * W#1":                    "Non-standard characters: L, W, #, ?, H",
		"0 0 0 * * WEDL":                 "Non-standard characters: L, W",
		"JUL 0 0 * * *":                  "Non-standard characters: L",
		"99 * * * * *":                   "Seconds part must be >= 0 and <= 59",
		"0 60 * * * *":                   "Minutes part must be >= 0 and <= 59",
		"0 -1 * * * *":                   "Minutes part must be >= 0 and <= 59",
		"0 0 24 * * *":                   "Hours part must be >= 0 and <= 23",
		"0 0 0 0 * *":                    "DOM part must be >= 1 and <= 31",
		"0 0 0 1,32 * *":                 "DOM part must be >= 1 and <= 31",
		"0 0 0 * 13 *":                   "Month part must be >= 1 and <= 12",
		"0 0 0 * * 8":                    "DOW part must be >= 0 and <= 6",
		"0 0 0 * * 99999999999999999999": "DOW part must be >= 0 and <= 6",
		"x * * * *":                      "Expression contains invalid values: 'x'",
		"1.5 * * * *":                    "Expression contains invalid values: '.'",
		"0 0 0 * january *":              "Expression contains invalid values: 'january'",
		"0 5-70 * * * *":                 "Constraint error, got range 5-70 expected range 0-59",
		"0 5- * * * *":                   "Constraint error, got range 5-NaN expected range 0-59",
		"0 0 0 * * 0-8":                  "Constraint error, got range 0-8 expected range 0-7",
		"0 9-5 * * * *":                  "Invalid range: 9-5, min(9) > max(5)",
		"0 */0 * * * *":                  "Constraint error, cannot repeat at every 0 time.",
		"0 */ * * * *":                   "Constraint error, cannot repeat at every NaN time.",
		"0 */5/5 * * * *":                "Invalid repeat: 0-59/5/5",
		"0 1,,2 * * * *":                 "Invalid list value format",
		"0 5* * * * *":                   "Invalid",
		"0 /5 * * * *":                   "Invalid",
		"0 0 0 31 2 *":                   "Invalid explicit day of month definition",
		"0 0 0 30-31 feb mon":            "Invalid explicit day of month definition",
		"0 0 0 31 4,6,9 *":               "Invalid explicit day of month definition",
		"@reboot":                        "Unknown special expression.",
		"@minutely":                      "Unknown special expression.",
	} {
		_, err := Parse(expression)
		if refused := new(entity.InvalidError); !errors.As(err, &refused) || err.Error() != "Cron Expression: "+want {
			t.Errorf("%q: got %v, want %s", expression, err, want)
		}
	}
}

func TestTheReferencesSyntaxIsAccepted(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"* * * * * *", "*/10 * * * * *", "0 0 0 * * *", "*/5 * * * *", "@yearly", "@annually", "@monthly",
		"@weekly", "@daily", "@midnight", "@hourly", "0 0 0 * jan-mar mon,wed", "0 0 0 * JUL WED", "0 0 0 * * THU-SAT", "0 0 0 * * 7",
		"0 0 0 29 2 *", "0 0 0 31 4,6 mon", "  0   0 0 *  * * ", "5/20 1-30/7 0-23 1,15,31 1/3 1-5/2"} {
		if _, err := Parse(expression); err != nil {
			t.Errorf("%q: %v", expression, err)
		}
	}
}

// ticks writes the next n ticks after the start, without what is common to all.
func ticks(t *testing.T, expression, zone, start string, n int) string {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation(time.RFC3339, start, loc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for at = at.In(loc); len(out) < n; {
		if at = s.Next(at); at.IsZero() {
			break
		}
		out = append(out, at.Format("01-02T15:04:05Z07"))
	}
	return strings.Join(out, " ")
}

func TestTicksComeWhenTheExpressionSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, start, want string }{
		{"* * * * * *", "2026-03-04T08:15:30.5Z", "03-04T08:15:31Z 03-04T08:15:32Z"},
		{"*/10 * * * * *", "2026-03-04T08:15:30Z", "03-04T08:15:40Z 03-04T08:15:50Z 03-04T08:16:00Z"},
		{"*/5 * * * *", "2026-12-31T23:57:00Z", "01-01T00:00:00Z 01-01T00:05:00Z"},
		{"0 30 8 * * MON-FRI", "2026-03-06T09:00:00Z", "03-09T08:30:00Z 03-10T08:30:00Z"},
		{"0 0 0 * * 7", "2026-03-04T00:00:00Z", "03-08T00:00:00Z 03-15T00:00:00Z"},
		{"0 0 0 13 * fri", "2026-03-01T00:00:00Z", "03-06T00:00:00Z 03-13T00:00:00Z 03-20T00:00:00Z 03-27T00:00:00Z 04-03T00:00:00Z 04-10T00:00:00Z 04-13T00:00:00Z"},
		{"0 0 0 31 * *", "2026-03-31T12:00:00Z", "05-31T00:00:00Z 07-31T00:00:00Z 08-31T00:00:00Z"},
		{"0 0 0 31 4,6 mon", "2026-04-01T00:00:00Z", "04-06T00:00:00Z 04-13T00:00:00Z"},
		{"59 59 23 31 12 *", "2026-12-31T23:59:59Z", "12-31T23:59:59Z"},
		{"@weekly", "2026-03-04T00:00:00Z", "03-08T00:00:00Z 03-15T00:00:00Z"},
		{"5/20 * * * * *", "2026-03-04T00:00:00Z", "03-04T00:00:05Z 03-04T00:00:25Z 03-04T00:00:45Z 03-04T00:01:05Z"},
	} {
		if got := ticks(t, c.expression, "UTC", c.start, 1+strings.Count(c.want, " ")); got != c.want {
			t.Errorf("%s: got %s\nwant %s", c.expression, got, c.want)
		}
	}
}

func TestA29FebruaryIsFoundAcrossTheYear2100(t *testing.T) {
	t.Parallel()
	s, err := Parse("0 0 0 29 2 *")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Next(time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC)); got.Year() != 2104 {
		t.Errorf("got %v", got)
	}
}

func TestClockChangesNeitherLoseNorDoubleARun(t *testing.T) {
	t.Parallel()
	const spring, autumn = "2026-03-29T01:30:00+01:00", "2026-10-25T01:30:00+02:00"
	for _, c := range []struct{ what, expression, zone, start, want string }{
		{"a daily run of the skipped hour is late, not lost", "0 30 2 * * *", "Europe/Paris", spring, "03-29T03:30:00+02 03-30T02:30:00+02"},
		{"also when asked in the middle of it", "0 15,45 2 * * *", "Europe/Paris", "2026-03-29T03:20:00+02:00", "03-29T03:45:00+02 03-30T02:15:00+02"},
		{"also when midnight is skipped", "0 0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00:00-03:00", "11-04T01:00:00-02 11-05T00:00:00-02"},
		{"also by half an hour", "0 10 2 * * *", "Australia/Lord_Howe", "2026-10-04T01:00:00+10:30", "10-04T02:40:00+11 10-05T02:10:00+11"},
		{"a daily run of the repeated hour happens once", "0 30 2 * * *", "Europe/Paris", autumn, "10-25T02:30:00+02 10-26T02:30:00+01"},
		{"also when asked in its second pass", "0 30 2 * * *", "Europe/Paris", "2026-10-25T02:10:00+01:00", "10-26T02:30:00+01"},
		{"several fixed hours likewise", "0 0 1-3 * * *", "Europe/Paris", autumn, "10-25T02:00:00+02 10-25T03:00:00+01 10-26T01:00:00+01"},
		{"every hour means every hour", "0 0 * * * *", "Europe/Paris", autumn, "10-25T02:00:00+02 10-25T02:00:00+01 10-25T03:00:00+01"},
		{"every hour in spring", "0 0 * * * *", "Europe/Paris", spring, "03-29T03:00:00+02 03-29T04:00:00+02"},
		{"every 30 minutes keeps its rhythm", "0 */30 * * * *", "Europe/Paris", autumn, "10-25T02:00:00+02 10-25T02:30:00+02 10-25T02:00:00+01 10-25T02:30:00+01 10-25T03:00:00+01"},
		{"so does every 30 minutes of some hours", "0 */30 1-3 * * *", "Europe/Paris", autumn, "10-25T02:00:00+02 10-25T02:30:00+02 10-25T02:00:00+01 10-25T02:30:00+01 10-25T03:00:00+01"},
		{"and no run of some hours comes twice in spring", "0 */30 1-3 * * *", "Europe/Paris", spring, "03-29T03:00:00+02 03-29T03:30:00+02 03-30T01:00:00+02"},
	} {
		if got := ticks(t, c.expression, c.zone, c.start, 1+strings.Count(c.want, " ")); got != c.want {
			t.Errorf("%s (%s):\n got %s\nwant %s", c.what, c.expression, got, c.want)
		}
	}
}

func TestEverySecondTicksThroughBothClockChanges(t *testing.T) {
	t.Parallel()
	loc, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse("* * * * * *")
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []time.Time{time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)} {
		for at := change.Add(-5 * time.Second).In(loc); at.Before(change.Add(5 * time.Second)); at = at.Add(time.Second) {
			if next := s.Next(at); !next.Equal(at.Add(time.Second)) {
				t.Errorf("after %v comes %v", at, next)
			}
		}
	}
}

func TestVerificationListsThreeTicksOrTheMistake(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 11, 58, 0, 0, time.UTC)
	good := fmt.Sprintf("%+v", Verify("*/5 * * * *", now))
	if good != "{IsValid:true ErrorMessage: NextExecutions:[2026-01-01T12:00:00.000Z 2026-01-01T12:05:00.000Z 2026-01-01T12:10:00.000Z] HumanReadableForm:Every 5 minutes, every hour, every day}" {
		t.Error(good)
	}
	bad := Verify("0 0 0 31 2 *", now)
	if bad.IsValid || bad.ErrorMessage != "Cron Expression: Invalid explicit day of month definition" || bad.NextExecutions == nil || bad.HumanReadableForm != "" {
		t.Errorf("%+v", bad)
	}
}

func FuzzAnAcceptedExpressionHasANextTickAndAMeaning(f *testing.F) {
	for _, seed := range []string{"* * * * * *", "0 0 0 29 2 *", "0 0 0 31 4,6 mon", "@daily", "1-5/2,7 * * * *", "0 0 0 L * *", "*/-1 * * * *", "\x00 * * * *", "5- * * * *", "0 0 0 30 feb 1", "0,0 0 0 * JUL WED"} {
		f.Add(seed)
	}
	loc, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		f.Fatal(err)
	}
	from := time.Date(2026, 3, 28, 23, 59, 59, 0, loc)
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := Parse(expression)
		if err != nil {
			return
		}
		first := s.Next(from)
		if first.IsZero() || !first.After(from) || !s.Next(first).After(first) {
			t.Fatalf("%q: after %v comes %v, then %v", expression, from, first, s.Next(first))
		}
		if text, err := Describe(expression); err != nil || text == "" || strings.Contains(text, "%") {
			t.Fatalf("%q is described as %q, %v", expression, text, err)
		}
	})
}

// The library says of the last day of leap years that its time zone period ends before it. Beyond the years that a zone
// lists, this is so with every database.
func TestTheLastDayOfALeapYearIsPassed(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, year := range []int{2028, 2040, 2044, 2048} {
		for expression, want := range map[string][]time.Time{
			"0 0 12 * * *": {time.Date(year, 12, 31, 12, 0, 0, 0, zone), time.Date(year+1, 1, 1, 12, 0, 0, 0, zone)},
			"0 30 1 1 1 *": {time.Date(year+1, 1, 1, 1, 30, 0, 0, zone), time.Date(year+2, 1, 1, 1, 30, 0, 0, zone)},
		} {
			s, err := Parse(expression)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Date(year, 12, 30, 13, 0, 0, 0, zone)
			for _, w := range want {
				if at = s.Next(at); !at.Equal(w) {
					t.Fatalf("%s in %d: got %v, want %v", expression, year, at, w)
				}
			}
		}
	}
}
