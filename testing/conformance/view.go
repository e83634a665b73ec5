package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Observation is what an agent did about the commands of a scenario: the reference when it was recorded, or ours.
type Observation struct {
	IDs      []string // of the commands, in the order in which they were handed out
	Updates  []StatusUpdate
	Requests []Exchange // everything else but polls, cancellations, connection tests and logs
}

// Recorded is what the reference did.
func Recorded(r *Recording) Observation {
	o := Observation{Updates: r.StatusUpdates, Requests: r.Requests}
	for _, c := range r.Commands {
		id, _ := c["id"].(string)
		o.IDs = append(o.IDs, id)
	}
	return o
}

// States that matter here (protocol/control-plane.md, section 3.2).
const (
	retrieved = "RETRIEVED"
	running   = "RUNNING"
)

// report is one command in one status update.
type report struct {
	body     map[string]any
	accepted bool // the cloud confirmed it
}

func (r report) status() string { return textAt(r.body, "status") }

func textAt(o map[string]any, key string) string {
	s, _ := o[key].(string)
	return s
}

// View is the tree that is compared:
//   - outcome: the states each command was reported in, and its result. RUNNING is left out unless it is the last:
//     whether a poll comes by while a command runs is a matter of milliseconds;
//   - reports: each of these reports, without what outcome says;
//   - repeated: how many reports said again what the cloud had confirmed already;
//   - retrieved, ended: the order in which several commands were reported, and in how many requests the former. How
//     the ends are spread over requests depends on how fast commands follow each other, so that is not compared;
//   - sent, requests: everything else that was sent, and its content.
func (o Observation) View() map[string]any {
	outcome, reports, repeated := map[string]any{}, map[string]any{}, map[string]any{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(o.IDs))) {
		said, again := o.reportsOf(id)
		outcome[id], reports[id] = outcomeOf(said)
		if again > 0 {
			repeated[id] = float64(again)
		}
	}
	sent, requests := []any{}, []any{}
	for _, e := range o.coalesced() {
		sent = append(sent, fmt.Sprintf("%s %s %d", e.Method, e.Path, e.Answer.Status))
		requests = append(requests, exchangeView(e))
	}
	return map[string]any{"outcome": outcome, "reports": reports, "repeated": repeated, "sent": sent, "requests": requests,
		"retrieved": o.retrieved(), "ended": o.order(func(s string) bool { return s != retrieved && s != running })}
}

// outcomeOf splits the reports of a command into what became of it and what else they say.
func outcomeOf(said []report) (outcome map[string]any, reports []any) {
	states, result := []string{}, any(nil)
	reports = []any{}
	for i, r := range said {
		states = append(states, r.status())
		rest := maps.Clone(r.body)
		delete(rest, "status")
		if i == len(said)-1 {
			result = r.body["result"]
			delete(rest, "result")
		}
		reports = append(reports, rest)
	}
	return map[string]any{"states": strings.Join(states, " "), "result": result}, reports
}

// reportsOf lists the reports of a command that say something new, and counts the superfluous ones.
func (o Observation) reportsOf(id string) (said []report, again int) {
	var all []report
	for _, u := range o.Updates {
		for _, body := range u.Body {
			if body["id"] == id {
				all = append(all, report{body, u.Answer/100 == 2 || u.Answer == http.StatusNotFound})
			}
		}
	}
	confirmed := ""
	for i, r := range all {
		if r.status() == running && i < len(all)-1 {
			continue
		}
		state := r.status() + " " + textAt(r.body, "result")
		switch {
		case state == confirmed:
			again++
		case len(said) == 0 || said[len(said)-1].status() != r.status() || shown(said[len(said)-1].body["result"]) != shown(r.body["result"]):
			said = append(said, r)
		}
		if r.accepted {
			confirmed = state
		}
	}
	return said, again
}

func (o Observation) retrieved() string {
	requests := 0
	for _, u := range o.Updates {
		if slices.ContainsFunc(u.Body, func(c map[string]any) bool {
			return textAt(c, "status") == retrieved && slices.Contains(o.IDs, textAt(c, "id"))
		}) {
			requests++
		}
	}
	order := o.order(func(s string) bool { return s == retrieved })
	if requests > 1 {
		order += fmt.Sprintf(" in %d requests", requests)
	}
	return order
}

// order is the order in which the commands were first reported in one of the states.
func (o Observation) order(in func(status string) bool) string {
	var ids, created []string
	for _, u := range o.Updates {
		for _, c := range u.Body {
			if id := textAt(c, "id"); in(textAt(c, "status")) && slices.Contains(o.IDs, id) && !slices.Contains(ids, id) {
				ids, created = append(ids, id), append(created, textAt(c, "createdAt"))
			}
		}
	}
	handedOut := slices.DeleteFunc(slices.Clone(o.IDs), func(id string) bool { return !slices.Contains(ids, id) })
	backwards := slices.Clone(handedOut)
	slices.Reverse(backwards)
	switch {
	case len(ids) < 2:
		return fmt.Sprint(len(ids))
	case slices.Equal(ids, handedOut):
		return fmt.Sprintf("%d as handed out", len(ids))
	case slices.Equal(ids, backwards), newestFirst(created):
		return fmt.Sprintf("%d newest first", len(ids))
	}
	return strings.Join(ids, " ")
}

// newestFirst tells whether the instants never rise: the reference breaks ties of a millisecond by chance (W-25).
func newestFirst(created []string) bool {
	return slices.IsSortedFunc(created, func(a, b string) int { return strings.Compare(b, a) })
}

// coalesced leaves out, when several commands ran, the configurations that were followed by a newer one: how many of
// them there are depends on how fast the commands follow each other.
func (o Observation) coalesced() []Exchange {
	if len(o.IDs) < 2 {
		return o.Requests
	}
	var kept []Exchange
	for i, e := range o.Requests {
		superseded := slices.ContainsFunc(o.Requests[i+1:], func(later Exchange) bool {
			return later.Method == e.Method && later.Path == e.Path && strings.Contains(e.Path, "/configuration")
		})
		if !superseded {
			kept = append(kept, e)
		}
	}
	return kept
}

// hopHeaders say something about the connection and the length of the body only, which each HTTP library does its way.
var hopHeaders = []string{"host", "connection", "content-length"}

func exchangeView(e Exchange) map[string]any {
	headers := map[string]any{}
	for _, h := range e.Headers {
		if name := strings.ToLower(h[0]); !slices.Contains(hopHeaders, name) {
			headers[name] = h[1]
		}
	}
	return map[string]any{"method": e.Method, "path": e.Path, "query": e.Query, "headers": headers, "body": e.Body, "answer": float64(e.Answer.Status)}
}
