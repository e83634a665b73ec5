package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"oibus/agent/entity"
	"oibus/launcher/options"
)

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("/etc/oibus/oibus.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheExampleDocumentsEveryKeyWithItsDefault(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../oibus.toml.example")
	if err != nil {
		t.Fatal(err)
	}
	// One # in front is a key that is switched off, two are a comment.
	active := regexp.MustCompile(`(?m)^# (\[|[a-z_]+ = )`).ReplaceAllString(string(data), "$1")
	c := parse(t, active)
	for _, k := range Keys() {
		if !c.has(k.Name) {
			t.Errorf("%s is missing", k.Name)
			continue
		}
		if got, want := literal(plain(c.value(k.Name))), literal(k.Default); got != want {
			t.Errorf("%s = %s, the default is %s", k.Name, got, want)
		}
	}
	for _, name := range launcherKeys() {
		if !strings.Contains(active, "\n"+name+" = ") {
			t.Errorf("%s of the table [launcher] is missing", name)
		}
	}
	if o, err := options.Parse("example", []byte(active)); err != nil || o != options.Default() {
		t.Errorf("the table [launcher] is not the default: %+v, %v", o, err)
	}
	if off := parse(t, string(data)); len(off.Pins()) != 0 {
		t.Errorf("the example as it is pins %v", off.Pins())
	}
}

// plain turns a decoded array into the type of a default.
func plain(v any) any {
	if items, ok := v.([]any); ok && len(items) == 0 {
		return []string{}
	}
	return v
}

func launcherKeys() (names []string) {
	for f := range reflect.TypeFor[options.Options]().Fields() {
		names = append(names, f.Tag.Get("toml"))
	}
	return names
}

func TestAMistakeNamesFileLineAndKey(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"unknown key":          {"[web]\nprot = 1\n", `oibus.toml:2: unknown key "web.prot", did you mean "web.port"?`},
		"unknown table":        {"[wob]\nport = 1\n", `oibus.toml:1: unknown key "wob"`},
		"wrong type":           {"[web]\nport = \"2223\"\n", `oibus.toml:2: "web.port" must be an integer`},
		"value out of limits":  {"\n[web]\n\nport = 99999\n", `oibus.toml:4: "web.port" must be a valid port`},
		"unknown level":        {"[log.file]\nlevel = \"loud\"", `oibus.toml:2: "log.file.level" must be one of [silent, error, warn, info, debug, trace]`},
		"dotted key":           {"web.port = true", `oibus.toml:1: "web.port" must be an integer`},
		"table for a value":    {"[web.port]\nx = 1", `oibus.toml:1: "web.port" must be an integer`},
		"value for a table":    {"web = 1", `oibus.toml:1: unknown key "web"`},
		"syntax":               {"[web]\nport = = 1", `oibus.toml:2: `},
		"duplicate":            {"[web]\nport = 1\nport = 2", `oibus.toml:3: `},
		"announced version":    {"[oianalytics]\ncompatibility = \"new\"", `oibus.toml:2: "oianalytics.compatibility" with value "new" fails`},
		"half of TLS":          {"[web]\ntls_key = \"k.pem\"", `"web.tls_certificate" and "web.tls_key" go together`},
		"same ports":           {"[web]\nport = 9000\n[proxy]\nport = 9000", `oibus.toml:4: "proxy.port" must differ from "web.port"`},
		"launcher key":         {"[launcher]\nstopp = \"1s\"", `oibus.toml:2: launcher.stopp`},
		"array of wrong types": {"[web]\nallowed_hosts = [1]", `oibus.toml:2: "web.allowed_hosts[0]" must be a string`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("/etc/oibus/oibus.toml", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestWhatIsWrittenIsPinned(t *testing.T) {
	t.Parallel()
	c := parse(t, "web.port = 8080\nweb.address = \"0.0.0.0\"\n[oianalytics.permissions]\nupdate_version = false")
	pin, ok := c.Pinned("webServer.port")
	if !ok || pin.Key != "web.port" || pin.File != "/etc/oibus/oibus.toml" {
		t.Errorf("pin %+v, %v", pin, ok)
	}
	var pinned *entity.PinnedError
	if err := c.PinError("webServer.port"); !errors.As(err, &pinned) || !strings.Contains(err.Error(), `"web.port" is set in /etc/oibus/oibus.toml`) {
		t.Errorf("got %v", err)
	}
	if err := c.PinError("general.name"); err != nil {
		t.Errorf("got %v", err)
	}
	engine, err := c.PinnedValues("")
	if err != nil || !reflect.DeepEqual(engine, map[string]any{"webServer.port": int64(8080)}) {
		t.Errorf("engine values %v, %v", engine, err)
	}
	registration, err := c.PinnedValues("registration.")
	if err != nil || !reflect.DeepEqual(registration, map[string]any{"commandPermissions.updateVersion": false}) {
		t.Errorf("registration values %v, %v", registration, err)
	}
}

func TestASecretComesFromTheFileThatTheKeyNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "loki.txt"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "oibus.toml")
	c, err := Parse(file, []byte("log.loki.password_file = \"loki.txt\"\nproxy.password_file = \"missing\""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PinnedValues(""); err == nil || !strings.Contains(err.Error(), "proxy.password_file") {
		t.Errorf("a missing secret file gave %v", err)
	}
	delete(c.paths, "proxyServer.password")
	values, err := c.PinnedValues("")
	if err != nil || values["logger.loki.password"] != "s3cret" {
		t.Errorf("values %v, %v", values, err)
	}
}

func TestTheAnnouncedVersionSelectsTheDialectUnlessOneIsSet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text, version string
		dialect       Dialect
	}{
		{"", "3.9.0", DialectN},
		{`oianalytics.compatibility = "3.8.8"`, "3.8.8", DialectR},
		{`oianalytics.compatibility = "2.11.0"`, "2.11.0", DialectR},
		{`oianalytics.compatibility = "4.0.0"`, "4.0.0", DialectN},
		{"oianalytics.compatibility = \"3.8.8\"\noianalytics.dialect = \"N\"", "3.8.8", DialectN},
		{`oianalytics.dialect = "R"`, "3.9.0", DialectR},
	}
	for _, test := range tests {
		if c := parse(t, test.text); c.Announced != test.version || c.Dialect != test.dialect {
			t.Errorf("%q announces %s in dialect %s", test.text, c.Announced, c.Dialect)
		}
	}
}

func TestANamedFileMustBeThereAndTheOneInTheDataFolderNeedNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if c, err := Load("", dir); err != nil || c.File != "" {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	if _, err := Load(filepath.Join(dir, "other.toml"), dir); err == nil {
		t.Error("a named file that is missing is no error")
	}
	if err := os.WriteFile(filepath.Join(dir, FileName), make([]byte, maxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load("", dir); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a file of %d bytes gave %v", maxFileSize+1, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[web]\nport = 2223")
	f.Add("[[web]]\nport = 2223")
	f.Add("web = {port = 1}")
	f.Add("launcher = 1")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("oibus.toml", []byte(text))
		if err == nil {
			for _, k := range Keys() {
				c.value(k.Name)
			}
			c.Strings("web.allowed_hosts")
		}
	})
}
