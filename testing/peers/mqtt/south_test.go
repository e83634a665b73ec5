package mqtt

import (
	"fmt"
	"testing"
	"time"

	"oibus/testing/harness"
)

func one(int) string { return "plant/a/temp" }

// modes are the qualities of service with and without a session that lasts.
var modes = []struct {
	qos        string
	q          byte
	persistent bool
}{{"0", 0, false}, {"1", 1, false}, {"1", 1, true}, {"2", 2, false}, {"2", 2, true}}

func TestValuesComeInOrderAtEachQualityOfService(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, m := range modes {
		t.Run(fmt.Sprintf("QoS %s, persistent %t", m.qos, m.persistent), func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("s%s%t", m.qos, m.persistent)
			r := newRecord()
			s := startSource(t, id, settings(b.address(), m.qos, m.persistent, nil), r, &memories{}, item("temp", "plant/"+id+"/+"), item("probe", "probe/"+id))
			s.awaitConnected(b)
			r.await(t, 1)
			n := amount(20_000, 2000)
			c := client(t, b.address(), "p"+id, true)
			defer c.Disconnect(100)
			publishAll(t, c, func(int) string { return "plant/" + id + "/temp" }, m.q, 0, n)
			r.await(t, n+1)
			report(t, r, n, true)
			r.set(func(r *record) {
				for i, text := range r.order["plant/"+id+"/temp"] {
					if text != fmt.Sprint(i) {
						t.Fatalf("value %d is %q", i, text)
					}
				}
			})
			s.stop()
		})
	}
}

func TestAPersistentSessionBringsWhatWasPublishedMeanwhile(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, m := range modes {
		t.Run(fmt.Sprintf("QoS %s, persistent %t", m.qos, m.persistent), func(t *testing.T) {
			t.Parallel()
			id := fmt.Sprintf("a%s%t", m.qos, m.persistent)
			topic := func(int) string { return "away/" + id }
			r := newRecord()
			s := startSource(t, id, settings(b.address(), m.qos, m.persistent, nil), r, &memories{}, item("temp", topic(0)), item("probe", "probe/"+id))
			s.awaitConnected(b)
			c := client(t, b.address(), "p"+id, true)
			defer c.Disconnect(100)
			publishAll(t, c, topic, m.q, 0, 100)
			r.await(t, 101)
			s.stop()
			publishAll(t, c, topic, m.q, 100, 200)
			s.start()
			want := 101
			if m.persistent {
				want = 201
			}
			r.await(t, want)
			s.awaitConnected(b)
			publishAll(t, c, topic, m.q, 200, 300)
			r.await(t, want+100)
			different, again, _ := r.got()
			r.set(func(r *record) { again -= r.counts["probe"] - 1 })
			if different != want+100 || again != 0 {
				t.Errorf("%d values came, and %d again; want %d", different, again, want+100)
			}
		})
	}
}

func TestWhatIsNotTakenIsNotAcknowledgedSweep(t *testing.T) {
	t.Parallel()
	if !sweeping() {
		t.Skip("a stop takes some seconds while nothing is taken: OIBUS_SWEEP=1")
	}
	b := startBroker(t)
	r := newRecord()
	m := &memories{}
	s := startSource(t, "held", settings(b.address(), "1", true, nil), r, m, item("temp", one(0)), item("probe", "probe/held"))
	s.awaitConnected(b)
	r.set(func(r *record) { r.hold = fmt.Errorf("every north is full") })
	c := client(t, b.address(), "pheld", true)
	defer c.Disconnect(100)
	publishAll(t, c, one, 1, 0, 5000)
	s.stop() // as a crash would be: nothing was taken
	r.set(func(r *record) { r.hold = nil })
	s.start()
	r.await(t, 5001)
}

func TestTheLineIsCutInTheMiddleOfTrafficSweep(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	for _, m := range modes {
		if !m.persistent {
			continue
		}
		t.Run("QoS "+m.qos, func(t *testing.T) {
			t.Parallel()
			id := "cut" + m.qos
			topic := func(i int) string { return fmt.Sprintf("cut/%s/%d", m.qos, i%10) }
			line := harness.NewLine(t, b.address())
			r := newRecord()
			s := startSource(t, id, settings(line.Address, m.qos, true, nil), r, &memories{}, item("temp", "cut/"+m.qos+"/#"), item("probe", "probe/"+id))
			s.awaitConnected(b)
			n := amount(100_000, 2000)
			c := client(t, b.address(), "p"+id, true)
			defer c.Disconnect(100)
			done := make(chan struct{})
			go func() {
				defer close(done)
				publishAll(t, c, topic, m.q, 0, n)
			}()
			for i := range kills() {
				r.await(t, (i+1)*n/(kills()+2))
				line.Cut()
				time.Sleep(20 * time.Millisecond) // how long it lasts does not matter
				line.Mend()
			}
			<-done
			r.await(t, n+1)
			report(t, r, n, m.q == 2)
		})
	}
}

// report checks that all values came, and says how many came again. exactly says that none may.
func report(t *testing.T, r *record, n int, exactly bool) {
	t.Helper()
	different, again, contents := r.got()
	probes := 0
	r.set(func(r *record) { probes = r.counts["probe"] - 1 })
	t.Logf("%d values, %d of them came again, in %d contents", different-1, again-probes, contents)
	if different != n+1 || exactly && again-probes > 0 {
		t.Errorf("%d values came and %d came again; %d were published", different-1, again-probes, n)
	}
}
