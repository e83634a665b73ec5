package cloudsim

import (
	"fmt"
	"slices"
	"testing"
)

func TestRepeatedAndLateReportsChangeNothing(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "repeat")
	id := mustQueue(t, sim, "repeat", rename(1))[0]
	a.report(id, CommandRetrieved, "")
	a.report(id, CommandCompleted, "done")
	a.report(id, CommandCompleted, "done")
	a.report(id, CommandRetrieved, "")
	c, err := sim.Command(id)
	if err != nil || c.Status != CommandCompleted || len(c.Updates) != 4 || len(c.Anomalies) != 0 {
		t.Fatalf("command %+v, error %v", c, err)
	}
	if !c.Updates[2].Repeat || c.Updates[2].Body != nil || !c.Updates[3].Late || c.Updates[1].Repeat || c.Updates[1].Late {
		t.Fatalf("updates %+v", c.Updates)
	}
}

func TestContradictingReportsAreShown(t *testing.T) {
	t.Parallel()
	for name, reports := range map[string][][2]string{
		"two results":           {{CommandCompleted, "done"}, {CommandCompleted, "done otherwise"}},
		"two ends":              {{CommandCompleted, "done"}, {CommandErrored, "failed"}},
		"running after its end": {{CommandErrored, "failed"}, {CommandRunning, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := start(t, Options{})
			a := enrolled(t, sim, "contradict")
			id := mustQueue(t, sim, "contradict", rename(1))[0]
			for _, r := range reports {
				a.report(id, r[0], r[1])
			}
			if c, err := sim.Command(id); err != nil || len(c.Anomalies) != 1 {
				t.Fatalf("anomalies %q, error %v", c.Anomalies, err)
			}
		})
	}
}

func TestACancellationThatCrossesTheEndOfTheCommandIsNoContradiction(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "cross")
	id := mustQueue(t, sim, "cross", rename(1))[0]
	a.poll()
	if err := sim.Cancel(id); err != nil {
		t.Fatal(err)
	}
	a.report(id, CommandRetrieved, "")
	a.report(id, CommandCompleted, "done")
	if c, err := sim.Command(id); err != nil || c.Status != CommandCompleted || len(c.Anomalies) != 0 {
		t.Fatalf("command %+v, error %v", c, err)
	}
}

func TestABatchWithAnUnknownCommandIsAppliedAndAnswered404UnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 200} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			sim := start(t, Options{UnknownCommandStatus: status})
			a := enrolled(t, sim, "batch")
			other := enrolled(t, sim, "other")
			ids := mustQueue(t, sim, "batch", rename(1), rename(2))
			batch := slices.Concat(reported(ids[0], CommandCompleted, "1"), reported("never handed out", CommandCompleted, "x"), reported(ids[1], CommandErrored, "2"))
			a.call(status, "PUT", api+"oibus/commands/status", batch)
			list, err := sim.Statuses(ids...)
			if err != nil || list[0].Status != CommandCompleted || list[1].Status != CommandErrored {
				t.Fatalf("commands %+v, error %v", list, err)
			}
			other.call(status, "PUT", api+"oibus/commands/status", reported(ids[0], CommandErrored, "of another agent"))
			if c, _ := sim.Command(ids[0]); c.Status != CommandCompleted {
				t.Fatal("an agent changed the command of another")
			}
		})
	}
}

func TestAMalformedReportIsRefusedWhole(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "malformed")
	id := mustQueue(t, sim, "malformed", rename(1))[0]
	for _, body := range []string{``, `null`, `{}`, `[1]`, `[{"id":""}]`, `[{"id":"` + id + `","status":"COMPLETED"},{"id":"x","status":"DONE"}]`,
		`[{"id":"` + id + `","status":"PENDING"}]`, `[{"id":"` + id + `","status":"COMPLETED"`} {
		got, answer, err := a.try("PUT", api+"oibus/commands/status", "application/json", []byte(body))
		if err != nil || got != 400 {
			t.Errorf("%s is answered %d %s (error %v)", body, got, answer, err)
		}
	}
	if c, _ := sim.Command(id); c.Status != CommandPending {
		t.Fatalf("a refused report was applied: %s", c.Status)
	}
}

func TestAnIdThatIsQueuedTwiceIsHandedOutTwiceAndReportedForBoth(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "twice")
	again := map[string]any{"id": "same", "type": "restart-engine"}
	mustQueue(t, sim, "twice", again, again)
	if handed := a.poll(); len(handed) != 2 {
		t.Fatalf("handed out %v", handed)
	}
	a.report("same", CommandRetrieved, "")
	if handed := a.poll(); len(handed) != 0 {
		t.Fatalf("handed out again %v", handed)
	}
	all, err := sim.Commands("twice", CommandFilter{Status: CommandRetrieved})
	if err != nil || len(all) != 2 {
		t.Fatalf("commands %+v, error %v", all, err)
	}
}

func TestCommandsEndedLongestAgoAreForgottenAndThoseWaitingNever(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{Limits: Limits{Commands: 5}})
	a := enrolled(t, sim, "bounded")
	waiting := mustQueue(t, sim, "bounded", rename(0))[0]
	var last string
	for i := range 20 {
		last = mustQueue(t, sim, "bounded", rename(i))[0]
		a.report(last, CommandCompleted, "done")
	}
	all, err := sim.Commands("bounded", CommandFilter{})
	if err != nil || len(all) != 5 || all[0].ID != waiting || all[4].ID != last {
		t.Fatalf("%d commands, error %v", len(all), err)
	}
	mustQueue(t, sim, "bounded", rename(1), rename(2), rename(3), rename(4))
	if _, err := sim.Queue("bounded", rename(5)); err != ErrFull {
		t.Fatalf("more commands wait than may: %v", err)
	}
}

func TestQueueingKeepsTheTextAndFillsInWhatIsMissing(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	enrolled(t, sim, "text")
	commands, err := parseCommands([]byte(`[ {"type":"a","z":1.0,"a":"<&>"}, {}, {"id":"mine","targetVersion":"1","type":"b"} ]`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.Queue("text", commands...); err == nil {
		t.Fatal("a command without a type is accepted")
	}
	ids := mustQueue(t, sim, "text", commands[0], commands[2])
	c, err := sim.Command(ids[0])
	if want := `{"id":"` + ids[0] + `","targetVersion":"3.9.0","type":"a","z":1.0,"a":"<&>"}`; err != nil || string(c.Body) != want {
		t.Fatalf("queued %s, want %s, error %v", c.Body, want, err)
	}
	if c, err := sim.Command("mine"); err != nil || c.TargetVersion != "1" || string(c.Body) != `{"id":"mine","targetVersion":"1","type":"b"}` {
		t.Fatalf("queued %s, error %v", c.Body, err)
	}
}
