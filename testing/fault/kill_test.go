package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"oibus/launcher/handshake"
	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// ordeal is an agent that is killed again and again while a cloud that hardly works commands it.
type ordeal struct {
	t     *testing.T
	rng   *rand.Rand
	s     *site.Site
	mixer *mixer

	total, kills int
	options      site.Options
	attack       func() // kills something, and sees to it that it is started again
	pieces       []piece
	requests     atomic.Int64
	nextKill     int64     // at this many requests
	latestKill   time.Time // or then
	done         int       // kills
	kicked       int       // deaths at the start, before the agent answered
	restarted    int
}

func TestKilledWhileCommandedEachCommandEndsOnce(t *testing.T) {
	t.Parallel()
	(&ordeal{t: t, total: 100, kills: 8}).run(75 * time.Second)
}

func TestSweepKilledWhileCommandedEachCommandEndsOnce(t *testing.T) {
	sweep(t)
	t.Parallel()
	(&ordeal{t: t, total: 1000, kills: 80}).run(20 * time.Minute)
}

// flaky are the ways in which the cloud misbehaves. A confirmation that never came, but looks as if it had, is only
// told apart as a page: another 200 is a confirmation by the protocol.
func flaky(rng *rand.Rand) []cloudsim.Rule {
	twenty := int64(20)
	rules := []cloudsim.Rule{
		{Endpoint: "*", Probability: 0.04, Drop: true},
		{Endpoint: "*", Probability: 0.04, Drop: true, Process: true},
		{Endpoint: "*", Probability: 0.04, Status: 500},
		{Endpoint: "*", Probability: 0.02, Status: 502, Process: true},
		{Endpoint: "*", Probability: 0.02, Status: 429, RetryAfter: "1"},
		{Endpoint: "*", Probability: 0.02, Garbage: "captive-portal"},
		{Endpoint: "*", Probability: 0.10, DelayMS: 200},
		{Endpoint: "E4", Probability: 0.03, Garbage: "broken-json"},
		{Endpoint: "E4", Probability: 0.03, Garbage: "wrong-type"},
		{Endpoint: "E4", Probability: 0.03, Garbage: "empty"},
		{Endpoint: "E4", Probability: 0.05, TruncateAfter: &twenty},
		{Endpoint: "E4", Probability: 0.05, Body: []byte(`[42,null,"text",[],{"type":"restart-engine"},{"id":7,"type":"restart-engine"},{"id":"","type":"restart-engine"}]`)},
		{Endpoint: "E6", Probability: 0.03, Status: 404, Process: true},
	}
	for i := range rules {
		rules[i].Seed = rng.Uint64()
	}
	return rules
}

func (o *ordeal) run(limit time.Duration) {
	o.rng = dice(o.t)
	ctx, cancel := context.WithTimeout(o.t.Context(), limit)
	defer cancel()
	if o.attack == nil {
		o.attack = o.killAgent
	}
	o.options.Sim.OnRequest = func(cloudsim.Request) { o.requests.Add(1) }
	o.s = site.Start(o.t, o.options)
	o.mixer = newMixer(ctx, o.t, o.s, o.rng, o.total)
	for _, r := range flaky(o.rng) {
		if _, err := o.s.Sim.AddRule(r); err != nil {
			o.t.Fatal(err)
		}
	}
	start := time.Now()
	o.scheduleKill()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !o.over(ctx) {
		select {
		case <-tick.C:
			o.step()
		case <-ctx.Done():
			o.t.Fatalf("not over after %v: %s\n%s", limit, o.progress(), o.s.Output())
		}
	}
	j := &judge{t: o.t, s: o.s, pieces: o.pieces}
	j.run(ctx)
	o.t.Logf("%d commands, %d kills, %d of them at the start, %d restarts by command, %d requests, in %.1f s: %v",
		len(o.pieces), o.done+o.kicked, o.kicked, o.restarted, o.requests.Load(), time.Since(start).Seconds(), j.counts)
}

// step is a moment of the ordeal: commands arrive, some are cancelled, the agent is killed, and started again.
func (o *ordeal) step() {
	o.t.Helper()
	share := o.total * (o.done + 1) / (o.kills + 1) // so that there is something to do after each kill
	if len(o.pieces) < share && o.rng.IntN(10) == 0 {
		o.queue(min(1+o.rng.IntN(12), share-len(o.pieces)))
	}
	o.meddle()
	if !o.s.Running() {
		if code := o.s.WaitExit(time.Second); code != handshake.ExitRestart {
			o.t.Fatalf("the program ended with %d, which nobody asked for\n%s", code, o.s.Output())
		}
		o.restarted++
		o.s.Launch()
	}
	if o.done < o.kills && (o.requests.Load() >= o.nextKill && o.busy() || time.Now().After(o.latestKill)) {
		pause(between(o.rng, 0, 40*time.Millisecond))
		o.attack()
		o.done++
		o.scheduleKill()
	}
}

