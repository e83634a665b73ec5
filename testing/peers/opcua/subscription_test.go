package opcua

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/agent/south"
	"oibus/testing/harness"
)

func (r *rig) subscribe(items ...south.Item) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := r.conn.(south.Subscriber).Subscribe(ctx, items); err != nil {
		r.t.Fatalf("%v\n%s", err, r.journal)
	}
}

func (r *rig) unsubscribe(items ...south.Item) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := r.conn.(south.Subscriber).Unsubscribe(ctx, items); err != nil {
		r.t.Fatal(err)
	}
}

// arrived is how often each value of each point has come.
func (r *rig) arrived() map[string]int {
	n := map[string]int{}
	for _, v := range r.got() {
		n[v.PointID+" "+valueOf(r.t, v)]++
	}
	return n
}

func many(t *testing.T, n int) []south.Item {
	t.Helper()
	items := make([]south.Item, n)
	for i := range items {
		items[i] = item(t, fmt.Sprintf("m%d", i), fmt.Sprintf("ns=1;s=M%d", i), nil)
	}
	return items
}

// tick changes all nodes of the server, not over a line.
func (s *sender) tick(t *testing.T, value int) {
	t.Helper()
	for s.send("tick"+strconv.Itoa(value), fmt.Sprintf(`[{"nodeId":"ns=1;s=Tick","value":%d}]`, value)) != nil {
		s.again(t)
	}
}

// until waits until all of n points have given value.
func (r *rig) until(n, value int) {
	r.t.Helper()
	suffix := " " + strconv.Itoa(value)
	harness.Until(r.t, limit, fmt.Sprintf("value %d of %d points", value, n), func() bool {
		points := map[string]bool{}
		for _, v := range r.got() {
			if strings.HasSuffix(string(v.Data), `"quality":"Good"}`) && " "+valueOf(r.t, v) == suffix {
				points[v.PointID] = true
			}
		}
		return len(points) == n
	})
}

func changesArrive(t *testing.T, server *peer) {
	driver := newSender(t, plain(server.url()))
	driver.connect(t)
	r := newRig(t, plain(server.url()))
	r.connect()
	items := many(t, 20)
	r.subscribe(append(items, item(t, "nowhere", "ns=1;s=Nowhere", nil), item(t, "bad", "bad", nil))...)
	r.until(20, 0) // as the server has started
	driver.tick(t, 1)
	r.until(20, 1)
	if !strings.Contains(r.journal.String(), "BadNodeIdUnknown") {
		t.Error("nobody is told of the node that is not there")
	}
	r.unsubscribe(items[10:]...)
	r.clear()
	driver.tick(t, 2)
	r.until(10, 2)
	r.subscribe(items[10:15]...)
	r.until(15, 2)
}

func whatWasReceivedIsHandedOn(t *testing.T, server *peer) {
	settings := plain(server.url())
	settings["flushMessageTimeout"] = 1_000_000
	r := newRig(t, settings)
	r.connect()
	r.subscribe(many(t, 5)...)
	time.Sleep(time.Second) // nothing shows that they have come, which is what is tested
	if n := len(r.got()); n != 0 {
		t.Errorf("%d values came before the flush", n)
	}
	r.disconnect()
	if n := len(r.got()); n != 5 {
		t.Errorf("%d values came, want 5", n)
	}
}

func whatIsNotTakenComesAgain(t *testing.T, server *peer) {
	driver := newSender(t, plain(server.url()))
	driver.connect(t)
	settings := plain(server.url())
	settings["maxNumberOfMessages"] = 20
	r := newRig(t, settings)
	r.connect()
	r.mu.Lock()
	r.refuse = errRefused
	r.mu.Unlock()
	r.subscribe(many(t, 50)...)
	time.Sleep(400 * time.Millisecond) // longer than the server takes to notice
	for i := 101; i <= 105; i++ {
		driver.tick(t, i)
		time.Sleep(400 * time.Millisecond)
	}
	r.mu.Lock()
	r.refuse = nil
	r.mu.Unlock()
	for i := 101; i <= 105; i++ {
		r.until(50, i)
	}
	if len(r.got()) != 50*6 {
		t.Errorf("%d values came, want %d", len(r.got()), 50*6)
	}
}

// TestSweepChangesArriveWhateverHappensToTheServer changes nodes while the line is cut and the server is killed. What
// changes while the line is cut is kept by the server, with the session and the subscription; a server that was killed
// has forgotten both, and what it has then comes when it is subscribed again.
func TestSweepChangesArriveWhateverHappensToTheServer(t *testing.T) {
	t.Parallel()
	points, ticks, kills, cuts := 200, 6, 1, 1
	if sweep() {
		points, ticks, kills, cuts = 1000, 100, 5, 5
	}
	server := startNode(t, map[string]any{"many": points})
	driver := newSender(t, plain(server.url()))
	driver.connect(t)
	line := newLine(t, server)
	r := newRig(t, plain(line.url))
	r.connect()
	items := many(t, points)
	r.subscribe(items...)
	r.until(points, 0)
	step := ticks / (kills + cuts)
	killed, cut := 0, 0
	for n := 1; n <= ticks; n++ {
		interrupt := n%step == 0
		switch {
		case interrupt && cut < cuts:
			cut++
			line.Cut()
		case interrupt && killed < kills:
			killed++
			server.Kill()
			server.Restart()
		}
		driver.tick(t, n)
		if interrupt {
			time.Sleep(400 * time.Millisecond) // the server has noticed, and nobody fetches it
			line.Mend()
			<-r.lost
			r.again()
			r.subscribe(items...)
		}
		r.until(points, n)
	}
	seen := r.arrived()
	again := 0
	for key, n := range seen {
		if !strings.HasSuffix(key, " 0") {
			again += n - 1
		}
	}
	t.Logf("%d changes arrived, %d of them again, after %d kills and %d cuts", len(seen)-points, again, killed, cut)
	if len(seen) != points*(ticks+1) {
		t.Errorf("%d different values came, want %d", len(seen), points*(ticks+1))
	}
	if strings.Count(r.journal.String(), "goes on where it was interrupted") != cut {
		t.Errorf("the subscription was not taken up %d times", cut)
	}
}

func theWatchdog(t *testing.T, server *peer) {
	settings := plain(server.url())
	settings["readTimeout"] = 2000
	r := newRig(t, settings)
	r.connect()
	r.subscribe(many(t, 1)...)
	harness.Until(t, limit, "the first value", func() bool { return len(r.got()) > 0 })
	if err := stop(server.Pid()); err != nil {
		t.Skipf("a server cannot be held here: %v", err)
	}
	select {
	case err := <-r.lost:
		if !strings.HasPrefix(err.Error(), "OPC-UA subscription watchdog: no keepalive or data received for ") {
			t.Errorf("got %v", err)
		}
	case <-time.After(limit):
		t.Error("nobody notices")
	}
	server.Kill()
}
