package north

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/cache"
	"oibus/agent/content"
)

var (
	errDown  = errors.New("connection refused")
	errWrong = errors.New("invalid file")
)

// failing answers with err until the try before n.
func failing(n int, err error) func(int, delivered) error {
	return func(try int, _ delivered) error {
		if try < n {
			return err
		}
		return nil
	}
}

func TestContentIsSentInTheOrderItCame(t *testing.T) {
	t.Parallel()
	g := newTarget()
	g.answer = failing(4, Again(errDown))
	r, _ := run(t, t.TempDir(), north(), g)
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprintf("f%02d", i))
		accept(t, r, fileNamed(want[i], "x"), fromSouth("i1"))
	}
	until(t, "sent", func() bool { return len(g.list()) == 30 })
	if got := g.names(); !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	until(t, "empty", func() bool { return r.Cache().Stats().Cached == 0 })
}

func TestATickSendsAllThatWaits(t *testing.T) {
	t.Parallel()
	g := newTarget()
	r, _ := run(t, t.TempDir(), onTick(), g)
	until(t, "connected", func() bool { return r.State().Connected })
	for i := range 20 {
		accept(t, r, fileNamed(fmt.Sprint(i), "x"), fromSouth("i1"))
	}
	accept(t, r, numbered(25_000), fromSouth("i1"))
	r.Tick("hour")
	if len(g.list()) > 0 {
		t.Fatal("sent at the tick of another scan mode")
	}
	r.Tick("minute")
	until(t, "sent", func() bool { return len(g.list()) == 23 })
	for i, want := range []int{10000, 10000, 5000} {
		if got := g.list()[20+i]; got.elements != want || got.kind != content.TimeValues {
			t.Errorf("portion %d has %d elements", i, got.elements)
		}
	}
}

