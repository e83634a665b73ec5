// Package options is the table [launcher] of oibus.toml: how long the launcher grants the agent for what, and how soon
// it starts one again that ended. It promises that a wrong key, type or value is refused with the name of the file,
// the line, the key and the limit, and that the limits fit each other.
package options

import (
	"fmt"
	"strconv"
	"time"

	"oibus/launcher/release"
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
	// TrialWindow is how long a new version must run well, from when it was ready, to be kept.
	TrialWindow Duration `toml:"trial_window"`
	// TrustedKeys are the public keys of which one must vouch for an upgrade package.
	TrustedKeys List `toml:"trusted_keys"`
	// UnprovenPackages is accept or refuse: what happens to packages whose origin no key proves. Empty is accept as long
	// as no key is trusted, else refuse.
	UnprovenPackages release.Unproven `toml:"unproven_packages"`
	// RevokedCertificates are the serial numbers of certificates of release keys that are no longer good.
	RevokedCertificates List `toml:"revoked_certificates"`
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
		TrialWindow:       seconds(30), // longer than a start and than a silence that ends an agent
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
	_, err := o.Policy()
	return err
}

// Policy is what the settings say of upgrade packages. Its error is an *Error.
func (o Options) Policy() (release.Policy, error) {
	p := release.Policy{Unproven: o.UnprovenPackages}
	for _, text := range o.TrustedKeys.All() {
		key, err := release.ParsePublicKey(text)
		if err != nil {
			return p, &Error{Key: Table + ".trusted_keys", Text: err.Error()}
		}
		p.Trusted = append(p.Trusted, key)
	}
	for _, text := range o.RevokedCertificates.All() {
		serial, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return p, &Error{Key: Table + ".revoked_certificates", Text: fmt.Sprintf("%q is not a serial number: write it as text, such as \"12\"", text)}
		}
		p.Revoked = append(p.Revoked, serial)
	}
	return p, nil
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
		{"trial_window", o.TrialWindow, second, 60 * minute},
	}
}
