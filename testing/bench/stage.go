package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/cloudsim"
)

// stage is where one group is measured. To the harness, which runs programs for tests, it is a test: what is started
// on it ends with it, and a failure ends it.
type stage struct {
	testing.TB // for the methods that the harness does not call

	name     string
	dir      string
	limits   measure.Limits
	context  context.Context
	cleanups []func()
}

// ended is what a failure panics with.
type ended struct{ err error }

// play runs f on a stage of its own.
func play(ctx context.Context, name, dir string, limits measure.Limits, f func(*stage) []measure.Row) (rows []measure.Row, err error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &stage{name: name, dir: dir, limits: limits, context: ctx}
	defer func() {
		cancel()
		for _, clean := range slices.Backward(s.cleanups) {
			clean()
		}
		switch e := recover().(type) {
		case nil:
		case ended:
			err = e.err
		default:
			panic(e)
		}
	}()
	return f(s), nil
}

func (s *stage) Helper()                       {}
func (s *stage) Name() string                  { return s.name }
func (s *stage) Context() context.Context      { return s.context }
func (s *stage) Cleanup(f func())              { s.cleanups = append(s.cleanups, f) }
func (s *stage) Fatal(args ...any)             { panic(ended{errors.New(fmt.Sprint(args...))}) }
func (s *stage) Fatalf(text string, a ...any)  { panic(ended{fmt.Errorf(text, a...)}) }
func (s *stage) Skipf(text string, a ...any)   { s.Fatalf(text, a...) }
func (s *stage) Errorf(text string, a ...any)  { s.Fatalf(text, a...) }
func (s *stage) Logf(text string, args ...any) { fmt.Fprintf(os.Stderr, text+"\n", args...) }

// TempDir is on the disk that is measured.
func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp(s.dir, s.name)
	s.must(err)
	s.Cleanup(func() { _ = os.RemoveAll(dir) }) // what is left goes with the folder around it
	return dir
}

// must ends the stage when something failed.
func (s *stage) must(err error) {
	if err != nil {
		panic(ended{err})
	}
}

// within gives a step a limit of its own.
func (s *stage) within(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.context, limit)
}

// pause waits, and ends the stage when the whole is interrupted.
func (s *stage) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.context.Done():
		s.must(s.context.Err())
	}
}

// simulator starts a simulator that ends with the stage.
func (s *stage) simulator(o cloudsim.Options) *cloudsim.Sim {
	sim, err := cloudsim.New(o)
	s.must(err)
	s.Cleanup(func() { _ = sim.Close() })
	_, err = sim.Start("127.0.0.1:0")
	s.must(err)
	return sim
}
