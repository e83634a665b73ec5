package datetime

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones that a machine may lack
)

func zone(t testing.TB, name string) *Zone {
	t.Helper()
	z, err := LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func ms(t testing.TB, instant string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, instant)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestInstantsArePrintedAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	for at := int64(-80_000_000_000_000); at < 200_000_000_000_000; at += 7_654_321_987 {
		want := time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z")
		if y := time.UnixMilli(at).UTC().Year(); y < 0 || y > 9999 {
			continue
		}
		if got := string(AppendInstant(nil, at)); got != want {
			t.Fatalf("%d: %s, want %s", at, got, want)
		}
		if back, ok := ParseISO([]byte(want), zone(t, "UTC")); !ok || back != at {
			t.Fatalf("%s: %d, want %d", want, back, at)
		}
	}
	for at, want := range map[int64]string{253402300800000: "+010000-01-01T00:00:00.000Z", -62198755200000: "-000001-01-01T00:00:00.000Z", 0: "1970-01-01T00:00:00.000Z"} {
		if got := string(AppendInstant(nil, at)); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}

func TestISOTextIsRead(t *testing.T) {
	t.Parallel()
	paris := zone(t, "Europe/Paris")
	for text, want := range map[string]string{
		"2024-01-15T10:00:00.000Z":                "2024-01-15T10:00:00.000Z",
		"2024-01-15T10:00:00Z":                    "2024-01-15T10:00:00.000Z",
		"2024-01-15T10:00Z":                       "2024-01-15T10:00:00.000Z",
		"2024-01-15T10Z":                          "2024-01-15T10:00:00.000Z",
		"2024-01-15t10:00:00z":                    "2024-01-15T10:00:00.000Z",
		"2024-01-15T10:00:00.123456789Z":          "2024-01-15T10:00:00.123Z",
		"2024-01-15T10:00:00,5Z":                  "2024-01-15T10:00:00.500Z",
		"2024-01-15T10:00:00+01:00":               "2024-01-15T09:00:00.000Z",
		"2024-01-15T10:00:00-0530":                "2024-01-15T15:30:00.000Z",
		"2024-01-15T10:00:00+01":                  "2024-01-15T09:00:00.000Z",
		"2024-01-15T10:00:00":                     "2024-01-15T09:00:00.000Z",
		"2024-07-15T10:00:00":                     "2024-07-15T08:00:00.000Z",
		"2024-01-15":                              "2024-01-14T23:00:00.000Z",
		"2024-01":                                 "2023-12-31T23:00:00.000Z",
		"2024":                                    "2023-12-31T23:00:00.000Z",
		"20240115T100000Z":                        "2024-01-15T10:00:00.000Z",
		"20240115T100000.250Z":                    "2024-01-15T10:00:00.250Z",
		"2024-W03-1T10:00Z":                       "2024-01-15T10:00:00.000Z",
		"2024W031T10Z":                            "2024-01-15T10:00:00.000Z",
		"2024-015T10:00Z":                         "2024-01-15T10:00:00.000Z",
		"2024015T10:00Z":                          "2024-01-15T10:00:00.000Z",
		"2024-01-15T24:00Z":                       "2024-01-16T00:00:00.000Z",
		"2024-02-29T00:00Z":                       "2024-02-29T00:00:00.000Z",
		"2024-01-15T10:00:00[Asia/Kolkata]":       "2024-01-15T04:30:00.000Z",
		"2024-01-15T10:00:00+05:30[Asia/Kolkata]": "2024-01-15T04:30:00.000Z",
		"+002024-01-15T10:00:00Z":                 "2024-01-15T10:00:00.000Z",
		"2024-03-31T02:30:00":                     "2024-03-31T01:30:00.000Z", // skipped: 03:30
		"2024-10-27T02:30:00":                     "2024-10-27T00:30:00.000Z", // twice: the first
		"2024-10-27T03:00:00":                     "2024-10-27T02:00:00.000Z",
	} {
		if got, ok := ParseISO([]byte(text), paris); !ok || got != ms(t, want) {
			t.Errorf("%s: %s %v, want %s", text, AppendInstant(nil, got), ok, want)
		}
	}
	for _, text := range []string{"", "abc", "2024-13-01", "2024-02-30", "2023-02-29T00:00:00.000Z", "2024-1-5", "2024-01-15 10:00:00", "2024-01-15T", "2024-01-15T25:00",
		"2024-01-15T10:60", "2024-01-15T10:00:60Z", "2024-01-15T24:00:01Z", "2024-01-15T10:00:00.Z", "2024-01-15T10:00:00+1", "2024-01-15T10:00:00Zx", "2024-", "2024-366T00Z2",
		"2023-366", "2024-W54", "2024-W01-8", "20240115100000", "2024-01-15T10:00:00[Nowhere]", "2024-01-15T10:00:00[UTC", "202401151", "10:00:00", " 2024-01-15"} {
		if got, ok := ParseISO([]byte(text), paris); ok {
			t.Errorf("%q was read as %s", text, AppendInstant(nil, got))
		}
	}
}

func TestClocksThatJump(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, wall, want string }{
		{"Europe/Paris", "2024-03-31T01:59:59Z", "2024-03-31T00:59:59Z"},
		{"Europe/Paris", "2024-03-31T02:00:00Z", "2024-03-31T01:00:00Z"}, // skipped: 03:00
		{"Europe/Paris", "2024-03-31T02:59:59Z", "2024-03-31T01:59:59Z"}, // skipped: 03:59:59
		{"Europe/Paris", "2024-03-31T03:00:00Z", "2024-03-31T01:00:00Z"},
		{"Europe/Paris", "2024-10-27T01:59:59Z", "2024-10-26T23:59:59Z"},
		{"Europe/Paris", "2024-10-27T02:00:00Z", "2024-10-27T00:00:00Z"}, // twice: the first
		{"Europe/Paris", "2024-10-27T02:59:59Z", "2024-10-27T00:59:59Z"},
		{"Europe/Paris", "2024-10-27T03:00:00Z", "2024-10-27T02:00:00Z"},
		{"America/New_York", "2024-03-10T02:30:00Z", "2024-03-10T07:30:00Z"},
		{"America/New_York", "2024-11-03T01:30:00Z", "2024-11-03T05:30:00Z"},
		{"Australia/Lord_Howe", "2024-10-06T02:15:00Z", "2024-10-05T15:45:00Z"}, // half an hour is skipped
		{"Pacific/Apia", "2011-12-30T12:00:00Z", "2011-12-30T22:00:00Z"},        // a whole day is skipped
		{"UTC", "2024-03-31T02:30:00Z", "2024-03-31T02:30:00Z"},
		{"Asia/Kolkata", "2024-01-15T10:00:00Z", "2024-01-15T04:30:00Z"},
	} {
		fresh, warm := zone(t, c.zone), zone(t, c.zone)
		warm.Instant(ms(t, c.wall) - 40*24*msPerHour)
		warm.Offset(ms(t, c.wall))
		for _, z := range []*Zone{fresh, warm} {
			if got := z.Instant(ms(t, c.wall)); got != ms(t, c.want) {
				t.Errorf("%s %s: %s, want %s", c.zone, c.wall, AppendInstant(nil, got), c.want)
			}
		}
	}
}

