// Package launcher keeps one OIBus agent running: it starts the agent as its child, watches its signs of life, ends
// one that hangs together with all that it started, and starts it again, at once or later, depending on how it ended.
// It promises that a site is never without an agent for longer than the backoff, that no crash of the agent becomes a
// busy loop, and that no end of the launcher, kill -9 included, leaves an agent behind that nobody manages.
//
// What to do is decided by pure functions over what was observed (policy.go); the supervisor only carries it out.
//
//	start ──► starting ──ready──► running ──exit──► waiting ──► start
//	             │                   │                 ▲
//	             └─too slow──► abort ◄─silent          │
//	                             └──► kill the tree ───┘
package launcher

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"oibus/launcher/handshake"
	"oibus/launcher/options"
	"oibus/platform"
	"oibus/platform/task"
)

// process is what the supervisor needs of a running agent.
type process interface {
	pid() int
	heard() <-chan handshake.Message
	gone() <-chan platform.Exit
	requestStop()
	interrupt()
	abort()
	kill()
}

// supervisor runs agents one after the other.
type supervisor struct {
	options  options.Options
	start    func(run) (process, error)
	upgrades upgrades
	journal  *journal
	manager  *manager
	random   func() float64 // from 0 to 1, for the backoff
	log      *slog.Logger
}

// run supervises until ctx is done and the agent has stopped.
func (s *supervisor) run(ctx context.Context) {
	var past history
	var last *ending
	for ctx.Err() == nil {
		r, ok := s.next(ctx, last)
		if !ok {
			return
		}
		e := s.once(ctx, r, past.startLimit(s.options))
		s.upgrades.ended(ctx, r, e)
		past, last = past.after(e, s.options), &e
		s.journal.update(func(r *record) {
			r.Agent, r.LastExit = nil, &exitRecord{Code: e.exit.Code, Reason: e.why(), At: e.at.UTC()}
		})
		if ctx.Err() != nil {
			s.log.Info("the agent has stopped", "exit", e.exit.Text, "reason", e.why())
			return
		}
		if s.upgrades.pressing(e) {
			s.log.Info("the agent has ended", "exit", e.exit.Text, "reason", e.why())
			continue
		}
		s.wait(ctx, past.delay(s.options, s.random()), past.failures, e)
	}
}

// next asks what to start. The answer may take long, so there are signs of life for the service manager meanwhile.
func (s *supervisor) next(ctx context.Context, last *ending) (r run, ok bool) {
	tasks := task.New(ctx, func(name string, err error) { s.log.Error("a task has failed", "task", name, "error", err) })
	answered := make(chan struct{})
	tasks.Go("next version", func(ctx context.Context) error {
		defer close(answered)
		r, ok = s.upgrades.next(ctx, last)
		return nil
	})
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-answered:
			return r, ok
		case now := <-ticker.C:
			s.manager.sign(now, true)
		}
	}
}

// once starts the agent and watches it until it has ended.
func (s *supervisor) once(ctx context.Context, r run, startLimit time.Duration) ending {
	s.manager.starting(startLimit)
	started := time.Now()
	p, err := s.start(r)
	if err != nil {
		return ending{observation: observation{started: started}, exit: platform.Exit{Code: -1}, at: time.Now(), err: err}
	}
	s.log.Info("the agent was started", "pid", p.pid(), "program", r.path, "trial", r.trial)
	return s.watch(ctx, r, p, startLimit)
}

// watch is the life of one agent.
func (s *supervisor) watch(ctx context.Context, r run, p process, startLimit time.Duration) ending {
	o := observation{started: time.Now()}
	stop, yield, messages := ctx.Done(), s.upgrades.wanted(), p.heard()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := o.started
	for {
		select {
		case <-stop:
			stop, yield = nil, nil
			o.asked = time.Now()
			s.log.Info("stopping the agent", "pid", p.pid(), "limit", s.options.StopLimit)
			s.manager.stopping(s.options.StopLimit.Std())
			p.requestStop()
		case <-yield:
			if s.upgrades.waiting() {
				yield = nil
				o = s.yield(o, p)
			}
		case m, ok := <-messages:
			if !ok {
				messages = nil
				continue
			}
			o = s.try(s.hear(o, m, p.pid()), r, p, time.Now())
		case exit := <-p.gone():
			return ending{observation: o, exit: exit, at: time.Now()}
		case <-ticker.C:
			now := time.Now()
			if late := now.Sub(last) - tick; late > lateTick {
				s.log.Warn("the launcher was held up", "for", late)
				o = o.forgive(late)
			}
			last = now
			s.journal.catchUp(now)
			o = s.try(s.act(o, p, startLimit, now), r, p, now)
			s.manager.sign(now, o.inHand(now))
		}
	}
}

