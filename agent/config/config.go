// Package config reads what the person in charge of the machine decided: the file oibus.toml, the command line, and
// the provisioning of a first start. It promises that a mistake in the file stops the start with the file, line and
// key named, and that a key written there is pinned: whoever would change that setting elsewhere learns where it is
// decided. It guards against settings that are silently ignored.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"oibus/launcher/options"
)

// FileName is the name of the settings file in the data folder, where it is looked for unless the command line names
// another.
const FileName = "oibus.toml"

// maxFileSize bounds the settings file; a real one has a few kB.
const maxFileSize = 1 << 20

// Config is what oibus.toml says.
type Config struct {
	File      string // "" when there is none
	Announced string // version told to OIAnalytics
	Dialect   Dialect

	values map[string]any // of the keys in the file
	keys   map[string]Key
	paths  map[string]string // key in the file by the path that it pins
}

// Error is a mistake in the settings file.
type Error struct {
	File string
	Line int // 0 when it is not one line
	Text string
}

// Is makes every mistake in the file an ErrMistake.
func (e *Error) Is(target error) bool { return target == ErrMistake }

// ErrMistake says that the settings file is wrong: correct what the error names.
var ErrMistake = errors.New("mistake in the settings file")

// launcherError is a mistake in the table of the launcher, which words it itself.
type launcherError struct{ error }

func (launcherError) Is(target error) bool { return target == ErrMistake }

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Load reads the settings file: the one named, which must be there, or oibus.toml in the data folder, which may be
// missing.
func Load(named, dataDir string) (*Config, error) {
	path := named
	if path == "" {
		path = filepath.Join(dataDir, FileName)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && named == "" {
		return Parse("", nil)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the settings file: %w", err)
	}
	if info.Size() > maxFileSize {
		return nil, &Error{File: path, Text: fmt.Sprintf("the file has %d bytes, the limit is %d", info.Size(), maxFileSize)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the settings file: %w", err)
	}
	return Parse(path, data)
}

// Parse reads the text of a settings file.
func Parse(file string, data []byte) (*Config, error) {
	c := &Config{File: file, values: map[string]any{}, keys: map[string]Key{}, paths: map[string]string{}}
	for _, k := range Keys() {
		c.keys[k.Name] = k
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		return nil, parseError(file, err)
	}
	if _, err := options.Parse(file, data); err != nil {
		return nil, launcherError{err}
	}
	delete(tree, "launcher")
	if err := c.collect(tree, "", data); err != nil {
		return nil, err
	}
	if err := c.relations(data); err != nil {
		return nil, err
	}
	c.Announced, c.Dialect = announced(c.String("oianalytics.compatibility"), c.String("oianalytics.dialect"))
	return c, nil
}

func parseError(file string, err error) error {
	var p toml.ParseError
	if errors.As(err, &p) {
		return &Error{File: file, Line: p.Position.Line, Text: p.Message}
	}
	return &Error{File: file, Text: err.Error()}
}

// collect checks the keys of a table and of the tables in it.
func (c *Config) collect(table map[string]any, prefix string, data []byte) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(table)) {
		value, full := table[name], prefix+name
		key, known := c.keys[full]
		sub, isTable := value.(map[string]any)
		switch {
		case known:
			if text := key.check(value); text != "" {
				errs = append(errs, c.mistake(data, full, text))
				continue
			}
			c.values[full] = value
			if key.Path != "" {
				c.paths[key.Path] = full
			}
		case isTable && c.isTable(full):
			errs = append(errs, c.collect(sub, full+".", data))
		default:
			errs = append(errs, c.mistake(data, full, fmt.Sprintf("unknown key %q%s", full, c.suggestion(full))))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) isTable(name string) bool {
	for key := range c.keys {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func (c *Config) mistake(data []byte, key, text string) error {
	return &Error{File: c.File, Line: options.Line(data, strings.Split(key, ".")...), Text: text}
}

// relations checks what one key alone cannot show.
func (c *Config) relations(data []byte) error {
	if (c.String("web.tls_certificate") == "") != (c.String("web.tls_key") == "") {
		return c.mistake(data, "web", `"web.tls_certificate" and "web.tls_key" go together: set both or none`)
	}
	if c.has("web.port") && c.has("proxy.port") && c.Int("web.port") == c.Int("proxy.port") {
		return c.mistake(data, "proxy.port", `"proxy.port" must differ from "web.port"`)
	}
	return nil
}

func (c *Config) has(key string) bool {
	_, ok := c.values[key]
	return ok
}

// value is what the file says of key, or its default. An unknown key is a mistake of the program.
func (c *Config) value(key string) any {
	if v, ok := c.values[key]; ok {
		return v
	}
	k, ok := c.keys[key]
	if !ok {
		panic("config: no key " + key)
	}
	return k.Default
}

// String is the value of a key of type string.
func (c *Config) String(key string) string { return c.value(key).(string) }

// Int is the value of a key of type integer.
func (c *Config) Int(key string) int { return int(c.value(key).(int64)) }

// Bool is the value of a key of type boolean.
func (c *Config) Bool(key string) bool { return c.value(key).(bool) }

// Strings is the value of a key of type array of strings.
func (c *Config) Strings(key string) []string {
	items, ok := c.value(key).([]any)
	if !ok {
		return nil
	}
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i], _ = item.(string) // checked by the rule of the key
	}
	return texts
}
