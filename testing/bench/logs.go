package main

import (
	"fmt"
	"path/filepath"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

const (
	forwardLimit = 4 * time.Minute
	memoryLook   = 50 * time.Millisecond
	// backlogGrowth is what the memory may grow, in MB, between the first and the second half of a backlog: noise of
	// the collector, and no more.
	backlogGrowth = 8
	logSettings   = "[log.oia]\nlevel = \"info\"\ninterval = 10\n"
)

// logs measures how a backlog of log lines is forwarded: the agent stops, the journal grows, the agent starts.
func logs(s *stage, n size) []measure.Row {
	t := newTally(n.lines)
	sim := s.simulator(cloudsim.Options{
		Record: true, Limits: cloudsim.Limits{RequestCount: 20, RequestBytes: 16 << 20},
		OnRequest: func(r cloudsim.Request) {
			if r.Endpoint == "E10" && r.Status/100 == 2 {
				t.add(r.Body, time.Now())
			}
		},
	})
	a := harness.Start(s, harness.Options{Settings: logSettings})
	known := a.RegisterWith(sim, harness.RegistrationForm(sim.URL()))
	ctx, cancel := s.within(forwardLimit)
	defer cancel()
	_, err := sim.WaitLogs(ctx, cloudsim.LogFilter{Agent: known.ID}, 1)
	s.must(err)
	a.Stop() // with everything sent, so that the forwarding goes on where the prepared lines begin
	s.must(prepareJournal(filepath.Join(a.Dir, "logs"), n.lines))

	start := time.Now()
	a.Launch()
	peaks, err := s.watch(a, t, start)
	s.must(err)
	return logRows(n.lines, t, start, peaks)
}

// peaks are what the agent took while it forwarded.
type peaks struct {
	halves  [2]uint64 // resident memory, while the first and while the second half arrived
	cpu     time.Duration
	missing error // why they are not known
}

// watch waits until all lines have arrived.
func (s *stage) watch(a *harness.Agent, t *tally, start time.Time) (p peaks, err error) {
	ctx, cancel := s.within(forwardLimit)
	defer cancel()
	tick := time.NewTicker(memoryLook)
	defer tick.Stop()
	for {
		select {
		case <-t.all:
			times, err := measure.TimesOf(a.PID())
			if p.cpu = times.CPU; p.missing == nil {
				p.missing = err
			}
			return p, nil
		case <-ctx.Done():
			arrived, _ := t.count()
			return p, fmt.Errorf("%d of %d log lines arrived within %s\n%s", arrived, len(t.seen), time.Since(start).Round(time.Second), a.Output())
		case <-tick.C:
		}
		m, err := measure.MemoryOf(a.PID())
		if err != nil {
			p.missing = err
			continue
		}
		arrived, _ := t.count()
		half := &p.halves[arrived*2/(len(t.seen)+1)]
		*half = max(*half, m.Resident)
	}
}

func logRows(lines int, t *tally, start time.Time, p peaks) []measure.Row {
	group := fmt.Sprintf("%s log lines of an outage, forwarded", measure.Number(float64(lines)))
	arrived, back := t.count()
	took := t.last.Sub(start)
	rows := []measure.Row{
		{Group: group, Name: "from the start of the agent", Value: float64(lines) / took.Seconds(), Unit: "lines/s", Detail: fmt.Sprintf("%.1f s", took.Seconds())},
		measure.Row{Group: group, Name: "lost or repeated", Value: float64(lines - arrived + back), Unit: "lines", Detail: "each line is numbered"}.AtMost(0),
	}
	cpu := measure.Row{Group: group, Name: "processor time of the agent", Value: p.cpu.Seconds(), Unit: "s"}
	grown := measure.Row{Group: group, Name: "memory growth with the backlog", Unit: "MB"}.AtMost(backlogGrowth)
	if p.missing != nil {
		return append(rows, cpu.Absent(p.missing.Error()), grown.Absent(p.missing.Error()))
	}
	first, second := float64(p.halves[0])/mebibyte, float64(p.halves[1])/mebibyte
	cpu.Detail = fmt.Sprintf("%.1f µs a line", float64(p.cpu.Microseconds())/float64(lines))
	grown.Value = max(0, second-first)
	grown.Detail = fmt.Sprintf("most resident: first half %s MB, second half %s MB", measure.Number(first), measure.Number(second))
	return append(rows, cpu, grown)
}
