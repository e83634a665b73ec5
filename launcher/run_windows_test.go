package launcher

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"oibus/platform"
)

func TestTheWindowsServiceManagerStartsAndStopsTheLauncher(t *testing.T) {
	t.Parallel()
	manager, err := mgr.Connect()
	if err != nil {
		t.Skipf("the service manager cannot be reached: %v", err)
	}
	defer func() { _ = manager.Disconnect() }()
	s := newSite(t)
	path, err := platform.ExecutableNear(bin, "oibus-launcher")
	if err != nil {
		t.Fatal(err)
	}
	service, err := manager.CreateService(fmt.Sprintf("oibus-test-%d", os.Getpid()), path, mgr.Config{},
		"--service", "--fake=good", "--config", s.dir)
	if err != nil {
		t.Skipf("services cannot be created here: %v", err)
	}
	t.Cleanup(func() {
		if err := service.Delete(); err != nil {
			t.Errorf("the test service stays behind: %v", err)
		}
		_ = service.Close()
	})
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	s.awaitEvents("ready", 1)
	s.awaitState(service, svc.Running)
	if _, err := service.Control(svc.Stop); err != nil {
		t.Fatal(err)
	}
	s.awaitState(service, svc.Stopped)
	s.awaitEvents("stopped", 1)
	s.awaitFree("agent.lock")
}

func (s site) awaitState(service *mgr.Service, want svc.State) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("state %d of the service", want), func() bool {
		status, err := service.Query()
		if err != nil {
			s.t.Fatal(err)
		}
		return status.State == want
	})
}
