package mqtt

import (
	"fmt"
	"os"
	"testing"
	"time"

	"oibus/testing/harness"
)

// kills is how often a broker dies, or a line is cut, in a test.
func kills() int { return amount(5, 2) }

// Mosquitto keeps what it was given in memory and writes it to the disk when it is asked to: what was on the disk when it
// is killed is what it knows later. So each part of the values is published, confirmed, and on the disk before the kill,
// which comes while they are on their way to the South. What the South has acknowledged since then comes again.
func TestTheBrokerIsKilledWhileASouthReceivesSweep(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		if !m.persistent {
			continue // the broker forgets by agreement what is not delivered when it dies
		}
		t.Run("QoS "+m.qos, func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			id := "kill" + m.qos
			r := newRecord()
			set := settings(b.address(), m.qos, true, map[string]any{"maxNumberOfMessages": 50})
			s := startSource(t, id, set, r, &memories{}, item("temp", "kill/#"), item("probe", "probe/"+id))
			s.awaitConnected(b)
			n := amount(100_000, 1000)
			part := n / kills()
			for i := range kills() {
				r.set(func(r *record) { r.slow = 5 * time.Millisecond }) // so that a part of them waits at the broker
				c := client(t, b.address(), fmt.Sprint("p", id, i), true)
				publishAll(t, c, func(i int) string { return fmt.Sprintf("kill/%d", i%7) }, m.q, i*part, (i+1)*part)
				c.Disconnect(100)
				b.save()
				r.await(t, i*part+part/4)
				b.Kill()
				r.set(func(r *record) { r.slow = 0 })
				b.Restart()
				r.await(t, (i+1)*part+1)
			}
			report(t, r, n, false)
		})
	}
}

// save has the broker write what it knows to the disk.
func (b *broker) save() {
	b.t.Helper()
	path := b.dir + "/mosquitto.db"
	before, _ := os.Stat(path) // there may be none yet
	if err := askToSave(b.Pid()); err != nil {
		b.t.Fatal(err)
	}
	harness.Until(b.t, limit, "the broker has written its memory", func() bool {
		after, err := os.Stat(path)
		return err == nil && (before == nil || after.ModTime() != before.ModTime())
	})
}

// The broker keeps what it has confirmed only when it is told to end.
func TestTheBrokerIsRestartedWhileANorthSendsSweep(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		t.Run(fmt.Sprintf("QoS %s, persistent %t", m.qos, m.persistent), func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			id := fmt.Sprintf("nk%s%t", m.qos, m.persistent)
			topic := func(i int) string { return fmt.Sprintf("nk/%d", i%7) }
			listening := max(m.q, 1) // what is at QoS 0 is delivered at QoS 0
			r, _ := listen(t, b, "l"+id, "nk/#", listening)
			s := startSink(t, id, settings(b.address(), m.qos, m.persistent, nil))
			n := amount(100_000, 2000)
			const each = 100
			for i := 0; i < n; i += each {
				s.accept(messages(topic, i, i+each))
			}
			for i := range kills() {
				harness.Until(t, limit, "a part is sent", func() bool {
					_, elements, _ := s.Cache().Waiting()
					return n-int(elements) >= (i+1)*n/(kills()+2)
				})
				b.Stop()
				b.Restart()
			}
			harness.Until(t, 5*limit, "the cache is empty", func() bool { _, _, waiting := s.Cache().Waiting(); return waiting == 0 })
			if m.q == 0 { // the listener was away too: the broker keeps nothing for it
				different, again, _ := r.got()
				t.Logf("%d of %d values, %d of them came again; the listener was away at times", different, n, again)
				return
			}
			r.await(t, n)
			different, again, _ := r.got()
			t.Logf("%d values, %d of them came again", different, again)
			if different != n {
				t.Errorf("%d values came, %d were sent", different, n)
			}
		})
	}
}

func TestTheAgentIsStoppedInTheMiddleOfTraffic(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	r := newRecord()
	s := startSource(t, "stops", settings(b.address(), "2", true, nil), r, &memories{}, item("temp", "stops/#"), item("probe", "probe/stops"))
	s.awaitConnected(b)
	n := amount(50_000, 4000)
	c := client(t, b.address(), "pstops", true)
	defer c.Disconnect(100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		publishAll(t, c, func(i int) string { return fmt.Sprintf("stops/%d", i%7) }, 2, 0, n)
	}()
	for i := range 4 {
		r.await(t, (i+1)*n/6)
		s.stop()
		s.start()
	}
	<-done
	r.await(t, n+1)
	report(t, r, n, true) // what was handed on was acknowledged before the agent left
}
