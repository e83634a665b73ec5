package installer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"oibus/platform"
)

// phase is where a switch from another OIBus is. It is written down before what it names is done, and each can be done
// again:
//
//	stopping → importing → turning → trial → done → going-back → (no record)
//	    └──────────┴───────────┴───────┴──→ undoing → (no record)
//
// Until turning, the other OIBus is the one that starts with the machine: when the power fails, the site runs as before.
// From then on it is ours, which has everything by then. So the site is at no moment without one.
type phase string

const (
	stopping  phase = "stopping"   // the other OIBus
	importing phase = "importing"  // its site, into ours
	turning   phase = "turning"    // which of the two starts with the machine
	trial     phase = "trial"      // ours runs, and has to serve and to reach OIAnalytics
	done      phase = "done"       // for good, until somebody goes back
	undoing   phase = "undoing"    // something failed, everything becomes as it was
	goingBack phase = "going-back" // somebody wants the other OIBus again
)

// oldService is the service of the other OIBus, as it was.
type oldService struct {
	Name    string                `json:"name"`
	AtBoot  bool                  `json:"atBoot"`
	Running bool                  `json:"running"`
	Start   platform.ServiceStart `json:"start"`
}

// start is how it is to start again. One that is to run must not be disabled; a record of an earlier version does not say
// more than AtBoot.
func (o oldService) start() platform.ServiceStart {
	start := o.Start
	switch {
	case o.AtBoot:
		start.Type = platform.StartAutomatic
	case start.Type == "" || start.Type == platform.StartDisabled && o.Running:
		start.Type = platform.StartManual
	}
	return start
}

// switchRecord is what must be known to go on with a switch, or to reverse it, weeks later.
type switchRecord struct {
	Level   int        `json:"level"`
	Phase   phase      `json:"phase"`
	From    string     `json:"from"` // data folder of the other OIBus
	Version string     `json:"version"`
	Old     oldService `json:"old"`
	Ours    instance   `json:"ours"`
	Known   bool       `json:"known"` // ours was an instance of this machine before
	WasOn   bool       `json:"wasOn"` // and ran
	// OursStart is how it then started: it is disabled while the site moves.
	OursStart platform.ServiceStart `json:"oursStart"`
	Programs  bool                  `json:"programs"`        // they were there before
	Port      int                   `json:"port,omitempty"`  // to write into the settings file
	Replace   bool                  `json:"replace"`         // the configuration of ours
	Cloud     string                `json:"cloud,omitempty"` // OIAnalytics with which the site is registered
	Tried     bool                  `json:"tried"`           // ours may have run with the site
	NoData    bool                  `json:"noData"`          // the data folder of ours was not there, or empty
	HadFolder bool                  `json:"hadFolder"`       // it was there, and empty
	// The settings file is kept before it is changed, once; HadSettings says whether there was one.
	SettingsKept bool      `json:"settingsKept"`
	HadSettings  bool      `json:"hadSettings"`
	Reason       string    `json:"reason,omitempty"`
	At           time.Time `json:"at"`
}

const switchLevel = 1

// key names the import that belongs to the switch.
func (r *switchRecord) key() string { return "switch " + r.At.Format(time.RFC3339Nano) }

// sharesName says whether both services have one name.
func (r *switchRecord) sharesName() bool { return samePath(r.Old.Name, r.Ours.Service) }

// switchPath is the record of the switch of an instance.
func switchPath(m machine, name string) string {
	file := "switch.json"
	if name != "" {
		file = "switch-" + name + ".json"
	}
	return filepath.Join(m.Folders().Registry, file)
}

// readSwitch reads the record, nil when there is none.
func readSwitch(m machine, name string) (*switchRecord, error) {
	path := switchPath(m, name)
	text, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var r *switchRecord
	if err == nil {
		r, err = decodeSwitch(text)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the record of the switch %s: %w", path, forbidden(m, err))
	}
	return r, nil
}

func decodeSwitch(text []byte) (*switchRecord, error) {
	var r switchRecord
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	switch {
	case r.Level != switchLevel:
		return nil, fmt.Errorf("its level is %d, this program knows %d: use the oibus-installer of the newer version", r.Level, switchLevel)
	case r.From == "" || r.Old.Name == "" || r.Ours.Data == "" || r.Ours.Service == "" || r.Ours.Programs == "" || r.At.IsZero():
		return nil, errors.New("it is not complete")
	case r.Ours.Name != "" && !instanceName.MatchString(r.Ours.Name):
		return nil, fmt.Errorf("the name %q is none of an instance", r.Ours.Name)
	}
	switch r.Phase {
	case stopping, importing, turning, trial, done, undoing, goingBack:
		return &r, nil
	}
	return nil, fmt.Errorf("the phase %q is not known", r.Phase)
}

// enter writes down what is about to be done.
func (r *switchRecord) enter(m machine, p phase) error {
	r.Level, r.Phase = switchLevel, p
	text, err := json.MarshalIndent(r, "", "  ")
	path := switchPath(m, r.Ours.Name)
	if err == nil {
		err = m.ProtectFolder(filepath.Dir(path))
	}
	if err == nil {
		err = platform.WriteFile(path, append(text, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot write the record of the switch: %w", err)
	}
	return nil
}

// forget removes the record of what is over.
func (r *switchRecord) forget(m machine) error {
	path := switchPath(m, r.Ours.Name)
	if err := removeIfThere(path); err != nil {
		return fmt.Errorf("cannot remove the record of the switch: %w", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return platform.SyncDir(filepath.Dir(path))
}