func TestWhatComesDuringARunWaitsForTheNextTick(t *testing.T) {
	t.Parallel()
	g := newTarget()
	hold := make(chan struct{})
	g.hold = hold
	r, _ := run(t, t.TempDir(), onTick(), g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	r.Tick("minute")
	<-g.sendStart
	accept(t, r, fileNamed("b", "x"), fromSouth("i1"))
	g.set(func(g *target) { g.hold = nil })
	close(hold)
	until(t, "sent", func() bool { return r.Cache().Stats().Cached == 1 })
	r.Tick("minute")
	until(t, "sent", func() bool { return slices.Equal(g.names(), []string{"a", "b"}) })
}

func TestSmallContentsAreJoined(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Trigger.NumberOfElements = 50
	g := newTarget()
	r, _ := run(t, t.TempDir(), n, g)
	for range 49 {
		accept(t, r, numbered(1), fromSouth("i1"))
	}
	if len(g.list()) > 0 {
		t.Fatal("sent too early")
	}
	accept(t, r, numbered(1), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	if got := g.list()[0]; got.elements != 50 {
		t.Fatalf("%+v", got)
	}
}

func TestAnErrorIsTriedAgainAsOftenAsTheSettingsSay(t *testing.T) {
	t.Parallel()
	g := newTarget()
	g.answer = func(_ int, d delivered) error {
		if d.name == "bad" {
			return errWrong
		}
		return nil
	}
	r, l := run(t, t.TempDir(), north(), g)
	accept(t, r, fileNamed("bad", "x"), fromSouth("i1"))
	accept(t, r, fileNamed("good", "y"), fromSouth("i1"))
	until(t, "sent", func() bool { return slices.Equal(g.names(), []string{"good"}) })
	if g.tries != 5 {
		t.Errorf("%d attempts in all, want 4 of the first and 1 of the second", g.tries)
	}
	errored := found(t, r, cache.InError)
	if len(errored) != 1 || errored[0].Metadata.ContentFile != "bad" {
		t.Fatalf("%+v", errored)
	}
	text := `Could not send content \"{\"filename\":\"` + errored[0].Filename + `\",\"metadata\":{\"contentFile\":\"bad\",\"contentSize\":1,\"createdAt\":\"`
	if l.count(text) != 4 || l.count(`\"any\"}}\" (3). Error: invalid file`) != 1 || l.count("Moving content into error after 4 errors") != 1 {
		t.Error(l.text())
	}
	until(t, "the state is that of the success", func() bool { return r.State().LastError == "" })
	if s := r.State(); s.LastErrorAt.IsZero() || !s.Connected || !s.Running {
		t.Errorf("%+v", s)
	}
}

func TestAttemptsOutliveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := north()
	n.Caching.Error.RetryInterval = 60_000
	var tries int
	for range 4 {
		g := newTarget()
		g.answer = failing(1000, errWrong)
		r, _ := run(t, dir, n, g)
		if tries == 0 {
			accept(t, r, fileNamed("bad", "x"), fromSouth("i1"))
		}
		<-g.sendStart
		until(t, "failed", func() bool { return !r.State().LastErrorAt.IsZero() })
		tries++
		stop(t, r)
	}
	g := newTarget()
	r, _ := run(t, dir, n, g)
	if e := found(t, r, cache.InError); len(e) != 1 || len(g.list()) > 0 {
		t.Fatalf("after 4 attempts: %+v", e)
	}
}

func TestWhatMaySucceedLaterIsTriedForEver(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Error.RetryInterval, n.Caching.Error.RetryCount = 1, 0
	g := newTarget()
	g.answer = failing(30, Again(errDown))
	r, l := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	if len(found(t, r, cache.InError)) > 0 || l.count("Moving content") > 0 {
		t.Error(l.text())
	}
}

func TestNewContentAndTicksDoNotBringARetryForward(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Error.RetryInterval = 60_000
	g := newTarget()
	g.answer = failing(1000, errWrong)
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	for i := range 50 {
		accept(t, r, fileNamed(fmt.Sprint(i), "x"), fromSouth("i1"))
		r.Tick("minute")
		if err := r.Update(n); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.sendStart) > 0 {
		t.Error("tried again before it was time")
	}
}

func TestATargetMayAskForMoreTime(t *testing.T) {
	t.Parallel()
	g := newTarget()
	g.answer = failing(2, &AgainError{Err: errDown, After: 300 * time.Millisecond, Answer: true})
	n := north()
	n.Caching.Error.RetryInterval = 1
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	if d := g.tryTimes[1].Sub(g.tryTimes[0]); d < 300*time.Millisecond {
		t.Errorf("tried again after %v", d)
	}
}

func TestWhatTheTargetRefusesForEverLetsTheOthersPass(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Error.RetryInterval, n.Caching.Error.RetryCount = 1, 0
	g := newTarget()
	g.answer = func(_ int, d delivered) error {
		if d.name == "poison" {
			return &AgainError{Err: errors.New("404"), Answer: true}
		}
		return nil
	}
	r, l := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("poison", "x"), fromSouth("i1"))
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	accept(t, r, fileNamed("b", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return slices.Equal(g.names(), []string{"a", "b"}) && r.Cache().Stats().Cached == 1 })
	if g.tries < 12 || len(found(t, r, cache.InError)) > 0 {
		t.Errorf("%d attempts", g.tries)
	}
	if f := found(t, r, cache.InCache); len(f) != 1 || f[0].Metadata.ContentFile != "poison" {
		t.Errorf("%+v", f)
	}
	if l.count("It is set behind what else waits") < 1 {
		t.Error(l.text())
	}
}

func TestATargetThatRefusesEverythingTurnsTheQueueRoundMoreAndMoreSlowly(t *testing.T) {
	t.Parallel()
	var f refusals
	var after []int
	for try := 1; len(after) < 9; try++ {
		if back, count := f.add(fmt.Sprint("content ", len(after))); back {
			after = append(after, count)
		}
	}
	if want := []int{10, 20, 40, 80, 160, 320, 640, 640, 640}; !slices.Equal(after, want) {
		t.Errorf("set back after %v refusals, want %v", after, want)
	}
	f.add("a")
	if f.add("b"); f.count != 1 {
		t.Error("refusals of another content were counted")
	}
}

func TestANetworkThatIsDownKeepsTheOrder(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Error.RetryInterval = 1
	g := newTarget()
	g.answer = failing(40, Again(errDown))
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	accept(t, r, fileNamed("b", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 2 })
	if got := g.names(); got[0] != "a" {
		t.Errorf("got %q", got)
	}
}

func TestKindsThatTheConnectorCannotSendGoToError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, _ := run(t, dir, onTick(), newTarget())
	accept(t, r, numbered(3), fromSouth("i1"))
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	stop(t, r)
	g := newTarget()
	r, l := run(t, dir, north(), g, func(o *Options) { o.Type = g.kind(content.Any) })
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	e := found(t, r, cache.InError)
	if len(e) != 1 || l.count("Unsupported data type: time-values (file "+e[0].Filename+")") != 1 {
		t.Errorf("%+v\n%s", e, l.text())
	}
}

