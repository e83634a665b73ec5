package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// Budgets of a command, from the poll that brings it to its acknowledgement.
const (
	flushBudget   = 2 // its own flushes of the disk
	changeFlushes = 2 // those of a document that it changes: the file, and the folder that names it
	tripBudget    = 2 // requests about it: that it was retrieved, and how it ended
	commandLimit  = 90 * time.Second
)

// office queues commands for one agent.
type office struct {
	*stage
	sim   *cloudsim.Sim
	agent string
	pid   int
}

// commands measures how commands are executed and acknowledged.
func commands(s *stage, n size) []measure.Row {
	sim := s.simulator(cloudsim.Options{})
	a := harness.Start(s, harness.Options{})
	o := office{s, sim, a.RegisterWith(sim, harness.RegistrationForm(sim.URL())).ID, a.PID()}
	o.send(1, rename) // connections are open, and the first messages are sent
	s.pause(settleTime)

	group := fmt.Sprintf("%d commands in one poll → all acknowledged", n.commands)
	idle := func(int) any { return map[string]any{"type": "delete-ip-filter", "ipFilterId": "none"} }
	rows := append(o.together(group, "that change nothing", n.commands, idle, flushBudget),
		o.together(group, "that change the settings", n.commands, rename, flushBudget+changeFlushes)...)

	group = "A single command, poll → acknowledgement"
	rows = append(rows, o.singly(group, "that changes nothing", n.singles, idle, flushBudget)...)
	return append(rows, o.singly(group, "that changes the settings", n.singles, rename, flushBudget+changeFlushes)...)
}

func rename(i int) any {
	return map[string]any{"type": "update-engine-general", "commandContent": map[string]any{"name": fmt.Sprintf("Bench %d", i)}}
}

// delivery is commands that were handed out together.
type delivery struct {
	from, to time.Time // the poll that brought them, the acknowledgement of the last
	requests int       // reports of states
	flushes  int       // when they were traced
}

// send queues commands and waits until all are acknowledged.
func (o office) send(n int, command func(i int) any) delivery {
	d, err := o.trySend(n, command)
	o.must(err)
	return d
}

func (o office) trySend(n int, command func(i int) any) (d delivery, err error) {
	ctx, cancel := o.within(commandLimit)
	defer cancel()
	list := make([]any, n)
	for i := range list {
		list[i] = command(i)
	}
	reports := func() int { return int(o.sim.Metrics().Endpoints["E6"].Requests) }
	before := reports()
	ids, err := o.sim.Queue(o.agent, list...)
	if err != nil {
		return d, err
	}
	done, err := o.sim.WaitTerminal(ctx, ids...)
	if err != nil {
		return d, err
	}
	d = delivery{from: done[0].DeliveredAt, requests: reports() - before}
	for _, c := range done {
		if !c.DeliveredAt.Equal(d.from) {
			return d, fmt.Errorf("the %d commands came with more than one poll", n)
		}
		if c.EndedAt.After(d.to) {
			d.to = c.EndedAt
		}
	}
	return d, nil
}

// traced sends likewise, several times, and counts the flushes of the agent meanwhile.
func (o office) traced(times, n int, command func(i int) any) ([]delivery, error) {
	var all []delivery
	calls, err := measure.Trace(o.context, o.pid, "fsync,fdatasync", func() error {
		for range times {
			d, err := o.trySend(n, command)
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		return nil
	})
	for i := range all {
		for _, at := range calls {
			if !at.Before(all[i].from) && !at.After(all[i].to) {
				all[i].flushes++
			}
		}
	}
	return all, err
}

// together measures many commands at once.
func (o office) together(group, name string, n int, command func(int) any, flushes float64) []measure.Row {
	d := o.send(n, command)
	took := d.to.Sub(d.from)
	all, err := o.traced(1, n, command)
	flushed := o.flushRow(group, all, n, flushes, err)
	return []measure.Row{
		{Group: group, Name: name, Value: float64(took.Milliseconds()), Unit: "ms",
			Detail: fmt.Sprintf("%s commands/s; %s", measure.Number(float64(int(float64(n)/took.Seconds()))), o.floor(flushed, n, 0))},
		measure.Row{Group: group, Name: "  requests with states (E6)", Value: float64(d.requests)}.AtMost(float64(tripBudget * n)),
		flushed,
	}
}

// singly measures one command after the other.
func (o office) singly(group, name string, times int, command func(int) any, flushes float64) []measure.Row {
	var took, requests measure.Sample
	for i := range times {
		d := o.send(1, func(int) any { return command(i) })
		took.Milliseconds(d.to.Sub(d.from))
		requests = append(requests, float64(d.requests))
	}
	all, err := o.traced(min(times, 5), 1, command)
	flushed := o.flushRow(group, all, 1, flushes, err)
	return []measure.Row{
		{Group: group, Name: name, Value: took.Median(), Unit: "ms",
			Detail: fmt.Sprintf("median of %d; p95 %s ms; %s", times, measure.Number(took.Percentile(95)), o.floor(flushed, 1, requests.Median()))},
		measure.Row{Group: group, Name: "  requests with states (E6)", Value: requests.Median(), Detail: "median"}.AtMost(tripBudget),
		flushed,
	}
}

// floor says what this machine needs for the flushes and the round trips of n commands alone.
func (o office) floor(flushed measure.Row, n int, trips float64) string {
	if flushed.Missing != "" {
		return "its flushes were not counted"
	}
	alone := float64(n)*flushed.Value*o.limits.Flush.Median() + trips*o.limits.Trip.Median()
	return fmt.Sprintf("its flushes and round trips alone take %s ms here", measure.Number(alone))
}

// flushRow is the flushes a command of some deliveries. Without strace it says that it is missing.
func (o office) flushRow(group string, all []delivery, n int, budget float64, err error) measure.Row {
	row := measure.Row{Group: group, Name: "  flushes of the disk", Unit: "a command", Detail: "traced with strace"}.AtMost(budget)
	if _, missing := exec.LookPath("strace"); missing != nil {
		return row.Absent("strace is not installed")
	}
	if o.context.Err() != nil {
		o.must(context.Cause(o.context))
	}
	if err != nil {
		return row.Absent(err.Error())
	}
	var each measure.Sample
	for _, d := range all {
		each = append(each, float64(d.flushes)/float64(n))
	}
	row.Value = each.Median()
	return row
}