// busy tells whether the agent has work: most kills should hit it in the middle of a command.
func (o *ordeal) busy() bool {
	waiting := 0
	for _, p := range slices.Backward(o.pieces) {
		if c, err := o.s.Sim.Command(p.id); err == nil && c.Deliveries > 0 && !terminal(c.Status) {
			waiting++
		}
		if waiting == 3 {
			return true
		}
	}
	return false
}

// killAgent kills an agent that runs alone, now and then again before it has started.
func (o *ordeal) killAgent() {
	o.s.Kill()
	for o.rng.IntN(4) == 0 {
		o.s.Launch()
		pause(between(o.rng, 0, 150*time.Millisecond))
		o.s.Kill()
		o.kicked++
	}
	o.s.Launch() // what waits may end it again before it could be asked
}

// scheduleKill spreads the kills over the requests that the commands cause.
func (o *ordeal) scheduleKill() {
	o.nextKill = o.requests.Load() + 1 + o.rng.Int64N(6)
	o.latestKill = time.Now().Add(between(o.rng, 100*time.Millisecond, 2*time.Second))
}

func (o *ordeal) queue(n int) {
	for range n {
		p := o.mixer.next()
		o.pieces = append(o.pieces, p)
		o.s.Queue(p.body)
		if p.twice && !p.cancel && o.rng.IntN(2) == 0 {
			o.s.Queue(p.body) // twice in one answer
		}
	}
}

// meddle cancels a command, or delivers one again that has ended.
func (o *ordeal) meddle() {
	if len(o.pieces) == 0 || o.rng.IntN(3) > 0 {
		return
	}
	recent := min(len(o.pieces), 5+o.rng.IntN(len(o.pieces))) // those that may still wait, more often than old ones
	p := &o.pieces[len(o.pieces)-1-o.rng.IntN(recent)]
	c, err := o.s.Sim.Command(p.id)
	if err != nil {
		o.t.Fatal(err)
	}
	switch {
	case p.cancel && !terminal(c.Status):
		_ = o.s.Sim.Cancel(p.id) // too late when it runs
		p.cancel = false
	case p.twice && terminal(c.Status) && c.Status != cloudsim.CommandCancelled: // that one the agent may never have seen
		o.s.Queue(p.body)
		p.twice, p.cancel = false, false // the second of two with one id could be cancelled unknown to the agent
	}
}

// over tells whether everything was done and told.
func (o *ordeal) over(ctx context.Context) bool {
	if len(o.pieces) < o.total || o.done < o.kills {
		return false
	}
	for _, p := range o.pieces {
		if c, err := o.s.Sim.Command(p.id); err != nil || !terminal(c.Status) {
			return false
		}
	}
	state, err := overview(ctx, o.s.Client)
	return err == nil && state.Commands.Waiting+state.Commands.Running+state.Commands.Unacknowledged == 0
}

func (o *ordeal) progress() string {
	counts := map[string]int{}
	for _, p := range o.pieces {
		if c, err := o.s.Sim.Command(p.id); err == nil {
			counts[c.Status]++
		}
	}
	return fmt.Sprintf("%d of %d commands queued, %d of %d kills done, %v", len(o.pieces), o.total, o.done, o.kills, counts)
}

// state is what the page shows of the agent.
type state struct {
	Commands struct {
		Waiting        int `json:"waiting"`
		Running        int `json:"running"`
		Completed      int `json:"completed"`
		Unacknowledged int `json:"unacknowledged"`
	} `json:"commands"`
	Registration struct {
		Status string `json:"status"`
	} `json:"registration"`
	Info struct {
		ID   string `json:"oibusId"`
		Name string `json:"oibusName"`
	} `json:"info"`
	Incidents []struct {
		File   string `json:"file"`
		Reason string `json:"reason"`
		Action string `json:"action"`
	} `json:"incidents"`
}

func overview(ctx context.Context, c *harness.Client) (state, error) {
	var s state
	return s, c.JSON(ctx, "GET", "/page/overview", nil, &s)
}
