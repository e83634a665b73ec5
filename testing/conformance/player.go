package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// Limits of what is waited for, generous because several agents share the machine.
const (
	commandLimit = 3 * time.Minute // from handing out a command to its end
	messageLimit = 2 * time.Minute // for a configuration that the recording has
)

// Ports in the recordings.
const (
	webPortN     = 2240
	webPortR     = 2340
	enabledProxy = 9340
	// of the registration variants, which were recorded with another installation
	webPortVariants, webPortVariantsR = 2260, 2360
)

// recordedClouds are where OIAnalytics was in the recordings.
var recordedClouds = []string{"http://127.0.0.1:4500", "http://127.0.0.1:4520", "http://127.0.0.1:4600", "http://127.0.0.1:4620"}

// Player plays scenarios one after the other against one agent, as they were recorded.
type Player struct {
	t        testing.TB
	dialect  Dialect // of the agent
	folder   string
	sim      *cloudsim.Sim
	agent    *harness.Agent
	id       string // of the agent at the simulator
	recorded map[string]string
	ports    map[float64]float64 // recorded → ours
	portUse  map[float64]string  // recorded → what it is for
	form     map[string]any      // of its registration
	rename   func(name string) map[string]any

	Tests bool              // connection tests are requests like others
	Texts map[string]string // parts of texts: recorded → ours
	Extra map[string]string // ids of ours that no configuration has, with names

	// View leaves out of what is compared what is not about the scenario, nil for nothing.
	View func(name string, view map[string]any) map[string]any

	Clouds []string                         // other addresses of OIAnalytics
	Asked  func(from, to uint64) []Exchange // requests to other services, nil for none

	played []*Played
}

// Played is a scenario that was played.
type Played struct {
	Recording *Recording
	Handed    []map[string]any // the commands for our agent
	from, to  uint64           // the requests of the scenario: greater than from, up to to, which is 0 as long as it is open
}

// lastSeq is the number of the newest request.
func (p *Player) lastSeq() uint64 {
	if newest := p.sim.Requests(cloudsim.RequestFilter{Limit: 1}); len(newest) > 0 {
		return newest[0].Seq
	}
	return 0
}

// Play plays one recording.
func (p *Player) Play(r *Recording, s script) error {
	if s.arranges() {
		if err := p.closeWindow(); err != nil {
			return err
		}
	}
	for _, st := range s.before {
		if err := p.step(st); err != nil {
			return fmt.Errorf("before the scenario: %s: %w", st.what, err)
		}
	}
	it, err := p.prepare(r)
	if err != nil {
		return err
	}
	ids, err := p.handOut(it, s)
	if err != nil {
		return err
	}
	if err := p.settle(it, ids, s); err != nil {
		return err
	}
	p.sim.ResetRules()
	p.played = append(p.played, it)
	return nil
}

func (p *Player) prepare(r *Recording) (*Played, error) {
	w := p.rewriter()
	it := &Played{Recording: r, from: p.lastSeq()}
	for _, c := range r.Commands {
		mine, err := w.Command(c)
		if err != nil {
			return nil, err
		}
		it.Handed = append(it.Handed, mine)
	}
	return it, nil
}

func (p *Player) rewriter() *Rewriter {
	return &Rewriter{IDs: p.actualIDs(), Ports: p.ports, Texts: p.Texts, Encrypt: func(plain string) (string, error) { return p.sim.Encrypt(p.id, plain) }}
}

// actualIDs maps the recorded ids to those of the objects of the same name here.
func (p *Player) actualIDs() map[string]string {
	byName := map[string]string{}
	for id, name := range p.ourNames() {
		byName[name] = id
	}
	ids := map[string]string{}
	for id, name := range p.recorded {
		if ours, ok := byName[name]; ok {
			ids[id] = ours
		}
	}
	return ids
}

// ourNames are the ids of the objects of our agent. Later configurations win, so that a name means its newest bearer.
func (p *Player) ourNames() map[string]string {
	names := map[string]string{}
	for _, kind := range []string{cloudsim.FullConfig, cloudsim.HistoryQueries} {
		for _, c := range p.sim.Configurations(cloudsim.ConfigurationFilter{Agent: p.id, Kind: kind}) {
			var body any
			if json.Unmarshal(c.Body, &body) == nil {
				KnownIDs(body, names)
			}
		}
	}
	maps.Copy(names, p.Extra)
	return names
}

// sentObject waits until the configuration holds an object, and a poll longer: the changes before it may have made it
// go out twice.
func (p *Player) sentObject(name string) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), messageLimit)
	defer cancel()
	if !harness.UntilDone(ctx, func() bool { return slices.Contains(slices.Collect(maps.Values(p.ourNames())), name) }) {
		return fmt.Errorf("no configuration with %q was sent", name)
	}
	return p.passPolls(1)
}

