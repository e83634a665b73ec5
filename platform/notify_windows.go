package platform

import "time"

var managerVariables []string

// NotifyManager does nothing on Windows, where RunService answers the service manager.
func NotifyManager(string) error { return nil }

// ManagerWatchdog is 0 on Windows: its service manager has no watchdog.
func ManagerWatchdog() time.Duration { return 0 }
