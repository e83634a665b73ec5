package logging

import (
	"context"
	"time"

	"oibus/agent/entity"
	"oibus/platform"
)

// Apply makes the settings valid at once. It waits for no disk and no network, and changes nothing that already is as
// told. lokiPassword is the password in clear. An error says which target cannot be used; everything else is applied.
func (h *Hub) Apply(engineName string, s entity.LoggerSettings, lokiPassword string) error {
	return h.adopt(engineName, s, lokiPassword, false)
}

func (h *Hub) adopt(engineName string, s entity.LoggerSettings, lokiPassword string, first bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.password.Store(&lokiPassword)
	h.applyLevels(s)
	h.journal.maxSize.Store(int64(max(1, s.File.MaxFileSize)) << 20)
	h.journal.maxFiles.Store(int64(max(1, s.File.NumberOfFiles)))
	h.maxEntries.Store(int64(max(1, s.Database.MaxNumberOfLogs)))
	if first {
		return nil // keep the cursors: what is to be forwarded is not known yet
	}
	h.applyOIA(s.OIA)
	h.applySyslog(engineName, s.Syslog)
	return h.applyLoki(engineName, s.Loki, lokiPassword)
}

func (h *Hub) applyLevels(s entity.LoggerSettings) {
	journal := min(ParseLevel(s.File.Level), ParseLevel(s.Database.Level), ParseLevel(s.OIA.Level))
	if s.Loki.Address != "" {
		journal = min(journal, ParseLevel(s.Loki.Level))
	}
	if s.Syslog.Host != "" {
		journal = min(journal, ParseLevel(s.Syslog.Level))
	}
	console := ParseLevel(s.Console.Level)
	h.journalLevel.Store(int64(journal))
	h.consoleLevel.Store(int64(console))
	h.lowest.Store(int64(min(journal, console)))
	h.searchLevel.Store(int64(ParseLevel(s.Database.Level)))
}

// reroute tells f its level, interval and target, unless nothing changes. The cursor of a forwarder without one
// starts at the newest line of the moment that it gets both a level and a target.
func (h *Hub) reroute(f *forwarder, next route) {
	old := f.instructed()
	if next.start = old.start; next == old {
		return
	}
	if old.purpose != on || old.target == nil {
		next.start = h.queue.last()
	}
	f.tell(next)
}

func (h *Hub) applyOIA(s entity.OIALogSettings) {
	f := h.forwarders[0]
	interval := oiaInterval
	if s.Interval > 0 {
		interval = min(s.Interval, oiaInterval)
	}
	level := ParseLevel(s.Level)
	next := route{purpose: on, level: level, interval: time.Duration(interval) * time.Second, target: f.instructed().target}
	if level == LevelSilent {
		next.purpose = off
	}
	h.reroute(f, next)
}

// SetSender says how to post a batch, a JSON array, to OIAnalytics (E10); nil says that OIBus is not registered, and
// keeps what is to be sent. The sender returns a *RefusedError when the cloud answered, and does not log its failures:
// the forwarder does, without forwarding that. SetSender is to be called when the registration changes, and only then,
// since it ends the pause after a failure.
func (h *Hub) SetSender(sender func(ctx context.Context, batch []byte) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var t target
	if sender != nil {
		t = &oiaTarget{sender: sender, dialectR: h.dialectR}
	}
	f := h.forwarders[0]
	next := f.instructed()
	next.target = t
	h.reroute(f, next)
}

func (h *Hub) applyLoki(engine string, s entity.LokiSettings, password string) error {
	f, level := h.forwarders[1], ParseLevel(s.Level)
	if level == LevelSilent || s.Address == "" {
		h.loki = lokiConfig{}
		h.reroute(f, route{purpose: off})
		return nil
	}
	interval := lokiInterval
	if s.Interval > 0 {
		interval = s.Interval
	}
	config := lokiConfig{engine: engine, address: s.Address, username: s.Username, password: password,
		agent: "OIBus/" + platform.Version}
	t, err := f.instructed().target, error(nil)
	if config != h.loki || t == nil {
		var loki *lokiTarget
		if loki, err = newLokiTarget(config); err != nil {
			t = nil
		} else {
			t = loki
		}
		h.loki = config
	}
	h.reroute(f, route{purpose: on, level: level, interval: time.Duration(interval) * time.Second, target: t})
	return err
}

func (h *Hub) applySyslog(engine string, s entity.SyslogSettings) {
	f, level := h.forwarders[2], ParseLevel(s.Level)
	if level == LevelSilent || s.Host == "" {
		h.syslog = syslogConfig{}
		h.reroute(f, route{purpose: off})
		return
	}
	config := syslogConfig{engine: engine, host: s.Host, port: s.Port, protocol: s.Protocol}
	t := f.instructed().target
	if config != h.syslog || t == nil {
		t = newSyslogTarget(config)
		h.syslog = config
	}
	h.reroute(f, route{purpose: on, level: level, target: t})
}
