package cloudsim

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status of a command. All but CommandPending are reported by the agent, except that a command that no agent has
// taken yet is cancelled at once (protocol/control-plane.md, section 3.2).
const (
	CommandPending   = "PENDING" // waits to be taken by the agent
	CommandRetrieved = "RETRIEVED"
	CommandRunning   = "RUNNING"
	CommandCompleted = "COMPLETED"
	CommandErrored   = "ERRORED"
	CommandCancelled = "CANCELLED"
)

// rank orders the states: a report that goes backwards came late and is not applied. 0 is an unknown status.
func rank(status string) int {
	switch status {
	case CommandPending:
		return 1
	case CommandRetrieved:
		return 2
	case CommandRunning:
		return 3
	case CommandCompleted, CommandErrored, CommandCancelled:
		return 4
	}
	return 0
}

func ended(status string) bool { return rank(status) == 4 }

// Command is what the simulator hands out, with everything that was reported about it.
type Command struct {
	Seq             uint64          `json:"seq"`
	ID              string          `json:"id"`
	Agent           string          `json:"agent"`
	Type            string          `json:"type"`
	TargetVersion   string          `json:"targetVersion"`
	Status          string          `json:"status"`
	Result          *string         `json:"result"`
	QueuedAt        time.Time       `json:"queuedAt"`
	DeliveredAt     time.Time       `json:"deliveredAt,omitzero"` // first time that it was handed out
	Deliveries      int             `json:"deliveries"`
	EndedAt         time.Time       `json:"endedAt,omitzero"`
	CancelRequested bool            `json:"cancelRequested,omitempty"`
	Updates         []Update        `json:"updates"`
	DroppedUpdates  int             `json:"droppedUpdates,omitempty"` // beyond what is kept of one command
	Anomalies       []string        `json:"anomalies,omitempty"`      // reports that contradict each other
	Body            json.RawMessage `json:"command"`                  // as handed out
}

// Update is one report about a command (E6).
type Update struct {
	At            time.Time       `json:"at"`
	Status        string          `json:"status"`
	Result        *string         `json:"result"`
	CompletedDate *string         `json:"completedDate"`
	Repeat        bool            `json:"repeat,omitempty"` // says what the one before said
	Late          bool            `json:"late,omitempty"`   // goes backwards: not applied
	Body          json.RawMessage `json:"body,omitempty"`   // as received; absent when it repeats
}

type command struct {
	Command
	weight    int64
	forgotten bool
}

// maxUpdates bounds the reports kept of one command: an agent that reports again and again must not fill the memory.
const maxUpdates = 200

// maxAnomalies bounds them likewise.
const maxAnomalies = 20

// Cancel cancels a command. One that the agent has not reported yet is cancelled at once; one that it has taken is
// cancelled when the agent agrees; one that runs or has ended cannot be cancelled.
func (s *Sim) Cancel(id string) error {
	s.mu.Lock()
	err := s.cancel(id)
	s.mu.Unlock()
	if err == nil {
		s.changed(true)
	}
	return err
}

func (s *Sim) cancel(id string) error {
	list := s.commands[id]
	if len(list) == 0 {
		return &UnknownError{What: "command", ID: id}
	}
	c := list[len(list)-1]
	switch c.Status {
	case CommandPending:
		c.CancelRequested = true
		s.move(c, CommandCancelled, nil)
	case CommandRetrieved:
		c.CancelRequested = true
	default:
		return fmt.Errorf("command %q is %s: only one that waits can be cancelled", id, c.Status)
	}
	return nil
}

// move is called with the lock. It changes the state of a command.
func (s *Sim) move(c *command, status string, result *string) {
	was := ended(c.Status)
	c.Status, c.Result = status, result
	if was || !ended(status) {
		return
	}
	c.EndedAt = s.o.Now().UTC()
	s.ended = append(s.ended, c)
	if a := s.agents[c.Agent]; a != nil {
		a.open--
	}
}
