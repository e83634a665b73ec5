// Package options is the table [launcher] of oibus.toml: how long the launcher grants the agent for what, and how soon
// it starts one again that ended. It promises that a wrong key, type or value is refused with the name of the file,
// the line, the key and the limit, and that the limits fit each other.
package options

import (
	"fmt"
	"time"
)

// Options are the settings of the launcher. The agent decodes and checks them too, so that it can refuse a wrong file.
type Options struct {
	// StartLimit is how long a started agent may take to be ready. It doubles with each start in a row that was too
	// slow, up to sixteen times, so that a slow machine gets there in the end.
	StartLimit Duration `toml:"start_limit"`
	// HeartbeatInterval is how often a running agent shows that it is alive.
	HeartbeatInterval Duration `toml:"heartbeat_interval"`
	// SilenceLimit is how long a running agent may be silent before it is taken for hung and ended.
	SilenceLimit Duration `toml:"silence_limit"`
	// StopLimit is how long an agent may take to stop before it and all that it started is ended.
	StopLimit Duration `toml:"stop_limit"`
	// BackoffFirst is the delay before an agent that failed is started again. It doubles with each failure in a row.
	BackoffFirst Duration `toml:"backoff_first"`
	// BackoffMax is the longest such delay.
	BackoffMax Duration `toml:"backoff_max"`
	// HealthyAfter is how long an agent must have run well for its earlier failures to be forgotten.
	HealthyAfter Duration `toml:"healthy_after"`
}

// Table is the name of the table in oibus.toml.
const Table = "launcher"

// SilenceBeats is how many heartbeats must at least fit into the silence limit: one that is late is no reason to end
// an agent.
const SilenceBeats = 3

// Default returns the settings of an empty table.
func Default() Options {
	return Options{
		StartLimit:        seconds(20), // a start takes less than one; a slow disk after a power cut some
		HeartbeatInterval: seconds(2),
		SilenceLimit:      seconds(20), // ten heartbeats: a box that swaps is not hung
		StopLimit:         seconds(30), // the agent finishes what it is sending
		BackoffFirst:      Duration(500 * time.Millisecond),
		BackoffMax:        seconds(60),
		HealthyAfter:      seconds(60),
	}
}

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }

// Error is a setting that is refused. Key is the full name, such as launcher.stop_limit.
type Error struct {
	Key  string
	Text string
}

func (e *Error) Error() string { return e.Key + ": " + e.Text }

// Validate returns an *Error that names the first key with a value out of its limits or at odds with another, or nil.
func (o Options) Validate() error {
	for _, b := range o.bounds() {
		if b.value < b.min || b.value > b.max {
			return &Error{Key: Table + "." + b.key,
				Text: fmt.Sprintf("%s is out of its limits, %s to %s", b.value, b.min, b.max)}
		}
	}
	if least := SilenceBeats * o.HeartbeatInterval; o.SilenceLimit < least {
		return &Error{Key: Table + ".silence_limit", Text: fmt.Sprintf(
			"%s is less than %d times launcher.heartbeat_interval, %s", o.SilenceLimit, SilenceBeats, least)}
	}
	if o.BackoffMax < o.BackoffFirst {
		return &Error{Key: Table + ".backoff_max", Text: fmt.Sprintf(
			"%s is less than launcher.backoff_first, %s", o.BackoffMax, o.BackoffFirst)}
	}
	return nil
}

type bound struct {
	key             string
	value, min, max Duration
}

func (o Options) bounds() []bound {
	const (
		second = Duration(time.Second)
		minute = Duration(time.Minute)
	)
	return []bound{
		{"start_limit", o.StartLimit, second, 10 * minute},
		{"heartbeat_interval", o.HeartbeatInterval, second / 10, minute},
		{"silence_limit", o.SilenceLimit, second, 10 * minute},
		{"stop_limit", o.StopLimit, second, 10 * minute},
		{"backoff_first", o.BackoffFirst, second / 10, minute},
		{"backoff_max", o.BackoffMax, second / 10, 60 * minute},
		{"healthy_after", o.HealthyAfter, second, 60 * minute},
	}
}
