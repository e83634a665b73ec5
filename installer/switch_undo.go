package installer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/platform"
)

// keptSettings is where the settings file is kept while a switch may be undone.
func keptSettings(i instance) string { return i.Settings + ".before-switch" }

// keepSettings keeps the settings file as it is, once.
func (s *switcher) keepSettings() error {
	if s.SettingsKept {
		return nil
	}
	text, err := readBounded(s.Ours.Settings)
	if s.HadSettings = err == nil; s.HadSettings {
		err = s.m.WriteSettings(keptSettings(s.Ours), text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot keep the settings: %w", err)
	}
	s.SettingsKept = true
	return s.enter(s.m, s.Phase)
}

// restoreSettings makes the settings file as it was before the switch, also when that has been done.
func (s *switcher) restoreSettings() error {
	switch {
	case !s.SettingsKept:
		return nil
	case !s.HadSettings:
		return removeIfThere(s.Ours.Settings)
	}
	text, err := readBounded(keptSettings(s.Ours))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = s.m.WriteSettings(s.Ours.Settings, text)
	}
	if err == nil {
		err = removeIfThere(keptSettings(s.Ours))
	}
	if err != nil {
		return fmt.Errorf("cannot put the settings back: %w", err)
	}
	return nil
}

// withdrawnPrefix begins the names of the folders in which an import that is taken back keeps what was collected.
const withdrawnPrefix = "withdrawn-"

// clearData removes what the switch has put where there was nothing, unless something is kept in it, which is returned.
func (s *switcher) clearData(kept string) (string, error) {
	if !s.NoData || kept != "" {
		return kept, nil
	}
	entries, err := os.ReadDir(s.Ours.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), withdrawnPrefix) { // of an attempt to undo that was interrupted
			return filepath.Join(s.Ours.Data, e.Name()), nil
		}
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.Ours.Data, e.Name())))
	}
	if err == nil && !s.HadFolder {
		err = removeIfThere(s.Ours.Data)
	}
	if err != nil {
		return "", fmt.Errorf("cannot remove what was put into the data folder: %w", err)
	}
	return "", nil
}

// withLastWords adds to an error why the agent ended last, when the launcher has written that down since the switch began.
func (s *switcher) withLastWords(err error) error {
	var journal struct {
		LastExit struct {
			Reason string    `json:"reason"`
			At     time.Time `json:"at"`
		} `json:"lastExit"`
	}
	read := s.m.AsOwner(platform.Existing(s.Ours.Data), func() error {
		text, err := readBounded(filepath.Join(s.Ours.Data, "launcher.json"))
		if err == nil {
			err = json.Unmarshal(text, &journal)
		}
		return err
	})
	if read != nil || journal.LastExit.Reason == "" || journal.LastExit.At.Before(s.At) {
		return err // what is not there need not be said
	}
	return fmt.Errorf("%w; OIBus ended with: %s", err, journal.LastExit.Reason)
}

// leftContents counts what an OIBus has not sent.
type leftContents struct {
	Waiting int `json:"waiting"`
	InError int `json:"inError"`
}

// waitingIn asks the agent for what is in the caches of an instance that does not run, nil when that cannot be told.
func waitingIn(ctx context.Context, m machine, i instance) *leftContents {
	program, err := agentProgram(i.Programs)
	if err != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(i.Data, "state")); err != nil {
		return nil
	}
	out, err := m.Import(ctx, i.Data, program, "import", "--waiting", "--json", "--config", i.Data)
	var l leftContents
	if err != nil || json.Unmarshal([]byte(out), &l) != nil {
		return nil
	}
	return &l
}
