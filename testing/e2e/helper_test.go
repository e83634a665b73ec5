package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

func TestMain(m *testing.M) { site.Main(m) }

// patience bounds one step; it is generous because machines are shared.
const patience = 3 * time.Minute

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// must makes a request that has to succeed.
func must(t *testing.T, c *harness.Client, method, path string, body, result any) {
	t.Helper()
	if err := c.JSON(limited(t), method, path, body, result); err != nil {
		t.Fatal(err)
	}
}

// completes has one command executed and checks its result.
func completes(t *testing.T, s *site.Site, result string, command map[string]any) {
	t.Helper()
	end := s.Ended(limited(t), s.Queue(command)...)[0]
	if end.Status != cloudsim.CommandCompleted || text(end.Result) != result {
		t.Fatalf("%s ended %s: %s\n%s", end.Type, end.Status, text(end.Result), s.Output())
	}
}

// errored has one command refused and returns why.
func errored(t *testing.T, s *site.Site, command map[string]any) string {
	t.Helper()
	end := s.Ended(limited(t), s.Queue(command)...)[0]
	if end.Status != cloudsim.CommandErrored {
		t.Fatalf("%s ended %s: %s", end.Type, end.Status, text(end.Result))
	}
	return text(end.Result)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func command(typ string, content any) map[string]any {
	return map[string]any{"type": typ, "commandContent": content}
}

func scanMode(name string) map[string]any {
	return map[string]any{"name": name, "description": "", "cron": "0 0 * * * *"}
}

// program runs a program to its end.
func program(t *testing.T, name string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(limited(t), harness.Program(t, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// file writes a file below a folder.
func file(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// says checks that a text holds each of parts.
func says(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s does not say %q: %s", what, p, text)
		}
	}
}

// journal is the log on disk.
func journal(t *testing.T, dir string) string {
	t.Helper()
	return contentOf(t, filepath.Join(dir, "logs", "journal.jsonl"))
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
