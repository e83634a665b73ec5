package datetime

import (
	"strings"
	"testing"
)

// now is what is taken for parts of a date that a format does not have.
const now = "2024-05-06T07:08:09.010Z"

func TestEveryTokenIsWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, zone, locale, want string }{
		{"yyyy yy y", "UTC", "", "2024 24 2024"},
		{"L LL M MM", "UTC", "", "1 01 1 01"},
		{"LLL LLLL MMM MMMM", "UTC", "", "Jan January Jan January"},
		{"d dd", "UTC", "", "5 05"},
		{"H HH h hh", "UTC", "", "15 15 3 03"},
		{"m mm s ss S SSS", "UTC", "", "4 04 7 07 89 089"},
		{"u uu uuu", "UTC", "", "089 08 0"},
		{"a", "UTC", "", "PM"},
		{"c ccc cccc E EEE EEEE", "UTC", "", "5 Fri Friday 5 Fri Friday"},
		{"Z ZZ ZZZ z", "Asia/Kolkata", "", "+5:30 +05:30 +0530 Asia/Kolkata"},
		{"Z ZZ ZZZ z", "America/New_York", "", "-5 -05:00 -0500 America/New_York"},
		{"Z ZZ ZZZ z", "UTC", "", "+0 +00:00 +0000 UTC"},
		{"o ooo", "UTC", "", "5 005"},
		{"W WW kkkk kk", "UTC", "", "1 01 2024 24"},
		{"q qq", "UTC", "", "1 01"},
		{"X x", "Asia/Kolkata", "", "1704467047 1704467047089"},
		{"yyyy-MM-dd'T'HH:mm:ss.SSS", "Europe/Paris", "en-En", "2024-01-05T16:04:07.089"},
		{"'o''clock' ''", "UTC", "", "oclock '"},
		{"dd.MM.yyyy 'um' HH 'Uhr'", "UTC", "de", "05.01.2024 um 15 Uhr"},
		{"d MMMM yyyy", "UTC", "fr-FR", "5 janvier 2024"},
		{"EEE d MMM", "UTC", "fr", "ven. 5 janv."},
		{"LLL", "UTC", "de_DE", "Jan"},
		{"MMM", "UTC", "de", "Jan."},
		{"a", "UTC", "ja", "午後"},
	} {
		f, err := NewFormatter(c.format, c.zone, c.locale)
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		if got := string(f.Append(nil, ms(t, "2024-01-05T15:04:07.089Z"))); got != c.want {
			t.Errorf("%s in %s, %s: %q, want %q", c.format, c.zone, c.locale, got, c.want)
		}
	}
}

func TestFormatsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "YYYY-MM-DD", "yyyy-MM-ddTHH:mm", "yyy", "'open", "SSSS", "D", strings.Repeat("y", 300)} {
		if _, err := NewFormatter(format, "UTC", ""); err == nil {
			t.Errorf("%q was accepted", format)
		}
	}
	if _, err := NewFormatter("MMM", "UTC", "xx"); err == nil || !strings.Contains(err.Error(), `locale "xx"`) {
		t.Errorf("an unknown locale: %v", err)
	}
	if _, err := NewFormatter("yyyy-MM", "UTC", "xx"); err != nil {
		t.Errorf("numbers need no locale: %v", err)
	}
}

func TestEveryTokenIsRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, zone, locale, text, want string }{
		{"yyyy-MM-dd HH:mm:ss", "Europe/Paris", "en-En", "2024-01-01 10:00:00", "2024-01-01T09:00:00Z"},
		{"yyyyMMddHHmmss", "UTC", "", "20240115100000", "2024-01-15T10:00:00Z"},
		{"yyyyMMddHHmmssSSS", "UTC", "", "20240115100000250", "2024-01-15T10:00:00.250Z"},
		{"d/M/yy H:m:s", "UTC", "", "5/1/24 9:4:7", "2024-01-05T09:04:07Z"},
		{"dd/MM/yy", "UTC", "", "05/01/61", "1961-01-05T00:00:00Z"},
		{"dd/MM/yy", "UTC", "", "05/01/60", "2060-01-05T00:00:00Z"},
		{"y-M-d", "UTC", "", "2024-1-5", "2024-01-05T00:00:00Z"},
		{"yMMdd", "UTC", "", "20240105", "2024-01-05T00:00:00Z"}, // y takes as much as leaves two and two
		{"hh:mm a, d MMM yyyy", "UTC", "", "03:04 PM, 5 Jan 2024", "2024-01-05T15:04:00Z"},
		{"h:mm a d L yyyy", "UTC", "", "12:04 am 5 1 2024", "2024-01-05T00:04:00Z"},
		{"h a d L yyyy", "UTC", "", "12 PM 5 1 2024", "2024-01-05T12:00:00Z"},
		{"EEE, dd MMM yyyy HH:mm:ss ZZZ", "UTC", "", "Fri, 05 Jan 2024 15:04:07 +0100", "2024-01-05T14:04:07Z"},
		{"cccc d LLLL yyyy", "UTC", "", "friday 5 JANUARY 2024", "2024-01-05T00:00:00Z"},
		{"d MMMM yyyy HH:mm", "Europe/Paris", "fr", "5 février 2024 10:00", "2024-02-05T09:00:00Z"},
		{"d MMM yyyy", "UTC", "fr", "5 FÉVR 2024", "2024-02-05T00:00:00Z"},
		{"d. MMM yyyy", "UTC", "de", "5. März 2024", "2024-03-05T00:00:00Z"},
		{"d. LLL yyyy", "UTC", "de", "5. Mär 2024", "2024-03-05T00:00:00Z"},
		{"yyyy-MM-dd'T'HH:mm:ssZZ", "UTC", "", "2024-01-15T10:00:00-05:30", "2024-01-15T15:30:00Z"},
		{"yyyy-MM-dd HH Z", "UTC", "", "2024-01-15 10 +5", "2024-01-15T05:00:00Z"},
		{"yyyy-MM-dd HH z", "UTC", "", "2024-01-15 10 Europe/Paris", "2024-01-15T09:00:00Z"},
		{"yyyy-ooo", "UTC", "", "2024-060", "2024-02-29T00:00:00Z"},
		{"kkkk-'W'WW-c", "UTC", "", "2024-W03-2", "2024-01-16T00:00:00Z"},
		{"kkkk WW", "UTC", "", "2020 53", "2020-12-28T00:00:00Z"},
		{"q yyyy", "UTC", "", "3 2024", "2024-07-01T00:00:00Z"},
		{"X", "Europe/Paris", "", "1704467047", "2024-01-05T15:04:07Z"},
		{"x", "Europe/Paris", "", "-1", "1969-12-31T23:59:59.999Z"},
		{"yyyy-MM-dd HH:mm:ss.S", "UTC", "", "2024-01-15 10:00:00.7", "2024-01-15T10:00:00.007Z"},
		{"yyyy-MM-dd HH:mm:ss.u", "UTC", "", "2024-01-15 10:00:00.7", "2024-01-15T10:00:00.700Z"},
		{"yyyy-MM-dd HH:mm:ss.u", "UTC", "", "2024-01-15 10:00:00.123456", "2024-01-15T10:00:00.123Z"},
		{"yyyy-MM-dd HH:mm", "UTC", "", "2024-01-15 24:00", "2024-01-16T00:00:00Z"},
		{"HH:mm", "UTC", "", "10:30", "2024-05-06T10:30:00Z"},
		{"d HH", "UTC", "", "3 10", "2024-05-03T10:00:00Z"},
		{"M", "UTC", "", "3", "2024-03-01T00:00:00Z"},
		{"mm:ss", "UTC", "", "30:15", "2024-05-06T07:30:15Z"},
		{"cccc HH", "UTC", "", "Wednesday 10", "2024-05-08T10:00:00Z"},
		{"dd MMM yyyy", "UTC", "", "05\u00a0Jan\t2024", "2024-01-05T00:00:00Z"},
		{"yyyy-MM-dd HH:mm", "Europe/Paris", "", "2024-03-31 02:30", "2024-03-31T01:30:00Z"},
		{"yyyy-MM-dd HH:mm", "Europe/Paris", "", "2024-10-27 02:30", "2024-10-27T00:30:00Z"},
	} {
		p, err := NewParser(c.format, c.zone, c.locale, ms(t, now))
		if err != nil {
			t.Errorf("%s: %v", c.format, err)
			continue
		}
		if got, ok := p.Parse([]byte(c.text)); !ok || got != ms(t, c.want) {
			t.Errorf("%s, %q: %s %v, want %s", c.format, c.text, AppendInstant(nil, got), ok, c.want)
		}
	}
}

func TestTextThatDoesNotMatchIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, text string }{
		{"yyyy-MM-dd", "2024-13-01"}, {"yyyy-MM-dd", "2023-02-29"}, {"yyyy-MM-dd", "2024-01-15 "}, {"yyyy-MM-dd", " 2024-01-15"}, {"yyyy-MM-dd", ""},
		{"yyyy-MM-dd", "24-01-15"}, {"yyyy-MM-dd HH:mm", "2024-01-15 25:00"}, {"HH:mm", "10:60"}, {"hh a", "13 PM"}, {"EEE d MMM yyyy", "Mon 5 Jan 2024"},
		{"MMM", "Foo"}, {"ooo yyyy", "366 2023"}, {"WW kkkk", "53 2024"}, {"Z", "5"}, {"z", "Mars/Olympus"}, {"x", "9999999999999999"}, {"q", "5"}, {"q", "0"},
	} {
		p, err := NewParser(c.format, "UTC", "", ms(t, now))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.Parse([]byte(c.text)); ok {
			t.Errorf("%s: %q was read as %s", c.format, c.text, AppendInstant(nil, got))
		}
	}
}

func TestAHostileFormatTakesNoTime(t *testing.T) {
	t.Parallel()
	p, err := NewParser(strings.Repeat("Hmsd", 60)+"'x'", "UTC", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Parse([]byte(strings.Repeat("1", 300))); ok || p.steps > maxSteps+1000 {
		t.Errorf("matched after %d steps", p.steps)
	}
}

func TestWhatIsWrittenIsReadInEveryLanguage(t *testing.T) {
	t.Parallel()
	const format = "EEEE d MMMM yyyy 'x' MMM 'x' LLLL 'x' EEE hh:mm:ss.SSS a ZZ"
	for _, language := range languages() {
		f, err := NewFormatter(format, "America/New_York", language)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewParser(format, "UTC", language, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := ms(t, "2024-01-01T00:00:00Z"); at < ms(t, "2025-01-01T00:00:00Z"); at += 29 * msPerHour {
			text := f.Append(nil, at)
			if got, ok := p.Parse(text); !ok || got != at {
				t.Errorf("%s: %q came back as %s", language, text, AppendInstant(nil, got))
				break
			}
		}
	}
}

func FuzzFormat(f *testing.F) {
	for _, s := range []string{"yyyy-MM-dd HH:mm:ss", "d MMM yy h:mm a", "kkkk-'W'WW-c", "ooo q Z z X x u"} {
		f.Add(s, "2024-01-15 10:00:00", "fr")
	}
	f.Fuzz(func(t *testing.T, format, text, locale string) {
		p, err := NewParser(format, "Europe/Paris", locale, 0)
		if err != nil {
			return
		}
		w, err := NewFormatter(format, "Europe/Paris", locale)
		if err != nil {
			t.Fatalf("%q can be read but not written: %v", format, err)
		}
		if at, ok := p.Parse([]byte(text)); ok {
			w.Append(nil, at)
		}
		p.Parse(w.Append(nil, 1704467047089))
	})
}

func FuzzISO(f *testing.F) {
	f.Add("2024-01-15T10:00:00.000Z")
	f.Add("2024-W03-1T10+01:00[Europe/Paris]")
	f.Fuzz(func(t *testing.T, text string) {
		z, _ := LoadZone("Europe/Paris")
		at, ok := ParseISO([]byte(text), z)
		if !ok {
			return
		}
		if again, ok := ParseISO(AppendInstant(nil, at), z); !ok || again != at {
			t.Fatalf("%q: %d, printed and read again: %d", text, at, again)
		}
	})
}

func BenchmarkParseAFormatInAZone(b *testing.B) {
	p, err := NewParser("yyyy-MM-dd HH:mm:ss", "Europe/Paris", "", 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for text := []byte("2024-01-15 10:00:00"); b.Loop(); {
		if _, ok := p.Parse(text); !ok {
			b.Fatal("not read")
		}
	}
}
