package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/agent/store"
)

func TestSearchFindsCommandsNewestFirst(t *testing.T) {
	t.Parallel()
	var began time.Time
	inBubble(t, func(r *rig) {
		r.effects.fail = func(_, body string) error {
			if strings.Contains(body, "bad") {
				return errors.New("no")
			}
			return nil
		}
		for i := range 60 {
			r.cloud.add(general(fmt.Sprintf("c%02d", i)))
		}
	}, func(r *rig) {
		began = time.Now()
		r.after(time.Minute + time.Second)
		r.cloud.set(func() { r.cloud.status = func([]report) error { return errors.New("no network") } })
		r.cloud.add(general("bad"), `{"id":"s","type":"create-scan-mode","targetVersion":"3.8.8","commandContent":{"cron":"x"}}`)
		r.after(time.Minute)
		yes, no := true, false
		for name, c := range map[string]struct {
			q     Query
			total int
			first string
			pages int
		}{
			"all":          {Query{}, 62, "s", 2},
			"second page":  {Query{Page: 1}, 62, "c11", 2},
			"beyond":       {Query{Page: 7}, 62, "", 2},
			"by type":      {Query{Types: []string{"create-scan-mode", "x"}}, 1, "s", 1},
			"by status":    {Query{Statuses: []string{Errored}}, 1, "bad", 1},
			"acknowledged": {Query{Ack: &yes}, 60, "c59", 2},
			"not":          {Query{Ack: &no}, 2, "s", 1},
			"since":        {Query{Start: began.Add(time.Second)}, 2, "s", 1},
			"until":        {Query{End: began.Add(time.Second)}, 60, "c59", 2},
			"nothing":      {Query{Types: []string{"x"}}, 0, "", 0},
		} {
			p := r.Search(c.q)
			first := ""
			if len(p.Content) > 0 {
				first = p.Content[0].ID
			}
			if p.TotalElements != c.total || first != c.first || p.TotalPages != c.pages || p.Size != 50 || p.Number != c.q.Page || p.Content == nil {
				t.Errorf("%s: %d found, first %q, %d pages", name, p.TotalElements, first, p.TotalPages)
			}
		}
		data, err := json.Marshal(r.Search(Query{Types: []string{"create-scan-mode"}}).Content[0])
		var shown map[string]any
		if err == nil {
			err = json.Unmarshal(data, &shown)
		}
		want := []string{"ack", "commandContent", "completedDate", "id", "result", "retrievedDate", "status", "targetVersion", "type"}
		var keys []string
		for k := range shown {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if err != nil || !slices.Equal(keys, want) {
			t.Errorf("keys %v %v", keys, err)
		}
	})
}

func TestDeletingForgetsACommandThatDoesNotRun(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.effects.fail = func(string, string) error { time.Sleep(time.Minute); return nil }
		r.cloud.add(general("a"), general("b"))
	}, func(r *rig) {
		var notFound *entity.NotFoundError
		if err := r.Delete("nope"); !errors.As(err, &notFound) || err.Error() != `OIAnalytics command "nope" not found` {
			t.Errorf("%v", err)
		}
		var invalid *entity.InvalidError
		if err := r.Delete("a"); !errors.As(err, &invalid) {
			t.Errorf("one that runs: %v", err)
		}
		if err := r.Delete("b"); err != nil {
			t.Error(err)
		}
		r.after(2 * time.Minute)
		if n := len(r.effects.list()); n != 1 || r.Search(Query{}).TotalElements != 1 {
			t.Errorf("%d effects", n)
		}
		r.stop()
		r.revive()
		if r.Search(Query{}).TotalElements != 1 {
			t.Error("the deleted one is back after a restart")
		}
	})
}

func TestCommandsAreForgottenAWeekAfterTheyEndedIfTheCloudConfirmed(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	dir := t.TempDir()
	inBubble(t, func(r *rig) {
		disk, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		r.o.Journal = JournalIn(disk)
		r.cloud.add(general("old"))
	}, func(r *rig) {
		r.reg.set(func() { r.reg.refresh = 24 * time.Hour })
		r.after(time.Minute)
		r.cloud.set(func() { r.cloud.status = func([]report) error { return errors.New("no network") } })
		r.cloud.add(general("unconfirmed"))
		r.after(6 * 24 * time.Hour)
		if n := r.Search(Query{}).TotalElements; n != 2 {
			t.Fatalf("%d commands after six days", n)
		}
		size := r.journal.Size()
		r.after(25 * time.Hour)
		if p := r.Search(Query{}); p.TotalElements != 1 || p.Content[0].ID != "unconfirmed" || r.journal.Size() >= size {
			t.Errorf("%d commands after a week, journal %d → %d", p.TotalElements, size, r.journal.Size())
		}
		r.stop()
		r.revive()
		if p := r.Search(Query{}); p.TotalElements != 1 || p.Content[0].ID != "unconfirmed" {
			t.Errorf("after a restart: %+v", p)
		}
	})
}

func TestLongContentsLeaveMemoryAndDiskWhenTheyAreOver(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.add(fmt.Sprintf(`{"id":"big","type":"update-engine-general","targetVersion":"3.8.8","commandContent":{"name":"%s"}}`, strings.Repeat("x", 6<<20)))
	}, func(r *rig) {
		r.after(2 * time.Hour)
		if c := r.book.get("big"); c.Status != Completed || c.Fields[contentKey] != nil {
			t.Errorf("%s, %d bytes kept", c.Status, len(c.Fields[contentKey]))
		}
		if n := r.journal.Size(); n > 1<<20 {
			t.Errorf("the journal has %d bytes", n)
		}
	})
}
