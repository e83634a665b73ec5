package platform

import (
	"testing"

	"golang.org/x/sys/windows/svc"
)

func TestTheServiceManagerIsAnsweredUntilTheProgramHasStopped(t *testing.T) {
	t.Parallel()
	ended, stopped := make(chan int, 1), make(chan struct{}, 1)
	h := &serviceHandler{name: "oibus-test", start: func(m *ServiceManager) Running {
		m.Warn("a test of the event log")
		return Running{Ended: ended, Stop: func() { stopped <- struct{}{} }}
	}}
	requests, status := make(chan svc.ChangeRequest), make(chan svc.Status, 10)
	type result struct {
		specific bool
		code     uint32
	}
	results := make(chan result, 1)
	go func() {
		specific, code := h.Execute(nil, requests, status)
		results <- result{specific, code}
	}()
	if s := <-status; s.State != svc.Running || s.Accepts&svc.AcceptStop == 0 {
		t.Errorf("it should run, got %+v", s)
	}
	requests <- svc.ChangeRequest{Cmd: svc.Interrogate}
	if s := <-status; s.State != svc.Running {
		t.Errorf("it should still run, got %+v", s)
	}
	requests <- svc.ChangeRequest{Cmd: svc.Stop}
	if s := <-status; s.State != svc.StopPending || s.WaitHint == 0 {
		t.Errorf("it should stop and ask for time, got %+v", s)
	}
	<-stopped
	ended <- 0
	if r := <-results; r.specific || r.code != 0 {
		t.Errorf("it should have ended well, got %+v", r)
	}
}

func TestAServiceThatFailsByItselfReportsItsCode(t *testing.T) {
	t.Parallel()
	ended := make(chan int, 1)
	ended <- 3
	h := &serviceHandler{name: "oibus-test", start: func(*ServiceManager) Running { return Running{Ended: ended, Stop: func() {}} }}
	specific, code := h.Execute(nil, nil, make(chan svc.Status, 10))
	if !specific || code != 3 || h.code != 3 {
		t.Errorf("got %v, %d, %d", specific, code, h.code)
	}
}

func TestAProgramAtAConsoleRunsAlthoughItWasToldToBeAService(t *testing.T) {
	ended := make(chan int, 1)
	ended <- 4
	code := RunService("oibus-test", true, func(m *ServiceManager) Running {
		if m != nil {
			t.Error("there is no service manager")
		}
		return Running{Ended: ended, Stop: func() {}}
	})
	if code != 4 {
		t.Errorf("got code %d", code)
	}
}
