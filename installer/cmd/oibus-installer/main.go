// Command oibus-installer is for the person at the machine, and for scripts. It promises nothing of its own: what it
// does is in package installer.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"oibus/installer"
	"oibus/platform"
)

func main() {
	undisturbed()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := installer.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// undisturbed lets what is begun go on to its end when the terminal is gone, such as that of a connection which was lost,
// or when nobody reads what is printed any more: in the middle there may be no OIBus that runs.
func undisturbed() {
	signal.Ignore(syscall.SIGHUP)
	platform.SurviveBrokenOutput()
}
