package fault

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// holding is what a site holds, by kind.
type holding map[string][]string

func healthySite(t *testing.T) (*site.Site, holding) {
	t.Helper()
	s := site.Start(t, site.Options{})
	h := holds(t, s)
	if code := s.Stop(); code != 0 {
		t.Fatalf("a healthy agent ended with %d\n%s", code, s.Output())
	}
	return s, h
}

func holds(t *testing.T, s *site.Site) holding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	h := holding{}
	read := func(path string, into any) {
		t.Helper()
		if err := s.JSON(ctx, "GET", path, nil, into); err != nil {
			t.Fatal(err)
		}
	}
	for kind, key := range map[string]string{"scan-modes": "name", "ip-filters": "address", "certificates": "name", "users": "login"} {
		var list []map[string]any
		var page struct{ Content []map[string]any }
		if kind == "users" {
			read("/api/users", &page)
			list = page.Content
		} else {
			read("/api/"+kind, &list)
		}
		for _, o := range list {
			h[kind] = append(h[kind], fmt.Sprint(o[key]))
		}
		slices.Sort(h[kind])
	}
	var commands struct{ Content []struct{ ID, Status string } }
	read("/api/oianalytics/commands/search?page=0", &commands)
	for _, c := range commands.Content {
		h["commands"] = append(h["commands"], c.ID+" "+c.Status)
	}
	slices.Sort(h["commands"])
	state, err := overview(ctx, s.Client)
	if err != nil {
		t.Fatal(err)
	}
	h["engine"] = []string{state.Info.ID, state.Info.Name}
	h["registration"] = []string{state.Registration.Status}
	return h
}

// compare tells what differs. Of the damaged kind, the latest change may be missing. A command whose end was in the part
// of the journal that is lost ends as interrupted: that it had ended is known nowhere else.
func (h holding) compare(t *testing.T, got holding, damaged string) {
	t.Helper()
	for kind, before := range h {
		now := got[kind]
		if slices.Equal(before, now) {
			continue
		}
		if kind != damaged || kind == "engine" || kind == "registration" {
			t.Errorf("%s were %q and are %q", kind, before, now)
			continue
		}
		for _, name := range now {
			id, status, isCommand := strings.Cut(name, " ")
			known := slices.Contains(before, name) || isCommand && status == cloudsim.CommandErrored && slices.Contains(before, id+" "+cloudsim.CommandCompleted)
			if !known {
				t.Errorf("of the %s, %q was not there before", kind, name)
			}
		}
		if kind != "commands" && len(before)-len(now) > 1 {
			t.Errorf("%s were %q and are only %q", kind, before, now)
		}
	}
}

// tellsWithin bounds the time until it is told: a key that is made anew takes seconds.
const tellsWithin = 10 * time.Second

// tells checks that the page or the log names the file.
func tells(t *testing.T, s *site.Site, file string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), tellsWithin)
	defer cancel()
	told := func() bool {
		state, err := overview(ctx, s.Client)
		if err != nil {
			return false
		}
		for _, i := range state.Incidents {
			if strings.Contains(i.File, file) {
				return true
			}
		}
		for _, text := range written(t, s.Dir) {
			if strings.Contains(text, file) {
				return true
			}
		}
		return false
	}
	if !harness.UntilDone(ctx, told) {
		t.Errorf("neither the page nor the log names %s", file)
	}
}

// written is the content of the journals of logs that are whole.
func written(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "logs", "journal*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil { // it may be rotated this moment
			texts = append(texts, string(text))
		}
	}
	return texts
}

// polls checks that the agent speaks with its cloud.
func polls(t *testing.T, s *site.Site) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	if _, err := s.Sim.WaitRequests(ctx, cloudsim.RequestFilter{Agent: s.ID, Endpoint: "E4"}, 1); err != nil {
		t.Errorf("it does not poll: %v\n%s", err, s.Output())
	}
}

// works checks that things can be changed, from the page and from the cloud.
func works(t *testing.T, s *site.Site) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/api/scan-modes", scanMode("after the damage", "")},
		{"PUT", "/api/engine/name", map[string]any{"name": "renamed"}},
		{"POST", "/api/ip-filters", ipFilter("10.3.3.3", "")},
	} {
		if err := s.JSON(ctx, call.method, call.path, call.body, nil); err != nil {
			t.Error(err)
		}
	}
	end := s.Ended(ctx, s.Queue(map[string]any{"type": "create-ip-filter", "commandContent": ipFilter("10.3.3.4", "")})...)[0]
	if end.Status != cloudsim.CommandCompleted {
		t.Errorf("a command ended %s: %s", end.Status, text(end.Result))
	}
}

// keepsSecrets checks that nothing that people and clouds are shown holds a secret.
func keepsSecrets(t *testing.T, s *site.Site) {
	t.Helper()
	shown := append(written(t, s.Dir), s.Output())
	for _, l := range s.Sim.Logs(cloudsim.LogFilter{}) {
		shown = append(shown, l.Message)
	}
	for _, c := range s.Sim.Configurations(cloudsim.ConfigurationFilter{}) {
		shown = append(shown, string(c.Body))
	}
	for _, secret := range s.Secrets() {
		for _, text := range shown {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("a secret is shown: …%s…", text[max(0, at-80):at])
			}
		}
	}
}
