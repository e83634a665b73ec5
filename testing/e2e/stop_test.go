package e2e

import (
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// stopSignals are the ways in which a person or a service manager asks a program to stop.
var stopSignals = []string{"SIGINT", "SIGTERM"}

// stop asks the program to stop by a signal and returns its exit code.
func stop(t *testing.T, a *harness.Agent, name string) int {
	t.Helper()
	if name == "SIGINT" {
		return a.Stop()
	}
	p, err := os.FindProcess(a.PID())
	if err == nil {
		err = p.Signal(syscall.SIGTERM)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a.WaitExit(patience)
}

func TestTheLauncherStopsWithItsAgentAndAllItsPorts(t *testing.T) {
	t.Parallel()
	for _, name := range stopSignals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.Start(t, site.Options{Options: harness.Options{Launcher: true}})
			pid, err := s.AgentPID(limited(t))
			if err != nil {
				t.Fatal(err)
			}
			ids := s.Queue(command("create-scan-mode", scanMode("the last one")))
			s.Ended(limited(t), ids...)
			if code := stop(t, s.Agent, name); code != 0 {
				t.Errorf("the launcher ended with %d\n%s", code, s.Output())
			}
			if p, err := os.FindProcess(pid); err == nil && p.Signal(syscall.Signal(0)) == nil {
				t.Errorf("the agent, process %d, still runs", pid)
			}
			if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))); err == nil {
				c.Close()
				t.Error("the page still answers")
			}
			if end, err := s.Sim.Command(ids[0]); err != nil || end.Status != cloudsim.CommandCompleted {
				t.Errorf("the last command is %s, %v", end.Status, err)
			}
		})
	}
}
