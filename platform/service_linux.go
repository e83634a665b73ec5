package platform

import (
	"os"
	"os/signal"
	"syscall"
)

// RunService starts the program, stops it on SIGTERM or SIGINT, and returns its exit code. Under systemd nothing else
// is needed: what the program prints goes to the journal, so that there is no manager to report to.
func RunService(_ string, _ bool, start func(manager *ServiceManager) Running) int {
	SurviveBrokenOutput()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	return waitForEnd(start(nil), signals)
}

// SurviveBrokenOutput makes a write to a standard output or error that nobody reads any more fail, instead of ending
// this process by a signal: a console or a parent that is gone is no reason to stop at once.
func SurviveBrokenOutput() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
