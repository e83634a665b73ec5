package platform

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// stopHint is how long the service manager is asked to wait, again and again while the program stops.
const stopHint = 10 * time.Second

// RunService starts the program, stops it when it is told to, and returns its exit code. Under the Windows service
// manager the control codes stop, shutdown and preshutdown tell it, at a console Ctrl-C or the closing of the window.
// With asService the manager itself is asked whether it started this process, since the usual test looks at the
// session of the parent process, which differs under Wine.
func RunService(name string, asService bool, start func(manager *ServiceManager) Running) int {
	if asService || !service.Interactive() {
		h := &serviceHandler{name: name, start: start}
		err := svc.Run(name, h)
		if err == nil {
			return h.code
		}
		if !errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
			fmt.Fprintf(os.Stderr, "cannot run as a service: %v\n", err)
			return 1
		}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	return waitForEnd(start(nil), signals)
}

// SurviveBrokenOutput has nothing to do on Windows, where such a write just fails.
func SurviveBrokenOutput() {}

// serviceHandler answers the service manager while the program runs. It is not the one of the service library because
// that gives no wait hint while stopping and cannot report a program that ends by itself.
type serviceHandler struct {
	name  string
	start func(manager *ServiceManager) Running
	code  int
}

// Execute implements svc.Handler.
func (h *serviceHandler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	program := h.start(eventLog(h.name))
	current := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown}
	status <- current
	ticker := time.NewTicker(stopHint / 2)
	defer ticker.Stop()
	for {
		select {
		case h.code = <-program.Ended:
			return h.code != 0, uint32(h.code)
		case r := <-requests:
			switch r.Cmd {
			case svc.Stop, svc.Shutdown, svc.PreShutdown:
				program.Stop()
				current = svc.Status{State: svc.StopPending, WaitHint: uint32(stopHint.Milliseconds())}
			}
			status <- current
		case <-ticker.C:
			if current.State == svc.StopPending {
				current.CheckPoint++
				status <- current
			}
		}
	}
}

// eventLog reports to the log that the Windows event viewer shows, or nowhere when there is none.
func eventLog(name string) *ServiceManager {
	nowhere := func(string) {}
	manager := &ServiceManager{Warn: nowhere, Error: nowhere}
	s, err := service.New(nil, &service.Config{Name: name})
	if err != nil {
		return manager
	}
	log, err := s.SystemLogger(nil)
	if err != nil {
		return manager
	}
	manager.Warn = func(text string) { _ = log.Warning(text) }
	manager.Error = func(text string) { _ = log.Error(text) }
	return manager
}