func TestDeliveredContentIsArchivedWhenAsked(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Archive.Enabled = true
	g := newTarget()
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "archived", func() bool { return r.Cache().Stats().Archived == 1 })
	if f := found(t, r, cache.InArchive); f[0].Metadata.ContentFile != "a" {
		t.Errorf("%+v", f)
	}
}

func TestASlowNorthHoldsUpNoSource(t *testing.T) {
	t.Parallel()
	g := newTarget()
	g.hold = make(chan struct{})
	r, _ := run(t, t.TempDir(), north(), g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	for i := range 200 {
		accept(t, r, fileNamed(fmt.Sprint(i), "x"), fromSouth("i1"))
	}
	if n := r.Cache().Stats().Cached; n != 201 {
		t.Errorf("%d wait", n)
	}
}

func TestAStopGivesUpWhatIsBeingSentAndLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newTarget()
	g.hold = make(chan struct{})
	r, _ := run(t, dir, north(), g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	stop(t, r)
	if g.leaves != 1 || r.State().Running {
		t.Errorf("disconnected %d times, %+v", g.leaves, r.State())
	}
	again := newTarget()
	again.answer = failing(2, errWrong)
	_, l := run(t, dir, north(), again)
	until(t, "sent", func() bool { return len(again.list()) == 1 })
	if l.count("(0). Error") != 1 {
		t.Error("the stop counted as an attempt: " + l.text())
	}
}

func TestAStopDoesNotWaitForADeafConnector(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newTarget()
	g.hold, g.deaf = make(chan struct{}), true
	r, err := Start(Options{North: north(), Type: g.kind(allKinds...), DataDir: dir, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Stop(ctx); err == nil || !strings.Contains(err.Error(), "sender of north") {
		t.Errorf("got %v", err)
	}
	again := newTarget()
	run(t, dir, north(), again)
	until(t, "sent", func() bool { return len(again.list()) == 1 })
	close(g.hold)
}

func TestCachingChangesWhileContentIsSent(t *testing.T) {
	t.Parallel()
	g := newTarget()
	hold := make(chan struct{})
	g.hold = hold
	n := north()
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	n.Caching.Archive.Enabled = true
	n.Caching.Throttling.MaxNumberOfElements = 2
	if err := r.Update(n); err != nil {
		t.Fatal(err)
	}
	accept(t, r, numbered(5), fromSouth("i1"))
	g.set(func(g *target) { g.hold = nil })
	close(hold)
	until(t, "sent", func() bool { return len(g.list()) == 4 && r.Cache().Stats().Archived == 4 })
	if g.connects != 1 {
		t.Errorf("%d connections", g.connects)
	}
	other := n
	other.ID = "other1"
	if r.Update(other) == nil {
		t.Error("became another North")
	}
}

func TestALostConnectionIsMadeAgainAndNothingIsSentMeanwhile(t *testing.T) {
	t.Parallel()
	g := newTarget()
	n := north()
	n.Caching.Error.RetryInterval = 5
	g.connect = func(n int) error {
		if n == 2 || n == 3 {
			return errDown
		}
		return nil
	}
	r, l := run(t, t.TempDir(), n, g)
	until(t, "connected", func() bool { return r.State().Connected })
	g.env.Lost(errors.New("broker went away"), 30*time.Millisecond)
	g.env.Lost(errors.New("once more"), 0)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	if g.connects != 4 || g.leaves != 1 {
		t.Errorf("%d connections, %d disconnections", g.connects, g.leaves)
	}
	if l.count("Connection lost: broker went away. Reconnecting in") != 1 || l.count("connection refused") != 1 {
		t.Error(l.text())
	}
	if r.Metrics().LastConnection == nil {
		t.Error("no last connection")
	}
}

func TestAConnectorSaysWhenToConnectAgainAfterItCouldNot(t *testing.T) {
	t.Parallel()
	g := newTarget()
	n := north()
	n.Caching.Error.RetryInterval = 3_600_000
	g.connect = func(n int) error {
		if n < 3 {
			g.env.Lost(errDown, 5*time.Millisecond)
			return errDown
		}
		return nil
	}
	r, _ := run(t, t.TempDir(), n, g)
	until(t, "connected", func() bool { return r.State().Connected })
}

func TestContentIsTakenWhileTheConnectorCannotBeMade(t *testing.T) {
	t.Parallel()
	g := newTarget()
	made := 0
	r, l := run(t, t.TempDir(), north(), g, func(o *Options) {
		good := o.Type.New
		o.Type.New = func(e Env) (Connector, error) {
			if made++; made < 3 {
				return nil, errors.New("the module is not registered")
			}
			return good(e)
		}
	})
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	if l.count(`Error while connecting North \"To cloud\": the module is not registered`) != 1 {
		t.Error(l.text())
	}
}

func TestAnUnknownTypeIsSaid(t *testing.T) {
	t.Parallel()
	r, _ := run(t, t.TempDir(), north(), newTarget(), func(o *Options) { o.Type = Type{} })
	until(t, "said", func() bool { return r.State().LastError == `North connector of type "fake" not installed` })
}

func TestAConnectorThatPanicsOrReadsBadlyIsAFailure(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Error.RetryInterval = 1
	g := newTarget()
	g.answer = func(try int, _ delivered) error {
		if try == 1 {
			panic("index out of range")
		}
		return nil
	}
	r, l := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return len(g.list()) == 1 })
	if l.count("index out of range") != 1 {
		t.Error(l.text())
	}
}

func TestDamagedContentGoesToErrorAndTheRestIsSent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, _ := run(t, dir, onTick(), newTarget())
	accept(t, r, fileNamed("a", strings.Repeat("rotten", 100)), fromSouth("i1"))
	accept(t, r, fileNamed("b", "sound"), fromSouth("i1"))
	stop(t, r)
	paths, err := filepath.Glob(filepath.Join(dir, "cache", "north-n1N2n3", "*.data"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	data[strings.Index(string(data), "rottenrotten")+30] ^= 1
	if err := os.WriteFile(paths[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	g := newTarget()
	r, _ = run(t, dir, north(), g)
	until(t, "sent", func() bool { return slices.Equal(g.names(), []string{"b"}) })
	if e := found(t, r, cache.InError); len(e) != 1 || e[0].Metadata.ContentFile != "a" {
		t.Errorf("%+v", e)
	}
}

func TestWhatIsMovedBackToTheCacheIsSent(t *testing.T) {
	t.Parallel()
	n := north()
	n.Caching.Error.RetryCount = 0
	g := newTarget()
	g.answer = failing(2, errWrong)
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "errored", func() bool { return r.Cache().Stats().Errored == 1 })
	var u cache.Update
	u.Error.Move = []cache.Move{{Filename: found(t, r, cache.InError)[0].Filename, To: cache.InCache}}
	if problems, err := r.Cache().Update(u); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	until(t, "sent", func() bool { return len(g.list()) == 1 })
}

func TestContentRemovedWhileItIsTriedIsNoTrouble(t *testing.T) {
	t.Parallel()
	g := newTarget()
	g.answer = failing(1000, Again(errDown))
	n := north()
	n.Caching.Error.RetryInterval = 1
	r, _ := run(t, t.TempDir(), n, g)
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	<-g.sendStart
	if _, err := r.Cache().Clear(cache.InCache); err != nil {
		t.Fatal(err)
	}
	g.set(func(g *target) { g.answer = nil })
	accept(t, r, fileNamed("b", "x"), fromSouth("i1"))
	until(t, "sent", func() bool { return slices.Contains(g.names(), "b") })
}

func TestOldContentIsRemovedAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	past := func() time.Time { return time.Now().Add(-3 * time.Hour) }
	n := north()
	n.Caching.Archive.Enabled = true
	g := newTarget()
	r, _ := run(t, dir, n, g, func(o *Options) { o.Now = past })
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	until(t, "archived", func() bool { return r.Cache().Stats().Archived == 1 })
	stop(t, r)
	n.Caching.Archive.RetentionDuration = 4
	r, _ = run(t, dir, n, newTarget())
	stop(t, r)
	n.Caching.Archive.RetentionDuration = 2
	r, _ = run(t, dir, n, newTarget())
	until(t, "removed", func() bool { return r.Cache().Stats().Archived == 0 })
}

func TestRemoveLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, _ := run(t, dir, onTick(), newTarget())
	accept(t, r, fileNamed("a", "x"), fromSouth("i1"))
	stop(t, r)
	if err := Remove(nil, dir, "n1N2n3"); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"cache", "tmp"} {
		if left, err := os.ReadDir(filepath.Join(dir, folder)); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", folder, left, err)
		}
	}
	if Remove(nil, dir, "../../x") == nil {
		t.Error("removed something outside of the data folder")
	}
}
