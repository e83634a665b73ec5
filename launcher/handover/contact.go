package handover

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

// contactName is a file of the running process, in the data folder itself: no backup holds it, and no rollback brings an old
// one back.
const contactName = "launcher.contact.json"

// Contact is how the agent got on with OIAnalytics since its start, as far as who installs it waits for: the first answer
// to a poll, and before that the first failure.
type Contact struct {
	Level int       `json:"level"`
	At    time.Time `json:"at,omitzero"`     // of the first poll that was answered, zero while there was none
	Error string    `json:"error,omitempty"` // of the first that was not, until one is
}

// WriteContact leaves it for the installer.
func WriteContact(dataDir string, c Contact) error {
	c.Level = level
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", contactName, err)
	}
	return platform.WriteFile(filepath.Join(dataDir, contactName), append(text, '\n'), filePerm)
}

// ReadContact returns it, false while the agent that runs has not polled yet.
func ReadContact(dataDir string) (c Contact, there bool, err error) {
	text, err := platform.ReadShared(filepath.Join(dataDir, contactName), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err == nil {
		c, err = decode[Contact](text)
	}
	if err != nil {
		return c, true, fmt.Errorf("cannot use %s: %w", contactName, err)
	}
	return c, true, nil
}

// RemoveContact forgets what an agent before this one has left.
func RemoveContact(dataDir string) error {
	if err := os.Remove(filepath.Join(dataDir, contactName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %s: %w", contactName, err)
	}
	return nil
}
