package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/launcher/handshake"
	"oibus/platform"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestVersionIsAnsweredWithoutAnyEffect(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"oibus", "oibus-launcher"} {
		dir := t.TempDir()
		code, out, errs := program(t, name, "--version", "--config", dir)
		if code != 0 || errs != "" {
			t.Errorf("%s --version ended with %d: %s", name, code, errs)
		}
		says(t, name, out, "OIBus version: "+platform.Version, "Launcher version: ")
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s --version left %v, %v", name, left, err)
		}
	}
}

func TestThePasswordCanBeReset(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"oibus", "oibus-launcher"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.New(t, site.Options{})
			code, out, errs := program(t, name, "--reset-password", "--config", s.Dir)
			if code != 0 {
				t.Fatalf("it ended with %d: %s", code, errs)
			}
			says(t, name, out, "Admin user reset to default credentials.", "first-password.txt")
			text, err := os.ReadFile(filepath.Join(s.Dir, "secrets", "first-password.txt"))
			login, password, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
			if err != nil || login != "admin" || len(password) < 10 {
				t.Fatalf("the new password: %q, %v", text, err)
			}
			if strings.Contains(out+errs, password) {
				t.Error("the password is in the output, which others may read")
			}
			s.Start()
			if answer, err := s.Do(limited(t), "GET", "/api/engine", nil); err != nil || answer.Status != 401 {
				t.Errorf("the old password still works: %d, %v", answer.Status, err)
			}
			s.Password = password
			must(t, s.Client, "GET", "/api/engine", nil, nil)
		})
	}
}

func TestAFolderInUseIsRefused(t *testing.T) {
	t.Parallel()
	a := harness.Start(t, harness.Options{Launcher: true})
	for name, inUse := range map[string]string{"oibus": "another process is using it", "oibus-launcher": "is another launcher running on this data folder?"} {
		code, out, errs := program(t, name, "--config", a.Dir)
		if code != handshake.ExitInUse {
			t.Errorf("a second %s ended with %d", name, code)
		}
		says(t, "a second "+name, out+errs, inUse, a.Dir)
		code, _, errs = program(t, name, "--reset-password", "--config", a.Dir)
		if code != handshake.ExitInUse {
			t.Errorf("%s --reset-password beside a running agent ended with %d: %s", name, code, errs)
		}
	}
	if !a.Running() || !a.Answers(limited(t)) {
		t.Error("the first one is gone")
	}
}

func TestWrongSettingsEndTheStartWithFileLineAndKey(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string][]string{
		"[web]\nport = 2223\nprot = 1\n":                      {"oibus.toml:3", `"web.prot"`},
		"[web]\nport = \"2223\"\n":                            {"oibus.toml:2", `"web.port"`},
		"[web]\nport = 99999\n":                               {"oibus.toml:2", `"web.port"`, "valid port"},
		"[log.console]\nlevel = \"loud\"\n":                   {"oibus.toml:2", `"log.console.level"`},
		"[launcher]\n\nstop_limit = \"soon\"\n":               {"oibus.toml", "3", "stop_limit"},
		"[proxy]\nenabled = true\npassword_file = \"none\"\n": {"oibus.toml", "proxy.password_file"},
		"port = = 1\n":                                        {"oibus.toml:1"},
	} {
		for _, name := range []string{"oibus", "oibus-launcher"} {
			if name == "oibus-launcher" && !strings.Contains(settings, "launcher") {
				continue // it reads its own table only, and starts an agent that says so again and again
			}
			dir := t.TempDir()
			file(t, dir, "oibus.toml", settings)
			code, out, errs := program(t, name, "--config", dir)
			if code != handshake.ExitBadSettings {
				t.Errorf("%s with %q ended with %d", name, settings, code)
			}
			says(t, name, out+errs, want...)
		}
	}
}

func TestAMissingDataFolderIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	for _, name := range []string{"oibus", "oibus-launcher"} {
		code, out, errs := program(t, name, "--config", missing)
		if code != handshake.ExitBadSettings {
			t.Errorf("%s ended with %d", name, code)
		}
		says(t, name, out+errs, missing)
	}
}

func TestNewerStateIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{})
	newer := `{"schema":99,"data":{"from":"the future"}}`
	path := file(t, filepath.Join(s.Dir, "state"), "scan-modes.json", newer)
	code, _, errs := program(t, "oibus", "--config", s.Dir)
	if code != handshake.ExitNewerState {
		t.Errorf("it ended with %d", code)
	}
	says(t, "it", errs, "newer version", "scan-modes.json")
	if text, err := os.ReadFile(path); err != nil || string(text) != newer {
		t.Errorf("the newer state was changed: %s, %v", text, err)
	}
}

func TestAFirstPasswordThatIsLostCanBeReset(t *testing.T) {
	t.Parallel()
	a := harness.Start(t, harness.Options{})
	if code := a.Stop(); code != 0 {
		t.Fatalf("it ended with %d", code)
	}
	path := filepath.Join(a.Dir, "secrets", "first-password.txt")
	for name, content := range map[string]string{"emptied": "", "garbage": "\x00\xff no login"} {
		file(t, a.Dir, filepath.Join("secrets", "first-password.txt"), content)
		a.Start()
		if code := a.Stop(); code != 0 {
			t.Errorf("%s: it ended with %d\n%s", name, code, a.Output())
		}
		if code, _, errs := program(t, "oibus", "--reset-password", "--config", a.Dir); code != 0 {
			t.Fatalf("%s: the reset ended with %d: %s", name, code, errs)
		}
		a.Login, a.Password, _ = strings.Cut(strings.TrimSpace(contentOf(t, path)), " ")
		a.Start()
		must(t, a.Client, "GET", "/api/engine", nil, nil)
		a.Stop()
	}
}
