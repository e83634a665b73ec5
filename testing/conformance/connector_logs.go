package conformance

import (
	"context"
	"errors"
	"fmt"

	"oibus/testing/harness"
)

// connectorLogs is the recording of what connectors log.
const connectorLogs = "logs-connectors"

// loggingSouth is like the South that was made in it.
const loggingSouth = "FSLOG"

// playConnectorLogs makes the agent forward its logs while a South reads files for a North.
func (p *Plant) playConnectorLogs() comparison {
	var settings struct {
		Command map[string]any `json:"loggerCommand"`
	}
	var recorded struct {
		Exchanges []Exchange `json:"exchanges"`
	}
	if err := errors.Join(loadJSON(p.folder, "logs", &settings), loadJSON(p.folder, connectorLogs, &recorded), p.closeWindow()); err != nil {
		return failed(err)
	}
	oia, _ := settings.Command["logParameters"].(map[string]any)["oia"].(map[string]any)
	if oia == nil {
		return failed(fmt.Errorf("logs.json does not say how logs are forwarded"))
	}
	oia["level"] = "trace"
	if err := p.bringNorths("create-south-dialect-N-group", "FW"); err != nil {
		return failed(err)
	}
	if err := p.step(forwarding(settings.Command)); err != nil {
		return failed(err)
	}
	south, err := p.scanning()
	if err == nil {
		err = p.between(south)
	}
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	if !harness.UntilDone(ctx, func() bool { return logged(p.logs(), "SOUTH") && logged(p.logs(), "NORTH") }) {
		return failed(fmt.Errorf("no logs of connectors came"))
	}
	return func() ([]Difference, error) {
		n := &Normaliser{}
		return Compare(n.Normalise(logsView(recorded.Exchanges)), n.Normalise(logsView(p.logs()))), nil
	}
}

// scanning makes a South that reads the folder of the recordings every second.
func (p *Plant) scanning() (map[string]any, error) {
	r, err := LoadRecording(p.folder, "create-south")
	if err != nil {
		return nil, err
	}
	command := clone(r.Commands[0]).(map[string]any)
	delete(command, "id")
	content := command["commandContent"].(map[string]any)
	content["name"] = loggingSouth
	for _, i := range content["items"].([]any) {
		i.(map[string]any)["scanModeId"] = p.find("scanModes Every second")
	}
	return command, nil
}

// logged tells whether the logs have an entry of a kind of object.
func logged(sent []Exchange, scope string) bool {
	for _, e := range sent {
		list, _ := e.Body.([]any)
		for _, entry := range list {
			o, _ := entry.(map[string]any)
			if textAt(o, "scopeType") == scope {
				return true
			}
		}
	}
	return false
}
