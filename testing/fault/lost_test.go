package fault

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestAnAgentStartsWhenBothGenerationsAreLost(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]loss{
		"engine":                         {files: []string{"state/engine.json*"}},
		"registration":                   {files: []string{"state/registration.json*"}},
		"users":                          {files: []string{"state/users.json*"}, users: true},
		"scan-modes":                     {files: []string{"state/scan-modes.json*"}},
		"data.key":                       {files: []string{"secrets/data.key*"}},
		"registration.json and all else": {files: []string{"state/*.json", "state/*.previous", "state/*.log", "secrets/*", "logs/*", "certs/*"}, users: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told, _, _ := strings.Cut(name, " ")
			l.bear(t, told)
		})
	}
}

// loss is what becomes garbage, by pattern, and whether the users are among it.
type loss struct {
	files []string
	users bool
}

// bear lets a site start after the loss, and has a person bring it back: with the password that is left, or the new
// one that was made, the page works, and the agent can be registered again. told is what the agent must speak of.
func (l loss) bear(t *testing.T, told string) {
	rng := dice(t)
	s := site.New(t, site.Options{})
	for _, pattern := range l.files {
		files, err := filepath.Glob(filepath.Join(s.Dir, filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s are %d files, error %v", pattern, len(files), err)
		}
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, garbage(rng, make([]byte, info.Size())), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Start()
	if l.users {
		useFirstPassword(t, s)
	}
	tells(t, s, told)
	ctx, cancel := context.WithTimeout(t.Context(), recoversWithin)
	defer cancel()
	code, err := s.RequestRegistration(ctx, harness.RegistrationForm(s.Sim.URL()))
	if err != nil || len(code) != 6 {
		t.Errorf("it cannot be registered again: code %q, %v", code, err)
	}
	if err := s.JSON(ctx, "POST", "/api/scan-modes", scanMode("after the loss", ""), nil); err != nil {
		t.Error(err)
	}
	keepsSecrets(t, s)
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d\n%s", code, s.Output())
	}
	s.Start()
	state, err := overview(ctx, s.Client)
	if err != nil || len(state.Incidents) > 0 {
		t.Errorf("the next start finds %+v, %v", state.Incidents, err)
	}
}

// useFirstPassword signs in as a person does who finds that there are no users left.
func useFirstPassword(t *testing.T, s *site.Site) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "secrets", "first-password.txt"))
	if err != nil {
		t.Fatalf("nobody can sign in any more: %v\n%s", err, s.Output())
	}
	s.Login, s.Password, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
}
