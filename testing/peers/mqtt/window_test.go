package mqtt

import (
	"fmt"
	"testing"
	"time"

	"oibus/testing/harness"
)

// A broker sends a few messages and waits for acknowledgements, which it gets once the messages are durable. To wait for
// the time of a flush each time would make the flow a trickle.
func TestABrokerThatWaitsForAcknowledgementsIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 10, 20, 100} {
		t.Run(fmt.Sprintf("after %d messages", window), func(t *testing.T) {
			t.Parallel()
			b := startBroker(t, "listener %port% 127.0.0.1", "allow_anonymous true", fmt.Sprintf("max_inflight_messages %d", window))
			id := fmt.Sprintf("w%d", window)
			r := newRecord()
			set := settings(b.address(), "1", false, map[string]any{"flushMessageTimeout": 1000})
			s := startSource(t, id, set, r, &memories{}, item("temp", "w/+"), item("probe", "probe/"+id))
			s.awaitConnected(b)
			c := client(t, b.address(), "p"+id, true)
			defer c.Disconnect(100)
			n := amount(10_000, 1000)
			start := time.Now()
			publishAll(t, c, func(i int) string { return fmt.Sprintf("w/%d", i%10) }, 1, 0, n)
			r.await(t, n+1)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%d messages took %s", n, took)
			}
			report(t, r, n, true)
		})
	}
}

// What a broker has confirmed is counted, not what it delivers: Mosquitto 2.0 forgets to go on with a listener at times
// when it may have few messages on their way.
func TestABrokerThatTakesFewMessagesAtOnceIsNotOverrun(t *testing.T) {
	t.Parallel()
	for _, window := range []int{1, 7} {
		for _, persistent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d messages, persistent %t", window, persistent), func(t *testing.T) {
				t.Parallel()
				b := startBroker(t, "listener %port% 127.0.0.1", "allow_anonymous true", fmt.Sprintf("max_inflight_messages %d", window))
				s := startSink(t, "few", settings(b.address(), "2", persistent, nil))
				s.accept(messages(func(i int) string { return fmt.Sprintf("few/%d", i%10) }, 0, 300))
				harness.Until(t, limit, "the broker has confirmed all", func() bool { _, _, waiting := s.Cache().Waiting(); return waiting == 0 })
			})
		}
	}
}