// yield asks the agent to make room for an upgrade.
func (s *supervisor) yield(o observation, p process) observation {
	s.log.Info("stopping the agent for an upgrade", "pid", p.pid(), "limit", s.options.StopLimit)
	s.manager.upgrading(s.options.StopLimit.Std())
	o.asked, o.yielded = time.Now(), true
	p.requestStop()
	return o
}

// try judges an agent on trial. The verdict is recorded before anything is done about it; until it is, it is tried
// again.
func (s *supervisor) try(o observation, r run, p process, now time.Time) observation {
	if !r.trial || o.judged {
		return o
	}
	v, why := o.verdict(r.version, s.options.TrialWindow.Std())
	var err error
	switch v {
	case undecided:
		return o
	case passed:
		err = s.upgrades.pass()
	case failed:
		err = s.upgrades.fail(why)
	}
	if err != nil {
		s.log.Error("cannot record the verdict of the trial yet", "error", err)
	}
	o.judged = err == nil
	if v == failed && o.aborted.IsZero() && o.killed.IsZero() {
		o.aborted, o.killedFor = now, "has failed its trial: "+why
		p.abort()
	}
	return o
}

// hear takes note of what the agent says.
func (s *supervisor) hear(o observation, m handshake.Message, pid int) observation {
	served := o.serves
	o = o.hear(m, time.Now())
	switch m.Kind {
	case handshake.Ready:
		if !o.serves {
			s.manager.stillStarting(s.options.StartLimit.Std())
		}
		if served || !o.serves {
			return o
		}
		s.log.Info("the agent is ready", "version", m.Version, "pid", pid, "after", o.ready.Sub(o.started))
		s.manager.running(m.Version, pid)
		s.journal.update(func(r *record) {
			r.Agent = &agentRecord{Version: m.Version, PID: pid, StartedAt: o.started.UTC()}
		})
	case handshake.Fatal:
		s.log.Error("the agent cannot go on", "reason", m.Reason)
	case handshake.Stopping:
		s.log.Info("the agent is stopping", "reason", m.Reason)
	}
	return o
}

// act does to the agent what is due.
func (s *supervisor) act(o observation, p process, startLimit time.Duration, now time.Time) observation {
	do, why := o.next(startLimit, s.options, now)
	switch do {
	case interrupt:
		s.log.Warn("the agent does not answer the request to stop, sending it a signal")
		o.nudged = now
		p.interrupt()
	case abort:
		s.log.Error("ending the agent: it "+why, "pid", p.pid())
		o.aborted, o.killedFor = now, why
		p.abort()
	case kill:
		s.log.Error("killing the agent and all that it started: it "+why, "pid", p.pid())
		o = o.strike(why, now)
		p.kill()
	}
	return o
}

// wait lets the delay before the next start pass, with signs of life for the service manager.
func (s *supervisor) wait(ctx context.Context, delay time.Duration, failures int, e ending) {
	level := slog.LevelWarn
	if failures == 0 {
		level = slog.LevelInfo
	}
	s.log.Log(ctx, level, fmt.Sprintf("OIBus closed with code: %d", e.exit.Code), "reason", e.why(),
		"failures", failures, "restart", delay.Round(time.Millisecond))
	s.manager.waiting(delay, e.why())
	s.journal.update(func(r *record) { r.Restarts++ })
	due := time.NewTimer(delay)
	defer due.Stop()
	wanted := s.upgrades.wanted()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due.C:
			return
		case <-wanted:
			return
		case now := <-ticker.C:
			s.manager.sign(now, true)
		}
	}
}
