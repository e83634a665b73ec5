package winagent

import (
	"context"
	"time"

	"oibus/agent/connector/winagent"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/south"
)

const (
	// TestSuffix ends the names of connections for tests, so that a running connector keeps its own.
	TestSuffix = "-test"
	// testLookBack is the window of a test that names none.
	testLookBack = time.Hour
)

// Try connects and disconnects.
func Try(ctx context.Context, test *winagent.Session) error {
	defer test.Client.Close()
	if err := test.Client.Connect(ctx, test.Body, test.Limit); err != nil {
		return err
	}
	_ = test.Client.Disconnect(ctx) // nothing depends on it
	return nil
}

// During connects, runs f, disconnects, and notes how long that took.
func During(ctx context.Context, test *winagent.Session, result *south.TestResult, f func() error) error {
	defer test.Client.Close()
	start := time.Now()
	if err := test.Client.Connect(ctx, test.Body, test.Limit); err != nil {
		return err
	}
	defer func() { _ = test.Client.Disconnect(context.WithoutCancel(ctx)) }() // nothing depends on it
	result.Connection = time.Since(start)
	test.Assume()
	start = time.Now()
	err := f()
	result.Query = time.Since(start)
	return err
}

// Window is the window of a test.
func Window(t south.TestRequest, now time.Time) interval.Window {
	if t.Window != nil {
		return *t.Window
	}
	return interval.Window{Start: now.Add(-testLookBack), End: now}
}

// Milli is an instant as the agent reads it.
func Milli(t time.Time) string { return entity.Milli(t) }