// handOut arranges the answers, does what opens the scenario, and hands the commands out.
func (p *Player) handOut(it *Played, s script) (ids []string, err error) {
	for _, rule := range s.rules {
		if _, err := p.sim.AddRule(rule); err != nil {
			return nil, err
		}
	}
	for _, st := range s.open {
		if err := p.step(st); err != nil {
			return nil, fmt.Errorf("at the start of the scenario: %s: %w", st.what, err)
		}
	}
	commands := make([]any, len(it.Handed))
	for i, c := range it.Handed {
		commands[i] = c
	}
	if ids, err = p.sim.Queue(p.id, commands...); err != nil {
		return nil, err
	}
	delivered, err := p.delivered(it.from, ids[0])
	if err != nil {
		return nil, err
	}
	if len(s.open) == 0 { // what comes before belongs to the scenario before, whose window closes now
		it.from = delivered
		p.endWindow(delivered)
	}
	return ids, nil
}

// delivered waits until a poll carried the command, and returns the number of that request.
func (p *Player) delivered(after uint64, id string) (seq uint64, err error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	reached := harness.UntilDone(ctx, func() bool {
		for _, r := range p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, Endpoint: "E4", After: after}) {
			if r.Status == 200 && strings.Contains(string(r.Answer), `"`+id+`"`) {
				seq = r.Seq
				return true
			}
		}
		return !p.agent.Running()
	})
	if !reached || seq == 0 {
		return 0, fmt.Errorf("no poll fetched command %s; the agent says:\n%s", id, p.agent.Output())
	}
	return seq, nil
}

// settle waits until the commands have ended and as many configurations were sent as the recording has.
func (p *Player) settle(it *Played, ids []string, s script) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	if _, err := p.sim.WaitTerminal(ctx, ids...); err != nil {
		return err
	}
	for _, endpoint := range []string{"E7", "E8"} {
		n := countOf(it.Recording, endpoint)
		for _, ours := range s.sends {
			if ours == endpoint {
				n++
			}
		}
		if n > 0 {
			p.await(endpoint, it.from, n) // what does not come shows in the comparison
		}
	}
	if s.last != "" && !harness.UntilDone(ctx, func() bool {
		return slices.ContainsFunc(p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, Endpoint: "E7", After: it.from}), func(r cloudsim.Request) bool { return bytes.Contains(r.Body, []byte(s.last)) })
	}) {
		return fmt.Errorf("no configuration with %s was sent", s.last)
	}
	if len(s.rules) == 0 && s.polls == 0 {
		return nil // the poll that fetches the next commands closes the window
	}
	if err := p.passPolls(1 + s.polls); err != nil {
		return err
	}
	it.to = p.lastSeq()
	return nil
}

// paths of the configurations.
var paths = map[string]string{"E7": "/api/oianalytics/oibus/configuration", "E8": "/api/oianalytics/oibus/configuration/history-query"}

func countOf(r *Recording, endpoint string) (n int) {
	for _, e := range r.Requests {
		if e.Path == paths[endpoint] {
			n++
		}
	}
	return n
}

// await waits for n requests to an endpoint and tells whether they came.
func (p *Player) await(endpoint string, after uint64, n int) bool {
	ctx, cancel := context.WithTimeout(p.t.Context(), messageLimit)
	defer cancel()
	_, err := p.sim.WaitRequests(ctx, cloudsim.RequestFilter{Agent: p.id, Endpoint: endpoint, After: after}, n)
	return err == nil
}

// passPolls waits for n further polls: whatever the scenario sets off at once has happened then.
func (p *Player) passPolls(n int) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), commandLimit)
	defer cancel()
	_, err := p.sim.WaitRequests(ctx, cloudsim.RequestFilter{Agent: p.id, Endpoint: "E4", After: p.lastSeq()}, n)
	return err
}

// closeWindow waits for a poll, which ends the window of the scenario before.
func (p *Player) closeWindow() error {
	if len(p.played) == 0 || p.played[len(p.played)-1].to != 0 {
		return nil
	}
	if err := p.passPolls(1); err != nil {
		return err
	}
	p.endWindow(p.lastSeq())
	return nil
}

func (p *Player) endWindow(at uint64) {
	if n := len(p.played); n > 0 && p.played[n-1].to == 0 {
		p.played[n-1].to = at
	}
}

// step does one thing around the scenarios.
func (p *Player) step(st step) error {
	before := p.lastSeq()
	if err := st.do(p); err != nil {
		return err
	}
	for _, endpoint := range st.sends {
		if !p.await(endpoint, before, 1) {
			return fmt.Errorf("no %s followed", endpoint)
		}
	}
	return nil
}
