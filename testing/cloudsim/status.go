package cloudsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxPoll bounds one answer of E4: what does not fit is handed out by the next poll.
const maxPoll = 32 * mb

// servePending is E4: the commands that the agent has not reported yet, in the order in which they were queued.
func (s *Sim) servePending(x *exchange) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := x.agent
	if len(a.pending) == 0 {
		return answer{status: http.StatusOK, body: []byte("[]")}
	}
	now := s.o.Now().UTC()
	body := bytes.NewBufferString("[")
	kept := a.pending[:0]
	for _, c := range a.pending {
		if c.Status != CommandPending {
			continue
		}
		kept = append(kept, c)
		if body.Len() > 1 && body.Len()+len(c.Body) > maxPoll {
			continue
		}
		if body.Len() > 1 {
			body.WriteByte(',')
		}
		body.Write(c.Body)
		if c.Deliveries++; c.Deliveries == 1 {
			c.DeliveredAt = now
		}
	}
	clear(a.pending[len(kept):])
	a.pending = kept
	body.WriteByte(']')
	return answer{status: http.StatusOK, body: body.Bytes()}
}

// serveCancelled is E5: those of the ids whose cancellation was asked.
func (s *Sim) serveCancelled(x *exchange) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []map[string]string{}
	for _, id := range x.r.URL.Query()["ids"] {
		for _, c := range s.commands[id] {
			if c.CancelRequested && c.Agent == x.agent.ID {
				out = append(out, map[string]string{"id": id, "type": c.Type, "targetVersion": c.TargetVersion, "status": CommandCancelled})
				break
			}
		}
	}
	return reply(http.StatusOK, out)
}

type report struct {
	ID            string  `json:"id"`
	Status        string  `json:"status"`
	Result        *string `json:"result"`
	CompletedDate *string `json:"completedDate"`
	body          json.RawMessage
}

// parseReports reads the body of E6. It takes all of it or nothing.
func parseReports(body []byte) ([]report, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, fmt.Errorf("the body is not an array of commands: %w", err)
	}
	if raw == nil {
		return nil, fmt.Errorf("the body is not an array of commands: it is null")
	}
	out := make([]report, len(raw))
	for i, r := range raw {
		if err := json.Unmarshal(r, &out[i]); err != nil {
			return nil, fmt.Errorf("element %d is not a command: %w", i, err)
		}
		if out[i].ID == "" || rank(out[i].Status) < rank(CommandRetrieved) {
			return nil, fmt.Errorf("element %d has the id %q and the status %q", i, out[i].ID, out[i].Status)
		}
		out[i].body = r
	}
	return out, nil
}

// serveStatuses is E6. Every report is kept; a repeated or late one changes nothing.
func (s *Sim) serveStatuses(x *exchange) answer {
	reports, err := parseReports(x.body)
	if err != nil {
		return failure(http.StatusBadRequest, "Bad Request: "+err.Error())
	}
	var unknown []string
	s.mu.Lock()
	for _, r := range reports {
		if !s.apply(x.agent, r) {
			unknown = append(unknown, r.ID)
		}
	}
	s.makeRoom(nil)
	s.mu.Unlock()
	s.changed(true)
	if len(unknown) > 0 && s.o.UnknownCommandStatus >= 300 {
		return failure(s.o.UnknownCommandStatus, "unknown commands: "+strings.Join(unknown[:min(len(unknown), 10)], ", "))
	}
	return accepted
}

// apply is called with the lock and says whether the agent was given a command of that id.
func (s *Sim) apply(a *agent, r report) bool {
	known := false
	for _, c := range s.commands[r.ID] {
		if c.Agent == a.ID {
			s.applyTo(c, r)
			known = true
		}
	}
	return known
}

func (s *Sim) applyTo(c *command, r report) {
	u := Update{At: s.o.Now().UTC(), Status: r.Status, Result: r.Result, CompletedDate: r.CompletedDate, Late: rank(r.Status) < rank(c.Status), Body: r.body}
	if n := len(c.Updates); n > 0 && same(c.Updates[n-1], u) {
		u.Repeat, u.Body = true, nil
	}
	c.anomaly(u)
	s.keep(c, u)
	if !u.Late && !u.Repeat {
		s.move(c, u.Status, u.Result)
	}
}

// anomaly notes what an agent must never report: two different ends of one command, or life after its end.
func (c *command) anomaly(u Update) {
	reported := slices.ContainsFunc(c.Updates, func(u Update) bool { return ended(u.Status) })
	if !reported || len(c.Anomalies) >= maxAnomalies { // a cancellation that crossed the end of the command is none
		return
	}
	switch {
	case ended(u.Status) && (u.Status != c.Status || text(u.Result) != text(c.Result)):
		c.Anomalies = append(c.Anomalies, fmt.Sprintf("%s (%s) after %s (%s)", u.Status, text(u.Result), c.Status, text(c.Result)))
	case u.Status == CommandRunning && !u.Repeat:
		c.Anomalies = append(c.Anomalies, fmt.Sprintf("RUNNING after %s", c.Status))
	}
}

func (s *Sim) keep(c *command, u Update) {
	if len(c.Updates) >= maxUpdates {
		c.DroppedUpdates++
		return
	}
	c.Updates = append(c.Updates, u)
	weight := int64(len(u.Body)+len(text(u.Result))) + 128
	c.weight += weight
	s.commandBytes += weight
}

func same(a, b Update) bool {
	return a.Status == b.Status && text(a.Result) == text(b.Result) && text(a.CompletedDate) == text(b.CompletedDate)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
