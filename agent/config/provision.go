package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// InitFile is the provisioning file of the reference, in the data folder. It holds a password: it is deleted as soon
// as that password is stored.
const InitFile = "oibus.init.json"

// Provision is what a first start should begin with; "" and 0 are not said. Name and port are used when there is no
// engine yet, the user is made when there is none of that name.
type Provision struct {
	EngineName    string
	AdminUsername string
	AdminPassword string
	Port          int
	FromFile      string   // the provisioning file it was read from, to be deleted
	Warnings      []string // what could not be used, and why
}

// LoadProvision reads oibus.init.json, or else the environment (protocol/control-plane.md, section 11.4). What cannot
// be used is a warning: the environment is read at each start, long after the files it names may have gone.
func LoadProvision(dataDir string, getenv func(string) string) Provision {
	path := filepath.Join(dataDir, InitFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return provisionFromEnvironment(getenv)
	}
	if err == nil {
		var p Provision
		if p, err = provisionFromFile(data); err == nil {
			p.FromFile = path
			return p
		}
	}
	p := provisionFromEnvironment(getenv)
	p.warn("cannot use %s, the environment is used instead: %v", path, err)
	return p
}

func (p *Provision) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// provisionFromFile ignores values of the wrong type, as the reference does.
func provisionFromFile(data []byte) (Provision, error) {
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		return Provision{}, fmt.Errorf("not a JSON object: %w", err)
	}
	text := func(key string) string {
		s, _ := values[key].(string)
		return s
	}
	p := Provision{EngineName: text("engineName"), AdminUsername: text("adminUsername"), AdminPassword: text("adminPassword")}
	if n, ok := values["port"].(float64); ok && n == float64(int(n)) {
		p.Port = validPort(int(n))
	}
	return p, nil
}

func validPort(n int) int {
	if n < 1 || n > 65535 {
		return 0
	}
	return n
}

func provisionFromEnvironment(getenv func(string) string) Provision {
	p := Provision{EngineName: getenv("ENGINE_NAME")}
	p.AdminUsername = p.fileOrVariable(getenv, "ADMIN_USERNAME")
	p.AdminPassword = p.fileOrVariable(getenv, "ADMIN_PASSWORD")
	if text := getenv("DEFAULT_PORT"); text != "" {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if p.Port = validPort(n); err != nil || p.Port == 0 {
			p.warn("the environment variable DEFAULT_PORT must be a port from 1 to 65535, it is %q", text)
		}
	}
	return p
}

// fileOrVariable prefers the file that <name>_FILE names.
func (p *Provision) fileOrVariable(getenv func(string) string, name string) string {
	path := getenv(name + "_FILE")
	if path == "" {
		return getenv(name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		p.warn("cannot read the file that the environment variable %s_FILE names: %v", name, err)
		return getenv(name)
	}
	return strings.TrimSpace(string(data))
}
