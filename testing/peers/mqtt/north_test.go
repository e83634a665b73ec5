package mqtt

import (
	"fmt"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"oibus/testing/harness"
)

// listen subscribes to everything below topic, with a client that no one here wrote, and records it.
func listen(t testing.TB, b *broker, id, topic string, qos byte) (*record, paho.Client) {
	t.Helper()
	r := newRecord()
	c := client(t, b.address(), id, false)
	token := c.Subscribe(topic, qos, func(_ paho.Client, m paho.Message) {
		r.set(func(r *record) {
			r.counts[string(m.Payload())]++
			r.order[m.Topic()] = append(r.order[m.Topic()], string(m.Payload()))
		})
	})
	if !token.WaitTimeout(limit) || token.Error() != nil {
		t.Fatalf("cannot subscribe: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	return r, c
}

func TestContentsArePublishedInOrderAtEachQualityOfService(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, m := range modes {
		t.Run(fmt.Sprintf("QoS %s, persistent %t", m.qos, m.persistent), func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("n%s%t", m.qos, m.persistent)
			topic := func(int) string { return "out/" + id }
			r, _ := listen(t, b, "l"+id, topic(0), m.q)
			s := startSink(t, id, settings(b.address(), m.qos, m.persistent, nil))
			n := amount(20_000, 2000)
			for i := 0; i < n; i += 500 {
				s.accept(messages(topic, i, i+500))
			}
			r.await(t, n)
			harness.Until(t, limit, "the cache is empty", func() bool { _, _, waiting := s.Cache().Waiting(); return waiting == 0 })
			r.set(func(r *record) {
				for i, text := range r.order[topic(0)] {
					if text != fmt.Sprint(i) {
						t.Fatalf("value %d is %q", i, text)
					}
				}
				if len(r.order[topic(0)]) != n {
					t.Errorf("%d values came", len(r.order[topic(0)]))
				}
			})
		})
	}
}

func TestTheLineOfANorthIsCutInTheMiddleOfTrafficSweep(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, m := range modes {
		t.Run(fmt.Sprintf("QoS %s, persistent %t", m.qos, m.persistent), func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("nc%s%t", m.qos, m.persistent)
			topic := func(i int) string { return fmt.Sprintf("nc/%s/%d", id, i%10) }
			r, _ := listen(t, b, "l"+id, "nc/"+id+"/#", m.q)
			line := harness.NewLine(t, b.address())
			s := startSink(t, id, settings(line.Address, m.qos, m.persistent, nil))
			n := amount(100_000, 2000)
			const each = 250
			for i := 0; i < n; i += each {
				s.accept(messages(topic, i, i+each))
			}
			for i := range kills() {
				r.await(t, (i+1)*n/(kills()+2))
				line.Cut()
				time.Sleep(20 * time.Millisecond) // how long it lasts does not matter
				line.Mend()
			}
			r.await(t, n)
			harness.Until(t, limit, "the cache is empty", func() bool { _, _, waiting := s.Cache().Waiting(); return waiting == 0 })
			different, again, _ := r.got()
			t.Logf("%d values, %d of them came again", different, again)
			if different != n || m.q == 2 && m.persistent && again > 0 {
				t.Errorf("%d values came and %d came again; %d were sent", different, again, n)
			}
		})
	}
}
