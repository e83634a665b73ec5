package main

import (
	"context"
	"fmt"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
)

// live runs as a service, as NSSM does: its own command line says nothing, what to run stands in the registry.
func live([]string) error { return svc.Run("", handler{}) }

type handler struct{}

// Execute serves until the service manager ends it.
func (handler) Execute(args []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		data, err := parameters(args[0])
		if err == nil {
			err = serve(ctx, data)
		}
		ended <- err
	}()
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case err := <-ended:
			if err != nil {
				return true, 1
			}
			return false, 0
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending}
				cancel()
			}
		}
	}
}

// parameters are what NSSM keeps of a service.
func parameters(service string) (data string, err error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\`+service+`\Parameters`, registry.QUERY_VALUE)
	if err != nil {
		return "", fmt.Errorf("cannot read what to run: %w", err)
	}
	defer key.Close()
	text, _, err := key.GetStringValue("AppParameters")
	if err != nil {
		return "", err
	}
	words, err := windows.DecomposeCommandLine(text)
	return dataOf(words), err
}
