package command

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"

	"oibus/agent/entity"
)

// Commands of the engine (protocol/control-plane.md, sections 5.1, 5.2 and 12).

var errUpdateRefused = errors.New("OIBus is not set up to execute remote update")

// restartEngine succeeds by being reported: the process restarts after it (row.exits).
func restartEngine(context.Context, *Deps, Command) (string, error) { return "OIBus restarted", nil }

func settleRestart(*Deps, Command) (string, error) { return "OIBus restarted", nil }

func updateEngineGeneral(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		err = d.Engine.UpdateGeneral(author, body)
	}
	return "Engine name updated successfully", err
}

func updateEngineWebServer(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		err = d.Engine.UpdateWebServer(author, body)
	}
	return "Engine web server settings updated successfully", err
}

// exchangeBlock is the length of a secret that was encrypted for the exchange key.
const exchangeBlock = 512

var proxySecrets = [][]string{{"password"}, {"forward", "password"}}

// updateEngineProxy takes passwords as the cloud sends them, which may be in clear or encrypted: the reference does not
// decrypt them (W-37), so only what has the form of an encrypted secret is taken for one (section 13, Q-04).
func updateEngineProxy(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err != nil {
		return "", err
	}
	for _, path := range proxySecrets {
		body, err = replaceText(body, path, func(value string) (string, error) {
			if block, err := base64.StdEncoding.DecodeString(value); err != nil || len(block) != exchangeBlock {
				return value, nil
			}
			return d.Identity.Decrypt(value)
		})
		if err != nil {
			return "", err
		}
	}
	return "Engine proxy settings updated successfully", d.Engine.UpdateProxy(author, body)
}

func updateEngineLogger(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		body, err = replaceText(body, []string{"loki", "password"}, d.Identity.Decrypt)
	}
	if err == nil {
		err = d.Engine.UpdateLogger(author, body)
	}
	return "Engine logger settings updated successfully", err
}

// updateEngineSettings is the one command of dialect R for all four blocks. The secret comes first, so that what is
// wrong with it hides what is wrong with the form.
func updateEngineSettings(_ context.Context, d *Deps, c Command) (string, error) {
	body, err := c.body()
	if err == nil {
		err = mustHold(body, "logParameters", "loki")
	}
	if err == nil {
		body, err = replaceText(body, []string{"logParameters", "loki", "password"}, d.Identity.Decrypt)
	}
	if err == nil {
		err = d.Engine.UpdateEngineFlat(author, body)
	}
	return "Engine settings updated successfully", err
}

// mustHold says which of the nested objects of path is missing.
func mustHold(raw json.RawMessage, path ...string) error {
	at := ""
	for _, name := range path {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil // no object: the form says so
		}
		at = dotted(at, name)
		value, ok := object[name]
		if !ok || string(value) == "null" {
			return entity.Invalid("%q is required", at)
		}
		raw = value
	}
	return nil
}

func dotted(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
