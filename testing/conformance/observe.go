package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"oibus/testing/cloudsim"
)

// Observed is what our agent did in a scenario.
func (p *Player) Observed(it *Played) (Observation, error) {
	o := Observation{}
	for _, c := range it.Handed {
		o.IDs = append(o.IDs, textAt(c, "id"))
	}
	for _, r := range p.sim.Requests(cloudsim.RequestFilter{After: it.from}) {
		switch {
		case r.Agent != p.id && !(p.Tests && r.Agent == ""): // what has other credentials than the agent's belongs to its connectors
		case r.Seq > it.to:
			return p.withAsked(o, it), nil
		case r.Endpoint == "E6":
			u := StatusUpdate{Answer: r.Status}
			if err := json.Unmarshal(r.Body, &u.Body); err != nil {
				return o, fmt.Errorf("a status update is not an array of commands: %w", err)
			}
			o.Updates = append(o.Updates, u)
		case !slices.Contains([]string{"E4", "E5", "E10"}, r.Endpoint) && (p.Tests || r.Endpoint != "E3"):
			o.Requests = append(o.Requests, exchangeOf(r))
		}
	}
	return p.withAsked(o, it), nil
}

func (p *Player) withAsked(o Observation, it *Played) Observation {
	if p.Asked != nil {
		o.Requests = append(o.Requests, p.Asked(it.from, it.to)...)
	}
	return o
}

// exchangeOf turns a request of the journal into the form of the recordings.
func exchangeOf(r cloudsim.Request) Exchange {
	e := Exchange{Method: r.Method, Path: r.Path, Query: r.Query}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		e.Headers = append(e.Headers, [2]string{name, r.Header.Get(name)})
	}
	e.Body = decoded(r.Body)
	e.Answer.Status, e.Answer.Body = r.Status, decoded(r.Answer)
	return e
}

// decoded is the JSON in a body, or its text.
func decoded(body []byte) any {
	if len(body) == 0 {
		return nil
	}
	var v any
	if json.Unmarshal(body, &v) != nil {
		return string(body)
	}
	return v
}

// Compare compares a scenario that was played with its recording.
func (p *Player) Compare(it *Played) ([]Difference, error) {
	observed, err := p.Observed(it)
	if err != nil {
		return nil, err
	}
	theirs, ours := p.normalisers(it)
	recorded := theirs.Normalise(p.viewed(it, Recorded(it.Recording)))
	actual := ours.Normalise(p.viewed(it, observed))
	leaveUnmadeSections(recorded, actual)
	shareLists(recorded, actual)
	return Compare(recorded, actual), nil
}

func (p *Player) viewed(it *Played, o Observation) map[string]any {
	view := o.View()
	if p.View != nil {
		return p.View(it.Recording.Name, view)
	}
	return view
}

// shareLists leaves out the content of reports and requests that only one side has: outcome and sent say which.
func shareLists(recorded, ours any) {
	r, o := recorded.(map[string]any), ours.(map[string]any)
	share(r, o, "requests")
	theirReports, ourReports := r["reports"].(map[string]any), o["reports"].(map[string]any)
	for id := range theirReports {
		share(theirReports, ourReports, id)
	}
}

func share(r, o map[string]any, key string) {
	x, _ := r[key].([]any)
	y, _ := o[key].([]any)
	n := min(len(x), len(y))
	r[key], o[key] = x[:n], y[:n]
}

// normalisers are those of the recording and of ours.
func (p *Player) normalisers(it *Played) (theirs, ours *Normaliser) {
	theirs = &Normaliser{Names: maps.Clone(p.recorded), Ports: p.portUse, Clouds: recordedClouds, Secrets: recordedSecrets}
	ours = &Normaliser{Names: p.ourNames(), Ports: map[float64]string{}, Clouds: append([]string{p.sim.URL()}, p.Clouds...), Secrets: ourSecrets, Paths: map[string]string{p.agent.Dir: "/srv/oibus/data"}}
	for recorded, mine := range p.Texts {
		if strings.HasPrefix(recorded, "/") {
			ours.Paths[mine] = recorded
		}
	}
	for port, use := range p.portUse {
		ours.Ports[p.ports[port]] = use
	}
	maps.Copy(theirs.Names, Ciphers(it.Recording.Commands))
	maps.Copy(ours.Names, Ciphers(it.Handed))
	if a, b := p.keysBefore(it); a != "" && b != "" {
		theirs.Names[a], ours.Names[b] = "public key as before", "public key as before"
	}
	return theirs, ours
}

// unmadeSections are the parts of configurations that have a sequence of their own. The agents of the other sequences do
// without what the recorded one had in them: it is not compared as long as ours has nothing.
var unmadeSections = []string{"southConnectors", "northConnectors", "historyQueries"}

func leaveUnmadeSections(recorded, ours any) {
	switch r := recorded.(type) {
	case map[string]any:
		o, _ := ours.(map[string]any)
		for k, child := range r {
			if empty := shown(o[k]); slices.Contains(unmadeSections, k) && (empty == "[]" || empty == "{}") {
				r[k] = o[k]
				continue
			}
			leaveUnmadeSections(child, o[k])
		}
	case []any:
		o, _ := ours.([]any)
		for i := range min(len(r), len(o)) {
			leaveUnmadeSections(r[i], o[i])
		}
	}
}

// keysBefore are the public keys that were known before the scenario, "" when the recordings do not tell.
func (p *Player) keysBefore(it *Played) (recorded, ours string) {
	for _, earlier := range p.played[:max(0, slices.Index(p.played, it))] {
		for _, e := range earlier.Recording.Requests {
			if key := publicKeyIn(e.Body); key != "" {
				recorded = key
			}
		}
	}
	for _, r := range p.sim.Requests(cloudsim.RequestFilter{Agent: p.id, Endpoint: "E7"}) {
		if key := publicKeyIn(decoded(r.Body)); key != "" && r.Seq <= it.from {
			ours = key
		}
	}
	return recorded, ours
}

func publicKeyIn(body any) string {
	b, _ := body.(map[string]any)
	registration, _ := b["registration"].(map[string]any)
	return textAt(registration, "publicKey")
}
