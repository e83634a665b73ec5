//go:build !windows

package main

import (
	"context"
	"os/signal"
	"syscall"
)

// live serves until systemd ends it, with the signal that it uses for all: that of the reference is the same.
func live(args []string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	return serve(ctx, dataOf(args))
}
