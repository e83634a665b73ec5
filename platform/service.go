package platform

import "os"

// ServiceManager is where a program that runs as a Windows service, without a console, reports what a person should
// know. It is nil for a program that has a console or whose output the manager keeps.
type ServiceManager struct {
	// Warn and Error write to the system's event log.
	Warn, Error func(text string)
}

// Running is a program that was started: Ended gives its exit code, once, and Stop asks it to end soon. Stop may be
// called more than once and does not wait.
type Running struct {
	Ended <-chan int
	Stop  func()
}

// waitForEnd is the life of a program at a console or under systemd.
func waitForEnd(program Running, signals <-chan os.Signal) int {
	for {
		select {
		case code := <-program.Ended:
			return code
		case <-signals:
			program.Stop()
		}
	}
}
