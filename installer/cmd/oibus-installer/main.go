// Command oibus-installer is for the person at the machine, and for scripts. It promises nothing of its own: what it
// does is in package installer.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"oibus/installer"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := installer.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}
