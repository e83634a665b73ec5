// Command oibus is the agent: it collects data, sends it on, and is managed by OIAnalytics. It promises one exit code
// a reason (package handshake) and a text on the standard error for each failure to start.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"oibus/agent"
	"oibus/agent/config"
	"oibus/agent/script"
	"oibus/agent/store"
	"oibus/agent/takeover"
	"oibus/launcher/handshake"
	"oibus/platform"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 && args[0] == agent.ScriptWorker {
		return script.Serve(os.Stdin, os.Stdout)
	}
	if len(args) > 0 && args[0] == takeover.Verb {
		return importSite(args[1:])
	}
	reporter, err := handshake.FromEnvironment()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return handshake.ExitFailure
	}
	code, err := start(args, reporter)
	if err != nil {
		fmt.Fprintln(os.Stderr, "OIBus cannot run:", err)
		reporter.Fatal(err.Error())
	}
	return code
}

func importSite(args []string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	err := takeover.Main(ctx, args, agent.Runs(), os.Stdout)
	if err == nil {
		return handshake.ExitStopped
	}
	fmt.Fprintln(os.Stderr, "Nothing was imported:", err)
	if errors.Is(err, takeover.ErrUsage) {
		return handshake.ExitBadSettings
	}
	return exitCode(err)
}

func start(args []string, reporter *handshake.Reporter) (int, error) {
	line, err := config.ParseArgs(args)
	if err != nil {
		return handshake.ExitBadSettings, err
	}
	if line.Help {
		fmt.Print(config.Usage)
		return handshake.ExitStopped, nil
	}
	for _, option := range line.Unknown {
		fmt.Fprintf(os.Stderr, "the argument %q means nothing to OIBus and is ignored\n", option)
	}
	if line.Version {
		fmt.Printf("OIBus version: %s\nLauncher version: %s\n", platform.Version, line.LauncherVersion)
		return handshake.ExitStopped, nil
	}
	if line.ResetPassword {
		if err := agent.ResetPassword(line, os.Stdout); err != nil {
			return exitCode(err), fmt.Errorf("cannot reset the password: %w", err)
		}
		return handshake.ExitStopped, nil
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	reason, err := agent.Run(ctx, line, reporter, os.Stdout)
	if err != nil {
		return exitCode(err), err
	}
	if reason == agent.Restart {
		return handshake.ExitRestart, nil
	}
	return handshake.ExitStopped, nil
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, config.ErrMistake), errors.Is(err, agent.ErrSettings):
		return handshake.ExitBadSettings
	case errors.Is(err, platform.ErrLocked):
		return handshake.ExitInUse
	case errors.Is(err, store.ErrNewerState):
		return handshake.ExitNewerState
	}
	return handshake.ExitFailure
}
