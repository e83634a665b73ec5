package platform

import "errors"

// ErrNoService says that there is no service of that name.
var ErrNoService = errors.New("there is no such service")

// ServiceState is how a system service is.
type ServiceState string

// The states.
const (
	ServiceAbsent   ServiceState = "absent"
	ServiceStopped  ServiceState = "stopped"
	ServiceStarting ServiceState = "starting"
	ServiceRunning  ServiceState = "running"
	ServiceStopping ServiceState = "stopping"
	ServiceFailed   ServiceState = "failed" // it ended by itself and is not started again
)

// StartType is what starts a service.
type StartType string

// The types.
const (
	StartAutomatic StartType = "automatic" // the machine
	StartManual    StartType = "manual"    // a person, or another service
	StartDisabled  StartType = "disabled"  // nobody can, where a system knows that
)

// ServiceStart is how a service starts: what must be known to give that back to one that was disabled.
type ServiceStart struct {
	Type StartType `json:"type,omitempty"`
	Link string    `json:"link,omitempty"` // what its unit file is a link to, where it is one
}

// ServiceStatus is what the service manager says of a service.
type ServiceStatus struct {
	State    ServiceState `json:"state"`
	AtBoot   bool         `json:"atBoot"`             // it starts with the machine
	PID      int          `json:"pid,omitempty"`      //
	Restarts int          `json:"restarts,omitempty"` // by the manager, since somebody started it
	Detail   string       `json:"detail,omitempty"`   // in the words of the manager
}

// ServiceSpec is a service to be registered.
type ServiceSpec struct {
	Name        string
	DisplayName string // where the system shows one
	Description string
	Program     string
	Args        []string
	Unit        string // text of the unit file, where there is one
}

// Folders are where things of a service belong on this system.
type Folders struct {
	Programs  string // programs that no package of the system has installed
	Data      string // of the instance without a name
	Instances string // folder or beginning of the data folders of the others
	Settings  string // folder of the settings files; "" puts each into its data folder
	Links     string // folder of what a person types on this machine; "" where there is none
	Registry  string // folder of the list of instances, writable for administrators only
	Lock      string // file that one process at a time holds that changes services
	Service   string // name of the service of the instance without a name
	Unfit     string // characters that a path in the definition of a service cannot have
}
