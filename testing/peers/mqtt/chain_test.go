package mqtt

import (
	"fmt"
	"testing"
	"time"

	"oibus/testing/harness"
)

// At QoS 2, in sessions that last, each value comes through once, though both lines are cut. When Mosquitto 2.0 is
// restarted it sends some messages again that it has released already, which a client must take for new ones.
func TestFromANorthToASouthEachValueComesOnceSweep(t *testing.T) {
	t.Parallel()
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("with restarts %t", restarts), func(t *testing.T) {
			t.Parallel()
			b := startBroker(t)
			here, there := harness.NewLine(t, b.address()), harness.NewLine(t, b.address())
			r := newRecord()
			in := startSource(t, "chain", settings(there.Address, "2", true, nil), r, &memories{}, item("temp", "chain/+"), item("probe", "probe/chain"))
			in.awaitConnected(b)
			out := startSink(t, "link", settings(here.Address, "2", true, nil))
			n := amount(100_000, 2000)
			// Part by part: Mosquitto 2.0 sends all that waits again after each cut, however much it is, and with more than
			// 65,535 messages on their way it uses an identifier twice.
			part, accepted := n/(kills()+2), 0
			accept := func(end int) {
				const each = 100
				for ; accepted < end; accepted += each {
					out.accept(messages(func(i int) string { return fmt.Sprintf("chain/%d", i%7) }, accepted, min(accepted+each, end)))
				}
				accepted = end
			}
			for i := range kills() {
				accept((i + 2) * part)
				r.await(t, (i+1)*part)
				for _, line := range []*harness.Line{here, there} {
					line.Cut()
					time.Sleep(20 * time.Millisecond) // how long it lasts does not matter
					line.Mend()
				}
				if restarts {
					r.await(t, (2*i+3)*part/2)
					b.Stop()
					b.Restart()
				}
			}
			accept(n)
			r.await(t, n+1)
			harness.Until(t, limit, "the cache is empty", func() bool { _, _, waiting := out.Cache().Waiting(); return waiting == 0 })
			report(t, r, n, !restarts)
		})
	}
}
