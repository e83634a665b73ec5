package launcher

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/handshake"
	"oibus/launcher/upgrade"
	"oibus/platform"
)

// onceLimit bounds the runs of the agent that only answer a question.
const onceLimit = time.Minute

// showVersion lets the agent print the versions. When it cannot, the launcher prints its own.
func showVersion(a arguments, stdout, stderr io.Writer) int {
	var out, errs bytes.Buffer
	code, err := runAgent(a.config, a.forAgent(platform.Version, "--version"), &out, &errs)
	// The console is all there is to report to.
	_ = errors.Join(forward(&out, stdoutPrefix, stdout), forward(&errs, stderrPrefix, stderr))
	if err != nil {
		fmt.Fprintf(stderr, "oibus-launcher: %v\n", err)
	}
	if code != handshake.ExitStopped {
		fmt.Fprintf(stdout, "Launcher version: %s\n", platform.Version)
	}
	return code
}

// resetPassword lets the agent reset the password of its first user and say so itself.
func resetPassword(a arguments, stdout, stderr io.Writer) int {
	code, err := runAgent(a.config, a.forAgent(platform.Version, "--reset-password"), stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "Failed to reset admin user: %v\n", err)
	}
	return code
}

// runAgent runs the agent to its end. The error says that it could not be run; that it failed is only in the code.
func runAgent(dataDir string, args []string, stdout, stderr io.Writer) (code int, err error) {
	path, err := agentPath()
	if err != nil {
		return handshake.ExitFailure, err
	}
	path = installedAgent(dataDir, path)
	ctx, cancel := context.WithTimeout(context.Background(), onceLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return handshake.ExitStopped, nil
	case ctx.Err() != nil:
		return handshake.ExitFailure, fmt.Errorf("the agent did not answer within %s", onceLimit)
	case errors.As(err, &ended) && ended.Exited():
		return ended.ExitCode(), nil
	default:
		return handshake.ExitFailure, fmt.Errorf("cannot run the agent: %w", err)
	}
}

// installedAgent is the program of the version that runs in a data folder, or the factory release's.
func installedAgent(dataDir, factory string) string {
	status, err := handover.ReadStatus(dataDir)
	if err != nil {
		return factory
	}
	return upgrade.Installed(dataDir, status.Upgrades.Running, factory)
}
