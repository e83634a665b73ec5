package config

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"oibus/agent/entity"
)

// Pin is a setting that the file decides.
type Pin struct {
	Path string `json:"path"` // of the setting, as "webServer.port"
	Key  string `json:"key"`  // in the file, as "web.port"
	File string `json:"file"`
}

// Pins lists the pinned settings by path.
func (c *Config) Pins() []Pin {
	pins := make([]Pin, 0, len(c.paths))
	for path, key := range c.paths {
		pins = append(pins, Pin{Path: path, Key: key, File: c.File})
	}
	sort.Slice(pins, func(i, j int) bool { return pins[i].Path < pins[j].Path })
	return pins
}

// Pinned says where the setting at path is decided, when the file decides it.
func (c *Config) Pinned(path string) (Pin, bool) {
	key, ok := c.paths[path]
	return Pin{Path: path, Key: key, File: c.File}, ok
}

// PinError is the error of changing a pinned setting, nil for one that is not pinned.
func (c *Config) PinError(path string) error {
	if pin, ok := c.Pinned(path); ok {
		return &entity.PinnedError{Key: pin.Key, File: pin.File}
	}
	return nil
}

// PinnedValues returns the values that the file decides, by path: those of the engine settings, or, with the prefix
// "registration.", those of the registration. A key that names a file with a secret gives the secret.
func (c *Config) PinnedValues(prefix string) (map[string]any, error) {
	values := map[string]any{}
	for path, key := range c.paths {
		if strings.HasPrefix(path, registrationPath) != (prefix == registrationPath) {
			continue
		}
		value := c.values[key]
		if strings.HasSuffix(key, "_file") {
			secret, err := c.secretFile(key)
			if err != nil {
				return nil, err
			}
			value = secret
		}
		values[strings.TrimPrefix(path, prefix)] = value
	}
	return values, nil
}

// secretFile reads the file that key names, relative to the settings file, without the white space around.
func (c *Config) secretFile(key string) (string, error) {
	path := c.String(key)
	if path == "" {
		return "", nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(c.File), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", &Error{File: c.File, Text: fmt.Sprintf("%q: %v", key, err)}
	}
	return strings.TrimSpace(string(data)), nil
}
