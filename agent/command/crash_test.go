package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/store"
)

// scenario is a poll of four commands, one of them slow enough to be told to be RUNNING, one unknown, and one that the
// cloud cancels while the slow one runs.
func scenario(r *rig) {
	r.reg.refresh = 10 * time.Second
	r.effects.fail = func(_, body string) error {
		if strings.Contains(body, "slow") {
			time.Sleep(15 * time.Second)
		}
		if strings.Contains(body, "bad") {
			return errors.New("no")
		}
		return nil
	}
	r.cloud.add(general("slow"), general("bad"), `{"id":"odd","type":"make-coffee","targetVersion":"3.8.8"}`, general("gone"), general("last"))
	r.cloud.cancelled = []string{"gone"}
}

// judge checks what must hold once everything is quiet: every command ended exactly once, none had its effect twice,
// and a completed one had it.
func judge(t *testing.T, r *rig, what string) {
	t.Helper()
	ends := map[string][]string{}
	for _, h := range r.cloud.history() {
		id, rest, _ := strings.Cut(h, " ")
		status, _, _ := strings.Cut(rest, " ")
		if status != Retrieved && status != Running && !slices.Contains(ends[id], rest) {
			ends[id] = append(ends[id], rest)
		}
	}
	effects := map[string]int{}
	for _, call := range r.effects.list() {
		var body struct{ Name string }
		if err := json.Unmarshal([]byte(call[strings.Index(call, "{"):]), &body); err != nil {
			t.Fatal(err)
		}
		effects[body.Name]++
	}
	for _, id := range []string{"slow", "bad", "odd", "gone", "last"} {
		if len(ends[id]) != 1 {
			t.Errorf("%s: %s ended %d times: %q", what, id, len(ends[id]), ends[id])
			continue
		}
		completed := strings.HasPrefix(ends[id][0], Completed)
		if effects[id] > 1 || completed && effects[id] != 1 || id == "odd" && completed {
			t.Errorf("%s: %s had %d effects and ended %s", what, id, effects[id], ends[id][0])
		}
	}
	if st := r.State(); st.Waiting+st.Unconfirmed != 0 || st.Running != "" {
		t.Errorf("%s: left %+v", what, st)
	}
}

// killed plays the scenario with a kill after the step at, then with a second process to the end. It tells whether
// there were so many steps.
func killed(t *testing.T, at int, journal func(t *testing.T, r *rig)) (happened bool) {
	synctest.Test(t, func(t *testing.T) {
		r := prepared(t)
		journal(t, r)
		scenario(r)
		r.p.killAt = at
		r.start()
		for range 60 {
			r.after(time.Second)
			if r.p.isDead() {
				break
			}
		}
		happened = r.p.isDead()
		r.kill()
		where := fmt.Sprintf("killed at step %d, %q", at, r.p.lastStep())
		r.revive()
		r.after(3 * time.Minute)
		judge(t, r, where)
		r.stop()
	})
	return happened
}

func TestAKillAtAnyStepLosesNoCommandAndRepeatsNone(t *testing.T) {
	t.Parallel()
	inMemory := func(*testing.T, *rig) {}
	steps := 0
	for at := 1; killed(t, at, inMemory); at++ {
		steps = at
	}
	if steps < 20 {
		t.Errorf("only %d steps: the scenario does not reach far", steps)
	}
	t.Logf("%d steps", steps)
}

func TestAKillAtAnyStepOnARealDisk(t *testing.T) {
	t.Parallel()
	onDisk := func(t *testing.T, r *rig) {
		disk, err := store.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r.o.Journal = JournalIn(disk)
	}
	for at := 1; killed(t, at, onDisk); at += 4 {
	}
}

