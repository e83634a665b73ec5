package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"oibus/launcher/handshake"
)

// asProgram has the test binary be the program.
const asProgram = "OIBUS_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "1" {
		main()
	}
	os.Exit(m.Run())
}

func TestEachEndHasItsExitCodeAndItsText(t *testing.T) {
	t.Parallel()
	notes := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(notes, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args        []string
		code        int
		out, errors string
	}{
		{[]string{"--version"}, handshake.ExitStopped, "OIBus version: ", ""},
		{[]string{"--version", "--frobnicate"}, handshake.ExitStopped, "OIBus version: ", "frobnicate"},
		{[]string{"--help"}, handshake.ExitStopped, "--config FOLDER", ""},
		{[]string{"staus"}, handshake.ExitBadSettings, "", `"staus" means nothing`},
		{[]string{"--config"}, handshake.ExitBadSettings, "", "config"},
		{[]string{"--config", notes}, handshake.ExitBadSettings, "", "OIBus cannot run: wrong settings"},
		{[]string{"import"}, handshake.ExitBadSettings, "", "--from"},
		{[]string{"import", "--from", t.TempDir(), "--config", t.TempDir()}, handshake.ExitFailure, "", "Nothing was imported"},
	} {
		var out, errors bytes.Buffer
		command := exec.CommandContext(t.Context(), os.Args[0], c.args...)
		command.Env = append(os.Environ(), asProgram+"=1")
		command.Dir, command.Stdout, command.Stderr = t.TempDir(), &out, &errors
		_ = command.Run() // the code is looked at
		if code := command.ProcessState.ExitCode(); code != c.code || !strings.Contains(out.String(), c.out) || !strings.Contains(errors.String(), c.errors) {
			t.Errorf("oibus %q ended with %d, want %d; it said %q and %q", c.args, code, c.code, out.String(), errors.String())
		}
	}
}
