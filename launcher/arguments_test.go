package launcher

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestTheCommandLineOfTheReferenceIsUnderstood(t *testing.T) {
	t.Parallel()
	abs := func(path string) string {
		p, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for line, want := range map[string]arguments{
		"":                                  {config: abs(".")},
		"--config data":                     {config: abs("data")},
		"--config=data":                     {config: abs("data")},
		"--config=a --config b":             {config: abs("b")},
		"--config " + abs("/x"):             {config: abs("/x")},
		"--settings=s.toml --config d":      {config: abs("d"), settings: abs("s.toml")},
		"--settings s.toml":                 {config: abs("."), settings: abs("s.toml")},
		"--version":                         {config: abs("."), version: true},
		"--help":                            {config: abs("."), help: true},
		"-h --config d":                     {config: abs("d"), help: true},
		"help me":                           {config: abs("."), help: true},
		"--service --config d":              {config: abs("d"), service: true},
		"--reset-password":                  {config: abs("."), resetPassword: true},
		"--reset-password --config d":       {config: abs("d"), resetPassword: true},
		"--reset-password true --config d":  {config: abs("d"), resetPassword: true},
		"--reset-password=Yes":              {config: abs("."), resetPassword: true},
		"--reset-password y":                {config: abs("."), resetPassword: true},
		"--reset-password 1":                {config: abs("."), resetPassword: true},
		"--reset-password no --config=d":    {config: abs("d")},
		"--reset-password=false":            {config: abs(".")},
		"--ignoreIpFilters true --foo=1 -x": {config: abs("."), rest: []string{"--ignoreIpFilters", "true", "--foo=1", "-x"}},
		"a --config d --ignoreRemoteUpdate": {config: abs("d"), rest: []string{"a", "--ignoreRemoteUpdate"}},
	} {
		got, err := parseArguments(strings.Fields(line))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v", line, got, err, want)
		}
	}
}

func TestAWrongOptionIsNamed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--config":                 "--config",
		"--config=":                "--config",
		"--config --version":       "--config",
		"--settings":               "--settings",
		"--reset-password perhaps": `"perhaps"`,
		"--reset-password=":        "--reset-password",
		"--version=maybe":          `"maybe"`,
	} {
		if _, err := parseArguments(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error should name %s, got %v", line, want, err)
		}
	}
}

func TestTheAgentGetsWhatIsNotForTheLauncherAndTheSameFolder(t *testing.T) {
	t.Parallel()
	a := arguments{config: "/data", settings: "/etc/oibus.toml", service: true, rest: []string{"--ignoreIpFilters", "true"}}
	want := []string{"--ignoreIpFilters", "true", "--version", "--config", "/data", "--settings", "/etc/oibus.toml", "--launcherVersion", "3.9.0"}
	if got := a.forAgent("3.9.0", "--version"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	a.settings = ""
	if got := a.forAgent("3.9.0"); slices.Contains(got, "--settings") {
		t.Errorf("settings that were not given should not be passed on, got %q", got)
	}
	if got, want := a.settingsFile(), filepath.Join("/data", "oibus.toml"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzAnyCommandLineIsTakenOrRefused(f *testing.F) {
	f.Add("--config d --reset-password y x")
	f.Add("--config=\x00 --settings=--settings")
	f.Fuzz(func(t *testing.T, line string) {
		a, err := parseArguments(strings.Split(line, " "))
		if err == nil && !filepath.IsAbs(a.config) {
			t.Fatalf("the folder should be absolute, got %q", a.config)
		}
	})
}