func TestACommandThatEndsTheProcessIsExecutedOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.effects.fail = func(string, string) error { r.p.mu.Lock(); r.p.dead = true; r.p.mu.Unlock(); return nil }
		r.cloud.add(general("killer"), general("next"))
	}, func(r *rig) {
		r.kill()
		r.effects.set(func() { r.effects.fail = nil })
		r.revive()
		r.after(2 * time.Minute)
		got := r.cloud.last()
		if got["killer"].result() != errInterrupted.Error() || got["next"].status() != Completed || len(r.effects.list()) != 2 {
			t.Errorf("%v, effects %q", r.cloud.history(), r.effects.list())
		}
	})
}

func TestWhatRanWhenTheProcessEndedIsSettledByItsType(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string
		upgrade func(json.RawMessage) (string, error)
		want    string
	}{
		"restart": {`{"id":"x","type":"restart-engine","targetVersion":"3.8.8"}`, nil, "x COMPLETED OIBus restarted"},
		"update":  {`{"id":"x","type":"update-version","targetVersion":"3.8.8","version":"v3.9.0"}`, func(content json.RawMessage) (string, error) { return "saw " + string(content), nil }, `x COMPLETED saw {"version":"v3.9.0"}`},
		"update that failed": {`{"id":"x","type":"update-version","targetVersion":"3.8.8","version":"v3.9.0"}`,
			func(json.RawMessage) (string, error) {
				return "", errors.New("OIBus has not been updated. Rollback to version 3.8.8")
			}, "x ERRORED OIBus has not been updated. Rollback to version 3.8.8"},
		"update without a launcher": {`{"id":"x","type":"update-version","targetVersion":"3.8.8","version":"v3.9.0"}`, nil, "x ERRORED " + errInterrupted.Error()},
		"other":                     {general("x"), nil, "x ERRORED " + errInterrupted.Error()},
		"a type of another version": {`{"id":"x","type":"was-known-once","targetVersion":"3.8.8"}`, nil, "x ERRORED " + errInterrupted.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := prepared(t)
				if c.upgrade != nil {
					r.o.Deps.Upgrades = &fakeUpgrades{run: func(_ context.Context, content json.RawMessage, _ func(string)) (string, error) {
						return c.upgrade(content)
					}}
				}
				parser := &Service{o: r.o, rows: map[string]*row{}}
				parser.o.Now = time.Now
				for i := range table {
					parser.rows[table[i].name] = &table[i]
				}
				p, err := parser.parse(json.RawMessage(c.command), time.Now())
				if err == nil {
					err = memoryLog{r.disk}.Append(entry{Op: opPut, Command: p.command}, entry{Op: opRun, ID: "x"})
				}
				if err != nil {
					t.Fatal(err)
				}
				r.start()
				r.after(time.Second)
				got := r.cloud.history() // of an update, it may be told first that it runs
				if len(got) == 0 || got[len(got)-1] != c.want {
					t.Errorf("the cloud heard %q, not %q", got, c.want)
				}
				r.stop()
			})
		})
	}
}

func TestAJournalWithStrangeRecordsIsUsedAsFarAsItCanBe(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		*r.disk = [][]byte{
			[]byte(`{"op":"put"}`), []byte(`7`), []byte(`{"op":"levitate","id":"a"}`), []byte(`{"op":"end","id":"nobody"}`), []byte(`nonsense`),
			[]byte(`{"op":"put","command":{"seq":3,"id":"a","type":"update-engine-general","targetVersion":"3.8.8","status":"RETRIEVED","createdAt":"x","fields":{"commandContent":{"name":"a"}}}}`),
			[]byte(`{"op":"put","command":{"seq":2,"id":"b","type":"update-engine-general","targetVersion":"3.8.8","status":"RETRIEVED","fields":{"commandContent":{"name":"b"}}}}`),
		}
	}, func(r *rig) {
		if got := r.effects.list(); len(got) != 2 || !strings.Contains(got[0], `"b"`) || r.cloud.last()["a"].status() != Completed {
			t.Errorf("effects %q, reports %v", got, r.cloud.history())
		}
		if !r.logs.contains("has 5 records that are not understood") {
			t.Errorf("logs %v", r.logs.text)
		}
	})
}
