package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestTheCommandLineOfTheReferenceMeansTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	base := CommandLine{DataDir: here, LauncherVersion: "3.4.0"}
	with := func(change func(*CommandLine)) CommandLine {
		c := base
		change(&c)
		return c
	}
	tests := map[string]struct {
		args []string
		want CommandLine
	}{
		"nothing":            {nil, base},
		"config":             {[]string{"--config", dir}, with(func(c *CommandLine) { c.DataDir = dir })},
		"config with =":      {[]string{"--config=" + dir}, with(func(c *CommandLine) { c.DataDir = dir })},
		"as the container":   {[]string{"--config", dir, "--ignoreIpFilters", "true", "--ignoreRemoteUpdate", "true"}, with(func(c *CommandLine) { c.DataDir, c.IgnoreIPFilters, c.IgnoreRemoteUpdate = dir, true, true })},
		"bare flag":          {[]string{"--ignoreIpFilters"}, with(func(c *CommandLine) { c.IgnoreIPFilters = true })},
		"flag before option": {[]string{"--ignoreIpFilters", "--config", dir}, with(func(c *CommandLine) { c.IgnoreIPFilters, c.DataDir = true, dir })},
		"false is off":       {[]string{"--ignoreIpFilters", "false"}, base},
		"=false is off":      {[]string{"--ignoreIpFilters=false"}, base},
		"no- is off":         {[]string{"--ignoreIpFilters", "--no-ignoreIpFilters"}, base},
		"kebab-case":         {[]string{"--ignore-ip-filters", "--ignore-remote-update"}, with(func(c *CommandLine) { c.IgnoreIPFilters, c.IgnoreRemoteUpdate = true, true })},
		"launcher version":   {[]string{"--launcherVersion", "3.9.0"}, with(func(c *CommandLine) { c.LauncherVersion = "3.9.0" })},
		"version":            {[]string{"--version"}, with(func(c *CommandLine) { c.Version = true })},
		"reset":              {[]string{"--reset-password"}, with(func(c *CommandLine) { c.ResetPassword = true })},
		"reset true":         {[]string{"--reset-password", "true"}, with(func(c *CommandLine) { c.ResetPassword = true })},
		"remote config":      {[]string{"--ignoreRemoteConfig", "true"}, base},
		"help":               {[]string{"--help"}, with(func(c *CommandLine) { c.Help = true })},
		"-h":                 {[]string{"-h"}, with(func(c *CommandLine) { c.Help = true })},
		"the word help":      {[]string{"help", "import"}, with(func(c *CommandLine) { c.Help = true })},
		"unknown":            {[]string{"--check", "x", "--config", dir, "-v"}, with(func(c *CommandLine) { c.DataDir, c.Unknown = dir, []string{"--check", "x", "-v"} })},
	}
	for name, test := range tests {
		got, err := ParseArgs(test.args)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, test.want)
		}
	}
}

func TestASlipWithoutADataFolderStartsNothing(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, args := range [][]string{{"--confg", "/x"}, {"status"}, {"-v"}} {
		if c, err := ParseArgs(args); err == nil || !strings.Contains(err.Error(), args[0]) || !strings.Contains(err.Error(), "--config") {
			t.Errorf("%v gave %+v, %v", args, c, err)
		}
	}
	if err := os.Mkdir("state", 0o700); err != nil {
		t.Fatal(err)
	}
	if c, err := ParseArgs([]string{"--later-option"}); err != nil || len(c.Unknown) != 1 {
		t.Errorf("in a data folder: %+v, %v", c, err)
	}
}

func TestAnOptionThatNeedsAValueSaysSo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--config"}, {"--config", "--version"}, {"--settings="}, {"--no-config"}} {
		if c, err := ParseArgs(args); err == nil {
			t.Errorf("%v gave %+v", args, c)
		}
	}
}

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestProvisioningReadsTheFileAndElseTheEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"ENGINE_NAME": "from env", "ADMIN_USERNAME": "ops", "ADMIN_PASSWORD": "variable", "DEFAULT_PORT": "8081"}
	fromEnv := Provision{EngineName: "from env", AdminUsername: "ops", AdminPassword: "variable", Port: 8081}
	tests := map[string]struct {
		file string
		want Provision
		warn int
	}{
		"no file":       {"", fromEnv, 0},
		"file":          {`{"engineName":"Line 4","adminUsername":"ops","adminPassword":"S3cret","port":8080}`, Provision{EngineName: "Line 4", AdminUsername: "ops", AdminPassword: "S3cret", Port: 8080}, 0},
		"wrong types":   {`{"engineName":4,"adminUsername":null,"port":"8080","more":1}`, Provision{}, 0},
		"port too high": {`{"port":80800}`, Provision{}, 0},
		"not JSON":      {`{"engineName"`, fromEnv, 1},
		"not an object": {`["x"]`, fromEnv, 1},
	}
	for name, test := range tests {
		dir := t.TempDir()
		if test.file != "" {
			path := filepath.Join(dir, InitFile)
			if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if test.warn == 0 {
				test.want.FromFile = path
			}
		}
		got := LoadProvision(dir, environment(env))
		if len(got.Warnings) != test.warn {
			t.Errorf("%s: warnings %q", name, got.Warnings)
		}
		got.Warnings = nil
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestAPasswordFileWinsAndAMissingOneIsAWarning(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(" from file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := LoadProvision(t.TempDir(), environment(map[string]string{"ADMIN_PASSWORD_FILE": file, "ADMIN_PASSWORD": "x"}))
	if p.AdminPassword != "from file" || len(p.Warnings) != 0 {
		t.Errorf("got %+v", p)
	}
	p = LoadProvision(t.TempDir(), environment(map[string]string{"ADMIN_PASSWORD_FILE": file + ".gone", "DEFAULT_PORT": "many"}))
	if p.AdminPassword != "" || p.Port != 0 || len(p.Warnings) != 2 {
		t.Errorf("got %+v", p)
	}
}
