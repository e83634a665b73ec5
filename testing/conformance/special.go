package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"oibus/testing/cloudsim"
)

// comparison compares what was played, once everything is over.
type comparison func() ([]Difference, error)

func failed(err error) comparison { return func() ([]Difference, error) { return nil, err } }

// specials are the recordings that do not hold commands. Each plays its part of the sequence.
var specials = map[string]func(p *Player) comparison{
	"restart-boot-sequence": (*Player).playBoot,
	"logs":                  (*Player).playLogs,
	"bug-logger-reset-hang": (*Player).playLoggerResets,
}

// playBoot restarts the agent and looks at the order of what it sends first.
func (p *Player) playBoot() comparison {
	var recorded struct {
		Requests [][]any `json:"requests"`
	}
	if err := loadJSON(p.folder, "restart-boot-sequence", &recorded); err != nil {
		return failed(err)
	}
	if err := p.closeWindow(); err != nil {
		return failed(err)
	}
	if code := p.agent.Stop(); code != 0 {
		return failed(fmt.Errorf("the agent ended with code %d", code))
	}
	before := p.lastSeq()
	p.agent.Start()
	if !p.await("E8", before, 1) {
		return failed(fmt.Errorf("no history queries were sent after the start"))
	}
	if err := p.passPolls(1); err != nil {
		return failed(err)
	}
	var theirs, ours []any
	for _, r := range recorded.Requests {
		theirs = appendBoot(theirs, r[1:])
	}
	for _, r := range p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, After: before}) {
		ours = appendBoot(ours, []any{r.Method, r.Path, r.Query, float64(r.Status)})
	}
	return func() ([]Difference, error) { return Compare(theirs, ours), nil }
}

// appendBoot leaves out polls between the first one and the configurations: how many there are is a matter of time.
func appendBoot(list, request []any) []any {
	isPoll := request[0] == http.MethodGet
	switch n := len(list); {
	case n > 3, isPoll && n > 0 && n < 3:
		return list
	}
	return append(list, any(request))
}

// idlePolls take longer than the ten seconds between two batches of logs.
const idlePolls = 12

// playLogs makes the agent forward its logs and goes on: they are sent in batches, much later.
func (p *Player) playLogs() comparison {
	var recorded struct {
		Command   map[string]any `json:"loggerCommand"`
		Exchanges []Exchange     `json:"exchanges"`
	}
	var variants struct {
		Empty [][]any `json:"emptyBatches"`
	}
	if err := errors.Join(loadJSON(p.folder, "logs", &recorded), loadJSON(p.folder, "registration-variants", &variants)); err != nil {
		return failed(err)
	}
	for range variants.Empty {
		recorded.Exchanges = append(recorded.Exchanges, Exchange{Method: http.MethodPost, Path: recorded.Exchanges[0].Path,
			Headers: recorded.Exchanges[0].Headers, Body: []any{}})
	}
	if err := p.closeWindow(); err != nil {
		return failed(err)
	}
	err := p.step(forwarding(recorded.Command))
	if err == nil && p.dialect == R {
		err = p.passPolls(idlePolls) // nothing happens in more than one interval of the log forwarding
	}
	if err != nil {
		return failed(err)
	}
	return func() ([]Difference, error) {
		n := &Normaliser{}
		return Compare(n.Normalise(logsView(recorded.Exchanges)), n.Normalise(logsView(p.logs()))), nil
	}
}

// logs are the batches of logs that our agent sent.
func (p *Player) logs() (sent []Exchange) {
	for _, r := range p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, Endpoint: "E10"}) {
		sent = append(sent, exchangeOf(r))
	}
	return sent
}

// forwarding switches the forwarding of logs on with the recorded settings.
func forwarding(settings map[string]any) step {
	return step{"switch the forwarding of logs on", func(p *Player) error {
		path := "/api/engine/logger"
		if p.dialect == R {
			path = "/api/engine"
		}
		body, err := p.rewriter().Command(settings)
		if err != nil {
			return err
		}
		return p.agent.JSON(p.t.Context(), http.MethodPut, path, body, nil)
	}, configuration}
}

// logsView is the form of log entries, and of the requests that carry them: what an agent logs is its own affair.
func logsView(exchanges []Exchange) any {
	requests, entries := map[string]any{}, map[string]any{}
	ordered, empty := true, false
	last := ""
	for _, e := range exchanges {
		view := exchangeView(e)
		delete(view, "body")
		delete(view, "answer") // of the cloud: 200, 201 and 204 mean the same
		requests[shown(view["method"])+" "+e.Path] = view
		list, _ := e.Body.([]any)
		empty = empty || len(list) == 0
		for _, entry := range list {
			o, _ := entry.(map[string]any)
			at := textAt(o, "timestamp")
			ordered = ordered && at >= last
			last = at
			entries[logForm(o)] = true
		}
	}
	return map[string]any{"requests": requests, "entries": entries, "oldest first": ordered, "empty batches": empty}
}

var logLevels = []string{"TRACE", "DEBUG", "INFO", "WARN", "ERROR"}

// logForm says what an entry looks like, without what it says.
func logForm(entry map[string]any) string {
	var parts []string
	for _, key := range sortedKeys(entry) {
		value := entry[key]
		switch s, isText := value.(string); {
		case key == "level" && slices.Contains(logLevels, s):
			value = "a level"
		case key == "message" && isText && s != "":
			value = "a text"
		case key == "timestamp" && milliForm.MatchString(s):
			value = "an instant"
		case key == "scopeId" && idForm.MatchString(s):
			value = "an id"
		case key == "scopeName" && isText && s != "" && idForm.MatchString(textAt(entry, "scopeId")):
			value = "a name"
		}
		parts = append(parts, key+"="+shown(value))
	}
	return strings.Join(parts, " ")
}

// loggerResets is how many restarts of the loggers the reference survived before one hung it.
const loggerResets = 14

// playLoggerResets renames the engine again and again, which restarts the loggers each time.
func (p *Player) playLoggerResets() comparison {
	if err := p.closeWindow(); err != nil {
		return failed(err)
	}
	commands := make([]any, loggerResets)
	for i := range commands {
		commands[i] = p.rename(fmt.Sprintf("OIBus %d", i))
		mine, err := p.rewriter().Command(commands[i].(map[string]any))
		if err != nil {
			return failed(err)
		}
		commands[i] = mine
	}
	before := p.lastSeq()
	ids, err := p.sim.Queue(p.id, commands...)
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	ended, err := p.sim.WaitTerminal(ctx, ids...)
	if err != nil {
		return failed(err)
	}
	if !p.await("E7", before, 1) {
		return failed(fmt.Errorf("no configuration followed"))
	}
	completed := 0
	for _, c := range ended {
		if c.Status == cloudsim.CommandCompleted {
			completed++
		}
	}
	theirs, ours := map[string]any{"completed": float64(loggerResets - 1)}, map[string]any{"completed": float64(completed)}
	return func() ([]Difference, error) { return Compare(theirs, ours), nil }
}
