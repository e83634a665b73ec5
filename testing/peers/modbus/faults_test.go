package modbus

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/testing/harness"
)

const (
	kills      = 5
	perTick    = 1000 // values of one reading
	perContent = 25
)

// faults kills the server and cuts the line in turn, each in the middle of what runs meanwhile.
type faults struct {
	t    testing.TB
	s    *server
	line *harness.Line
	done int
}

// at strikes when its turn has come: step of steps. The line is mended, and the server restarted, a little later.
func (f *faults) at(step, steps int) (settled chan struct{}) {
	settled = make(chan struct{})
	if due := steps * (f.done + 1) / (2*kills + 1); f.done == 2*kills || step < due {
		close(settled)
		return settled
	}
	f.done++
	kill := f.done%2 == 1
	go func() {
		defer close(settled)
		time.Sleep(3 * time.Millisecond) // into the middle of what is sent now
		if kill {
			f.s.Kill()
		} else {
			f.line.Cut()
		}
	}()
	return settled
}

// mend undoes what was done.
func (f *faults) mend() {
	f.line.Mend()
	if f.done%2 == 1 {
		f.s.Restart()
	}
}

// TestNoValueIsLostOrDoubledWhileTheServerIsKilledSweep reads through a server that is killed and a line that is cut. A
// reading is whole or an error: what was read before the break is handed on once, the next one is whole again.
func TestNoValueIsLostOrDoubledWhileTheServerIsKilledSweep(t *testing.T) {
	t.Parallel()
	values := 20_000
	if sweep() {
		values = 100_000
	}
	s := startServer(t)
	line := harness.NewLine(t, s.address())
	r := newReader(t, connection(portOf(t, line.Address), nil))
	connect(t, r)
	f := &faults{t: t, s: s, line: line}
	var items []south.Item
	for address := range perTick {
		items = append(items, itemOf(strconv.Itoa(address), "holding-register", address, map[string]any{"dataType": "uint16", "multiplierCoefficient": 1}))
	}
	whole, partial, broken := 0, 0, 0
	start := time.Now()
	for whole*perTick < values {
		struck := f.done
		settled := f.at(whole, values/perTick)
		got, err := r.read(items)
		<-settled
		for name, value := range got {
			address, convertErr := strconv.Atoi(name)
			if convertErr != nil || value != fmt.Sprint(word(address)) {
				t.Fatalf("%s is %s", name, value)
			}
		}
		switch {
		case err == nil && len(got) == perTick:
			whole++
		case err == nil:
			t.Fatalf("%d values without an error", len(got))
		default:
			broken++
			partial += len(got)
		}
		if f.done > struck {
			f.mend()
			connect(t, r)
		} else if err != nil {
			t.Fatalf("an error without a fault: %v", err)
		}
	}
	if f.done != 2*kills {
		t.Errorf("%d faults", f.done)
	}
	t.Logf("%d values in %d whole readings, %d broken by %d kills and %d cuts, with %d values before the break, %.1f s", whole*perTick, whole, broken, kills, kills, partial, time.Since(start).Seconds())
}

// TestEveryWriteArrivesWhileTheServerIsKilledSweep writes through a server that is killed and a line that is cut. What was
// on its way when the connection broke may have arrived without its answer: it is written twice, and nothing else is.
func TestEveryWriteArrivesWhileTheServerIsKilledSweep(t *testing.T) {
	t.Parallel()
	values := 1_000
	if sweep() {
		values = 100_000
	}
	s := startServer(t)
	line := harness.NewLine(t, s.address())
	w := newWriter(t, connection(portOf(t, line.Address), nil))
	connect(t, w)
	f := &faults{t: t, s: s, line: line}
	var want []string
	start := time.Now()
	broken := 0
	for len(want) < values {
		var elements []string
		for range perContent {
			address, value := len(want)%50_000, len(want)*31%65_536
			elements = append(elements, set("register", address, value))
			want = append(want, fmt.Sprintf("register %d %d", address, value))
		}
		struck := f.done
		settled := f.at(len(want)/perContent-1, values/perContent)
		d := delivery(time.Now(), elements...)
		err := w.Send(t.Context(), d)
		<-settled
		if f.done > struck {
			f.mend()
			connect(t, w)
		}
		if err == nil {
			continue
		}
		again, ok := north.IsAgain(err)
		if broken++; !ok || again.Answer || f.done == struck {
			t.Fatalf("got %v", err)
		}
		if err := w.Send(t.Context(), d); err != nil {
			t.Fatalf("the second time: %v", err)
		}
	}
	arrived, twice := 0, 0
	for _, line := range s.writes(t) {
		switch {
		case arrived < len(want) && line == want[arrived]:
			arrived++
		case arrived > 0 && line == want[arrived-1]:
			twice++
		default:
			t.Fatalf("behind %d writes: %s", arrived, line)
		}
	}
	if arrived != values || twice > broken || f.done != 2*kills {
		t.Errorf("%d of %d arrived, %d twice, %d broken, %d faults", arrived, values, twice, broken, f.done)
	}
	t.Logf("%d values in %d contents, %d broken by %d kills and %d cuts, %d writes twice, %.1f s", arrived, values/perContent, broken, kills, kills, twice, time.Since(start).Seconds())
}
