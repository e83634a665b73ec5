package options

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// trialWindow is how long an upgraded agent is on trial by default (the design of upgrades): what can go wrong with a
// start must show within it.
const trialWindow = 30 * time.Second

func TestTheDefaultsFitEachOtherAndTheirLimits(t *testing.T) {
	t.Parallel()
	d := Default()
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
	for name, ok := range map[string]bool{
		"trial window > start limit":                 d.StartLimit.Std() < trialWindow,
		"trial window > silence limit":               d.SilenceLimit.Std() < trialWindow,
		"silence limit >= 3 heartbeats":              d.SilenceLimit >= SilenceBeats*d.HeartbeatInterval,
		"start limit > heartbeat":                    d.StartLimit > d.HeartbeatInterval,
		"healthy after > silence limit":              d.HealthyAfter > d.SilenceLimit,
		"longest backoff > first":                    d.BackoffMax > d.BackoffFirst,
		"backoff is 0.5 s to 60 s":                   d.BackoffFirst.Std() == time.Second/2 && d.BackoffMax.Std() == time.Minute,
		"stop limit >= what the reference grants":    d.StopLimit.Std() >= 30*time.Second,
		"stop limit < what systemd grants, 90 s":     d.StopLimit.Std() < 90*time.Second,
		"start limit < what systemd grants to start": d.StartLimit.Std() < 90*time.Second,
	} {
		if !ok {
			t.Errorf("broken: %s", name)
		}
	}
}

func TestAFileSetsWhatItNamesAndKeepsTheOtherDefaults(t *testing.T) {
	t.Parallel()
	o, err := Parse("oibus.toml", []byte("[web]\nport = 1\n[launcher]\nstop_limit = \"1m\"\n"))
	want := Default()
	want.StopLimit = seconds(60)
	if err != nil || o != want {
		t.Fatalf("got %+v, %v", o, err)
	}
}

func TestAFileThatIsNotThereGivesTheDefaults(t *testing.T) {
	t.Parallel()
	o, err := Load(filepath.Join(t.TempDir(), "oibus.toml"))
	if err != nil || o != Default() {
		t.Fatalf("got %+v, %v", o, err)
	}
}

func TestAWrongSettingNamesFileLineAndKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":         {"[web]\nx = 1\n[launcher]\n# a\nstart_limt = \"3s\"\n", []string{"oibus.toml:5:", "launcher.start_limt"}},
		"unknown key, dotted": {"launcher.foo = 1\n", []string{"oibus.toml:1:", "launcher.foo"}},
		"no duration":         {"[launcher]\nstop_limit = \"soon\"\n", []string{"oibus.toml", ":2: ", "launcher.stop_limit", `"soon"`}},
		"number":              {"[launcher]\nstop_limit = 30\n", []string{":2: ", "launcher.stop_limit", `"30"`, `"30s"`}},
		"wrong type":          {"[launcher]\nstop_limit = [1]\n", []string{":2: ", "launcher.stop_limit"}},
		"no table":            {"launcher = 1\n", []string{":1: ", "launcher"}},
		"too small":           {"\n[launcher]\nstop_limit = \"1ms\"\n", []string{"oibus.toml:3:", "launcher.stop_limit", "1ms", "1s"}},
		"too big":             {"[launcher]\nsilence_limit = \"24h\"\n", []string{"oibus.toml:2:", "launcher.silence_limit", "24h", "10m"}},
		"negative":            {"[launcher]\nbackoff_first = \"-1s\"\n", []string{"oibus.toml:2:", "launcher.backoff_first", "-1s"}},
		"silence too short":   {"[launcher]\nsilence_limit = \"3s\"\n", []string{"oibus.toml:2:", "launcher.silence_limit", "3 times", "6s"}},
		"backoff upside down": {"[launcher]\nbackoff_max = \"200ms\"\n", []string{"oibus.toml:2:", "launcher.backoff_max", "backoff_first"}},
		"broken file":         {"[launcher", []string{"oibus.toml", ":1: "}},
	} {
		_, err := Parse("oibus.toml", []byte(c.text))
		if err == nil {
			t.Errorf("%s: should be refused", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error should name %q, got %v", name, want, err)
			}
		}
	}
}

func TestEachSettingHasLimitsThatAreChecked(t *testing.T) {
	t.Parallel()
	for _, b := range Default().bounds() {
		if b.min >= b.max || b.value < b.min || b.value > b.max {
			t.Errorf("%s: the default %v is not between %v and %v", b.key, b.value, b.min, b.max)
		}
		_, err := Parse("f", []byte("[launcher]\n"+b.key+" = \"100h\"\n"))
		if err == nil || !strings.Contains(err.Error(), "launcher."+b.key) {
			t.Errorf("%s: 100 h should be refused with its name, got %v", b.key, err)
		}
	}
}

func TestAFileThatIsTooBigOrNoFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "oibus.toml")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{big, dir} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("the error should name %s, got %v", path, err)
		}
	}
}

func TestTheLineOfAKeyIsFound(t *testing.T) {
	t.Parallel()
	text := []byte("a = 1\n[web]\nport = 2\n\n[[list]]\n[ launcher ] # x\n'stop_limit' = \"1s\"\n[launcher.sub]\ndeep.er=1\n#web.port = 3\n")
	for key, want := range map[string]int{
		"a": 1, "web": 2, "web.port": 3, "list": 5, "launcher": 6, "launcher.stop_limit": 7, "launcher.sub.deep.er": 9,
		"launcher.unknown": 6, "unknown": 1, "port": 1,
	} {
		if got := Line(text, strings.Split(key, ".")...); got != want {
			t.Errorf("%s: got line %d, want %d", key, got, want)
		}
	}
}

func TestADurationIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	text, err := Duration(90 * time.Second).MarshalText()
	var d Duration
	if err := errors.Join(err, d.UnmarshalText(text)); err != nil || d.Std() != 90*time.Second {
		t.Fatalf("got %q, %v, %v", text, d, err)
	}
}

func FuzzParseTakesAnything(f *testing.F) {
	f.Add([]byte("[launcher]\nstop_limit = \"30s\"\n"))
	f.Add([]byte("launcher = { a = 1 }"))
	f.Add([]byte("[[launcher]]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := Parse("f", text)
		if err == nil && o.Validate() != nil {
			t.Fatalf("accepted what is not valid: %+v", o)
		}
	})
}