func TestZonesAgreeWithTheLibraryWhateverTheyWereAskedBefore(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/Sao_Paulo", "Africa/Casablanca"} {
		z := zone(t, name)
		for at := ms(t, "2000-01-01T00:00:00Z"); at < ms(t, "2040-01-01T00:00:00Z"); at += 5*msPerHour + 1234567 {
			_, want := time.UnixMilli(at).In(z.loc).Zone()
			if got := z.Offset(at); got != int64(want)*1000 {
				t.Fatalf("%s at %d: offset %d, want %d", name, at, got, want)
			}
			back := z.Instant(at + int64(want)*1000)
			if d := at - back; d != 0 && (d < 0 || d > 2*msPerHour) || z.Offset(back)+back != at+int64(want)*1000 {
				t.Fatalf("%s: %s came back as %s", name, AppendInstant(nil, at), AppendInstant(nil, back))
			}
		}
	}
}

func TestTheLastDayOfLeapYearsEnds(t *testing.T) {
	t.Parallel()
	for _, year := range []string{"2024", "2028", "2040", "2400"} {
		z := zone(t, "Europe/Paris")
		for wall := ms(t, year+"-12-30T00:00:00Z"); wall < ms(t, year+"-12-31T23:59:59Z")+msPerDay; wall += 17 * msPerMin {
			if got := z.Instant(wall); got != wall-msPerHour || z.Offset(got) != msPerHour {
				t.Fatalf("%s in Paris is %s", AppendInstant(nil, wall), AppendInstant(nil, got))
			}
		}
	}
}

func TestAnUnknownZoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Mars/Olympus", "../../etc/passwd", "Europe/Paris\x00"} {
		if _, err := LoadZone(name); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}
