package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// untouched checks that the process did not restart.
func untouched(t *testing.T, s *site.Site, pid int) {
	t.Helper()
	if now, err := s.AgentPID(limited(t)); err != nil || now != pid {
		t.Errorf("process %d became %d, %v", pid, now, err)
	}
}

func TestLogLevelsChangeWithoutARestart(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	pid := s.PID()
	marked := func(mark string) bool { return strings.Contains(journal(t, s.Dir), mark) }
	logger := site.Logger("info")
	logger["file"].(map[string]any)["level"], logger["database"].(map[string]any)["level"], logger["oia"].(map[string]any)["level"] = "error", "error", "silent"
	must(t, s.Client, "PUT", "/api/engine/logger", logger, nil)
	completes(t, s, "Scan mode created successfully", with(command("create-scan-mode", scanMode("unseen")), "id", "unseen-one"))
	logger["file"].(map[string]any)["level"] = "debug"
	logger["console"].(map[string]any)["level"] = "info"
	completes(t, s, "Engine logger settings updated successfully", command("update-engine-logger", without(logger, "loki", "password")))
	completes(t, s, "Scan mode created successfully", with(command("create-scan-mode", scanMode("seen")), "id", "seen-one"))
	harness.Until(t, patience, "the command is logged", func() bool { return marked("(seen-one)") })
	harness.Until(t, patience, "it is on the console too", func() bool { return strings.Contains(s.Output(), "(seen-one)") })
	if marked("(unseen-one)") {
		t.Error("a line of level info is in a journal of level error")
	}
	untouched(t, s, pid)
}

// with adds a key to a command.
func with(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

// without blanks a secret in clear, which keeps the one that is stored.
func without(m map[string]any, block, key string) map[string]any {
	m[block].(map[string]any)[key] = ""
	return m
}

// pagePort is where the port of the page stands in the stored settings.
var pagePort = regexp.MustCompile(`("webServer": \{\s*"port": )\d+`)

func TestThePageMovesToAnotherPortWithoutARestart(t *testing.T) {
	t.Parallel()
	s := site.New(t, site.Options{Options: harness.Options{UnpinnedPort: true}})
	// The port of the copy is that of its master: give it this one before the first start.
	engine := filepath.Join(s.Dir, "state", "engine.json")
	stored, err := os.ReadFile(engine)
	if err != nil {
		t.Fatal(err)
	}
	file(t, filepath.Dir(engine), "engine.json", pagePort.ReplaceAllString(string(stored), fmt.Sprintf("${1}%d", s.Port)))
	s.Start()
	pid := s.PID()
	moved := func(change func(port int)) {
		t.Helper()
		old, port := s.Port, harness.FreePort(t)
		change(port)
		s.MovedTo(port)
		harness.Until(t, patience, "the page answers on the new port", func() bool { return s.Answers(limited(t)) })
		harness.Until(t, patience, "the old port is free", func() bool {
			c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(old)))
			if err == nil {
				c.Close()
			}
			return err != nil
		})
	}
	moved(func(port int) {
		var answer struct {
			NeedsRedirect bool `json:"needsRedirect"`
			NewPort       int  `json:"newPort"`
		}
		must(t, s.Client, "PUT", "/api/engine/web-server", map[string]any{"port": port, "authTokenDuration": "7d"}, &answer)
		if !answer.NeedsRedirect || answer.NewPort != port {
			t.Errorf("the move is answered %+v", answer)
		}
	})
	moved(func(port int) {
		completes(t, s, "Engine web server settings updated successfully", command("update-engine-web-server", map[string]any{"port": port, "authTokenDuration": "1d"}))
	})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, busy, _ := net.SplitHostPort(taken.Addr().String())
	port, _ := strconv.Atoi(busy)
	says(t, "a busy port", errored(t, s, command("update-engine-web-server", map[string]any{"port": port, "authTokenDuration": "1d"})), busy)
	if !s.Answers(limited(t)) {
		t.Error("after a port that cannot be had, the page is gone")
	}
	untouched(t, s, pid)
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	s.Start() // on the port that was stored last
}

func TestWhatTheFilePinsNobodyElseChanges(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{Options: harness.Options{Settings: "[general]\nname = \"Pinned\"\n[log.console]\nlevel = \"error\"\n"}})
	settings := filepath.Join(s.Dir, "oibus.toml")
	says(t, "the command", errored(t, s, command("update-engine-general", map[string]any{"name": "Other"})), `"general.name"`, settings)
	says(t, "the command", errored(t, s, command("update-engine-web-server", map[string]any{"port": s.Port + 1, "authTokenDuration": "7d"})), `"web.port"`, settings)
	answer, err := s.Do(limited(t), "PUT", "/api/engine/name", map[string]any{"name": "Other"})
	if err != nil || answer.Status != 400 {
		t.Errorf("the REST API answers %d, %v", answer.Status, err)
	}
	says(t, "the REST API", string(answer.Body), "general.name", settings)
	logger := without(site.Logger("info"), "loki", "password")
	says(t, "the command", errored(t, s, command("update-engine-logger", logger)), `"log.console.level"`, settings)
	logger["console"] = map[string]any{"level": "error"}
	completes(t, s, "Engine logger settings updated successfully", command("update-engine-logger", logger))
	completes(t, s, "Engine name updated successfully", command("update-engine-general", map[string]any{"name": "Pinned"}))
	completes(t, s, "Engine web server settings updated successfully", command("update-engine-web-server", map[string]any{"port": s.Port, "authTokenDuration": "1h"}))
	latest, _, err := s.Sim.Configuration(s.ID, cloudsim.FullConfig)
	if err != nil {
		t.Fatal(err)
	}
	says(t, "the configuration", string(latest.Body), `"Pinned"`)
}

func TestIPFiltersApplyAtOnce(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{})
	elsewhere := from("127.0.0.2", nil)
	stranger := *s.Client
	stranger.HTTP = elsewhere
	answer, err := stranger.Do(limited(t), "GET", "/api/engine/info", nil)
	if err != nil || answer.Status != 401 || string(answer.Body) != "Access denied. IP ADDRESS 127.0.0.2 UNAUTHORIZED" {
		t.Errorf("a stranger is answered %d %s, %v", answer.Status, answer.Body, err)
	}
	completes(t, s, "IP Filter created successfully", command("create-ip-filter", map[string]any{"address": "127.0.0.*", "description": ""}))
	must(t, &stranger, "GET", "/api/engine/info", nil, nil)
}
