package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
)

// What a command of the mix does, which decides how its effect is judged.
const (
	creates  = "creates"  // an object of a name that no other command uses
	changes  = "changes"  // a value that many commands change in turn
	deletes  = "deletes"  // an object that was made for it
	restarts = "restarts" // the process
	refused  = "refused"  // it can only end in an error
)

// interrupted begins the result of a command that was running when the agent was killed: its effect is not known.
const interrupted = "OIBus stopped while this command was running"

// piece is one command of a mix.
type piece struct {
	id     string
	does   string
	kind   string // of object: scan-modes, ip-filters, engine, registration
	object string // name or id of the object
	value  string // that a change gives it
	body   map[string]any
	twice  bool // delivered again after it has ended
	cancel bool // cancelled at some moment
}

// mixer makes commands. Objects to be changed and deleted are made beforehand over the REST API.
type mixer struct {
	rng     *rand.Rand
	n       int
	targets map[string]string // kind → id of the object that is changed in turn
	victims map[string][]string
}

// newMixer makes the objects that total commands need.
func newMixer(ctx context.Context, t *testing.T, s *site.Site, rng *rand.Rand, total int) *mixer {
	t.Helper()
	m := &mixer{rng: rng, targets: map[string]string{}, victims: map[string][]string{}}
	create := func(kind string, body map[string]any) string {
		var made struct {
			ID string `json:"id"`
		}
		if err := s.JSON(ctx, "POST", "/api/"+kind, body, &made); err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	m.targets["scan-modes"] = create("scan-modes", scanMode("target", "before"))
	m.targets["ip-filters"] = create("ip-filters", ipFilter("10.9.9.9", "before"))
	for i := range total / 20 {
		m.victims["scan-modes"] = append(m.victims["scan-modes"], create("scan-modes", scanMode(fmt.Sprintf("victim %d", i), "")))
		m.victims["ip-filters"] = append(m.victims["ip-filters"], create("ip-filters", ipFilter(fmt.Sprintf("10.8.%d.%d", i/250, i%250), "")))
	}
	return m
}

func scanMode(name, description string) map[string]any {
	return map[string]any{"name": name, "description": description, "cron": "0 0 * * * *"}
}

func ipFilter(address, description string) map[string]any {
	return map[string]any{"address": address, "description": description}
}

// next makes one command. Of a hundred, one restarts the process.
func (m *mixer) next() piece {
	m.n++
	p := m.kind(m.rng.IntN(100))
	p.id = fmt.Sprintf("c-%04d", m.n)
	p.body["id"] = p.id
	if p.body["type"] == "create-scan-mode" || p.does == refused {
		p.twice = m.rng.IntN(4) == 0
	}
	if p.does != restarts {
		p.cancel = m.rng.IntN(15) == 0
	}
	return p
}

func (m *mixer) kind(roll int) piece {
	content := func(kind, typ string, body any) piece {
		return piece{kind: kind, body: map[string]any{"type": typ, "commandContent": body}}
	}
	switch {
	case roll < 30:
		p := content("scan-modes", "create-scan-mode", scanMode(fmt.Sprintf("made %d", m.n), ""))
		p.does, p.object = creates, fmt.Sprintf("made %d", m.n)
		return p
	case roll < 50:
		address := fmt.Sprintf("10.%d.%d.%d", 20+m.n/62500, m.n/250%250, m.n%250)
		p := content("ip-filters", "create-ip-filter", ipFilter(address, ""))
		p.does, p.object = creates, address
		return p
	case roll < 60:
		return m.change("scan-modes", "update-scan-mode", "scanModeId", func(v string) any { return scanMode("target", v) })
	case roll < 68:
		return m.change("ip-filters", "update-ip-filter", "ipFilterId", func(v string) any { return ipFilter("10.9.9.9", v) })
	case roll < 74:
		return m.change("engine", "update-engine-general", "", func(v string) any { return map[string]any{"name": v} })
	case roll < 79:
		interval := 1 + m.rng.IntN(5)
		p := content("registration", "update-registration-settings", map[string]any{"commandRefreshInterval": 1, "commandRetryInterval": 1, "messageRetryInterval": interval})
		p.does, p.object, p.value = changes, "registration", fmt.Sprint(interval)
		return p
	case roll < 83:
		return m.delete("scan-modes", "delete-scan-mode", "scanModeId")
	case roll < 87:
		return m.delete("ip-filters", "delete-ip-filter", "ipFilterId")
	case roll < 88:
		return piece{does: restarts, body: map[string]any{"type": "restart-engine"}}
	}
	p := piece{does: refused, body: malformed[m.rng.IntN(len(malformed))](m.n)}
	return p
}

func (m *mixer) change(kind, typ, key string, body func(value string) any) piece {
	p := piece{does: changes, kind: kind, object: m.targets[kind], value: fmt.Sprintf("value %d", m.n)}
	p.body = map[string]any{"type": typ, "commandContent": body(p.value)}
	if key != "" {
		p.body[key] = p.object
	} else {
		p.object = kind
	}
	return p
}

// delete takes the next victim, or creates when there is none left.
func (m *mixer) delete(kind, typ, key string) piece {
	victims := m.victims[kind]
	if len(victims) == 0 {
		return m.kind(0)
	}
	m.victims[kind] = victims[1:]
	return piece{does: deletes, kind: kind, object: victims[0], body: map[string]any{"type": typ, key: victims[0]}}
}

// malformed are commands that can only be refused.
var malformed = []func(n int) map[string]any{
	func(n int) map[string]any { return map[string]any{"type": fmt.Sprintf("make-coffee-%d", n)} },
	func(int) map[string]any { return map[string]any{"type": "create-scan-mode"} },
	func(int) map[string]any { return map[string]any{"type": "create-scan-mode", "commandContent": "text"} },
	func(int) map[string]any { return map[string]any{"type": "create-ip-filter", "commandContent": nil} },
	func(n int) map[string]any {
		return map[string]any{"type": "create-scan-mode", "commandContent": map[string]any{"name": fmt.Sprint("bad ", n), "description": "", "cron": "every day"}}
	},
	func(int) map[string]any {
		return map[string]any{"type": "update-scan-mode", "scanModeId": 7, "commandContent": scanMode("x", "")}
	},
	func(int) map[string]any { return map[string]any{"type": "delete-scan-mode", "scanModeId": "nobody"} },
	func(n int) map[string]any {
		return map[string]any{"type": "create-scan-mode", "targetVersion": "1.2.3", "commandContent": scanMode(fmt.Sprint("old ", n), "")}
	},
	func(int) map[string]any {
		return map[string]any{"type": "create-south", "commandContent": map[string]any{"name": "later"}}
	},
	func(int) map[string]any {
		return map[string]any{"type": "update-engine-general", "commandContent": map[string]any{"name": strings.Repeat("n", 10), "more": 1}}
	},
}

// terminal tells whether a status ends a command.
func terminal(status string) bool {
	return status == cloudsim.CommandCompleted || status == cloudsim.CommandErrored || status == cloudsim.CommandCancelled
}
