package handshake

import (
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheReporterTellsItsLauncher(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	reporter := newReporter(w, blockedReader{t}, time.Second)
	t.Cleanup(reporter.tasks.Stop)
	received := make(chan Message, 4)
	go func() {
		d := NewDecoder(r)
		for range 4 {
			m, err := d.Next()
			if err != nil {
				return
			}
			received <- m
		}
	}()
	reporter.Ready("3.9.0")
	reporter.Heartbeat()
	reporter.Fatal("no disk")
	reporter.Stopping("restart")
	for _, want := range []Message{{Kind: Ready, Version: "3.9.0", PID: os.Getpid()}, {Kind: Heartbeat}, {Kind: Fatal, Reason: "no disk"}, {Kind: Stopping, Reason: "restart"}} {
		if got := <-received; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// blockedReader is a standard input that stays open until the test ends.
type blockedReader struct{ t *testing.T }

func (b blockedReader) Read([]byte) (int, error) {
	<-b.t.Context().Done()
	return 0, io.EOF
}

func TestALauncherThatDoesNotReadHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe() // nobody reads
		stdin, stdinWriter := io.Pipe()
		reporter := newReporter(w, stdin, time.Second)
		begin := time.Now()
		for range 1000 {
			reporter.Heartbeat()
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("heartbeats should not wait, they took %v", took)
		}
		reporter.Fatal("x")
		if took := time.Since(begin); took != flushLimit {
			t.Errorf("a last message should wait %v, it took %v", flushLimit, took)
		}
		reporter.tasks.Stop()
		_ = r.Close()
		_ = stdinWriter.Close()
	})
}

func TestALauncherThatIsGoneHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		_ = r.Close()
		reporter := newReporter(w, strings.NewReader("ignored"), time.Second)
		begin := time.Now()
		reporter.Ready("3.9.0")
		reporter.Stopping("the launcher is gone")
		if took := time.Since(begin); took != 0 {
			t.Errorf("nothing should wait for a launcher that is gone, it took %v", took)
		}
		<-reporter.StopRequested() // the end of the standard input
		reporter.tasks.Stop()
	})
}

func TestAnAgentStartedAloneReportsToNobody(t *testing.T) {
	t.Setenv(Variable, "")
	r, err := FromEnvironment()
	if r != nil || err != nil {
		t.Fatalf("got %v, %v", r, err)
	}
	r.Ready("3.9.0")
	r.Heartbeat()
	r.Fatal("x")
	r.Stopping("x")
	if r.Interval() <= 0 {
		t.Error("the interval should be usable")
	}
	select {
	case <-r.StopRequested():
		t.Error("nobody asked to stop")
	default:
	}
}

func TestAWrongVariableIsAnErrorAndNotInherited(t *testing.T) {
	for _, number := range []string{"x", "0", "987654"} {
		t.Setenv(Variable, number)
		if _, err := FromEnvironment(); err == nil {
			t.Errorf("%q should be refused", number)
		}
		if left := os.Getenv(Variable); left != "" {
			t.Errorf("the variable should be gone, got %q", left)
		}
	}
}
