package launcher

import (
	"fmt"
	"log/slog"
	"time"
)

// manager keeps the service manager informed, in the words of sd_notify(3). Without one, send does nothing.
type manager struct {
	send     func(state string) error
	watchdog time.Duration // within which the manager wants a sign of life; 0: it wants none
	log      *slog.Logger

	extended bool   // the time for the first start was asked for
	serves   bool   // the agent was ready once
	told     bool   // and the manager knows
	owed     string // what could not be sent yet
	nextSign time.Time
}

// starting asks the manager for the time that the first start may take.
func (m *manager) starting(limit time.Duration) {
	state := "STATUS=Starting OIBus"
	if !m.extended {
		m.extended = true
		state += extend(limit + abortGrace + killAgain)
	}
	m.say(state)
}

// stillStarting asks the manager for the time that one more start may take.
func (m *manager) stillStarting(limit time.Duration) {
	if !m.serves {
		m.extended = false
		m.starting(limit)
	}
}

// running tells that the agent serves.
func (m *manager) running(version string, pid int) {
	m.serves = true
	m.say(fmt.Sprintf("STATUS=OIBus %s runs as process %d", version, pid))
}

// waiting tells why there is no agent at the moment.
func (m *manager) waiting(delay time.Duration, why string) {
	m.say(fmt.Sprintf("STATUS=Restarting OIBus in %s: %s", delay.Round(time.Millisecond), why))
}

// upgrading asks for the time that the end of the agent may take before another version starts.
func (m *manager) upgrading(limit time.Duration) {
	m.say("STATUS=Stopping OIBus for an upgrade" + extend(limit+abortGrace+killAgain))
}

// stopping asks for the time that a graceful stop may take.
func (m *manager) stopping(limit time.Duration) {
	m.say("STOPPING=1\nSTATUS=Stopping OIBus" + extend(limit+abortGrace+killAgain))
}

func extend(limit time.Duration) string {
	return fmt.Sprintf("\nEXTEND_TIMEOUT_USEC=%d", limit.Microseconds())
}

// sign sends a sign of life when one is due and the launcher does its duty, and what is still owed.
func (m *manager) sign(now time.Time, inHand bool) {
	if m.owed != "" {
		m.say(m.owed)
	}
	if m.watchdog == 0 || !inHand || now.Before(m.nextSign) {
		return
	}
	m.nextSign = now.Add(m.watchdog / 3)
	if err := m.send("WATCHDOG=1"); err != nil {
		m.log.Warn("cannot send a sign of life", "error", err)
	}
}

// say sends the state, with READY=1 until the manager got it once. A state that cannot be sent is tried again, unless
// a newer one takes its place.
func (m *manager) say(state string) {
	text := state
	if m.serves && !m.told {
		text = "READY=1\n" + state
	}
	m.owed = ""
	if err := m.send(text); err != nil {
		m.log.Warn("cannot tell the service manager", "error", err)
		m.owed = state
		return
	}
	m.told = m.serves
}
