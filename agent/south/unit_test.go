package south

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/agent/interval"
)

// modelUnits is protocol/data-plane.md, section 1.5, word for word: which items are read together, by which scan mode,
// and how.
func modelUnits(s *entity.South, batch bool) (units, subscribed []string) {
	type group struct {
		line  string
		names []string
	}
	var groups []*group
	shared := map[string]*group{}
	for i := range s.Items {
		item := &s.Items[i]
		mode := s.EffectiveScanMode(item)
		if !item.Enabled || mode == "" {
			continue
		}
		if mode == "subscription" {
			subscribed = append(subscribed, item.Name)
			continue
		}
		h := s.EffectiveHistory(item)
		_, has := s.Group(item.GroupID)
		line := fmt.Sprint(mode, " ", interval.Seconds(h.MaxReadInterval), " ", interval.Milliseconds(h.ReadDelay), " ",
			h.RecoveryStrategy != nil && *h.RecoveryStrategy == "newest")
		if batch && has && item.SyncWithGroup {
			if g := shared[item.GroupID]; g != nil {
				g.names = append(g.names, item.Name)
				continue
			}
			shared[item.GroupID] = &group{"group " + line, nil}
			groups = append(groups, shared[item.GroupID])
			shared[item.GroupID].names = []string{item.Name}
			continue
		}
		groups = append(groups, &group{"item " + line, []string{item.Name}})
	}
	for _, g := range groups {
		units = append(units, g.line+" "+strings.Join(g.names, "+"))
	}
	return units, subscribed
}

func randomSouth(r *rand.Rand) entity.South {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	history := func() (h entity.History) {
		if r.IntN(2) == 0 {
			seconds, delay, strategy := float64(r.IntN(5000)), float64(r.IntN(500)), pick("oldest", "newest")
			h = entity.History{MaxReadInterval: &seconds, ReadDelay: &delay, RecoveryStrategy: &strategy}
		}
		return h
	}
	var s entity.South
	for i := range r.IntN(4) {
		s.Groups = append(s.Groups, entity.SouthGroup{Audit: entity.Audit{ID: fmt.Sprint("g", i)}, ScanModeID: pick("m", "n", "subscription"), History: history()})
	}
	for i := range r.IntN(20) {
		s.Items = append(s.Items, entity.SouthItem{
			Audit: entity.Audit{ID: fmt.Sprint(i)}, Name: fmt.Sprint("item", i), Enabled: r.IntN(4) > 0, ScanModeID: pick("", "m", "n", "subscription"),
			GroupID: pick("", "g0", "g1", "g2", "gone"), SyncWithGroup: r.IntN(2) == 0, History: history(),
		})
	}
	return s
}

func TestUnitsAreThoseOfThePlainModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s, together := randomSouth(r), r.IntN(2) == 0
		p := newPlan(&s, together)
		var got, subscribed []string
		inModes := 0
		for _, u := range p.units {
			var members []string
			for _, m := range u.members {
				members = append(members, m.Name)
			}
			kind := "item"
			if u.group != "" {
				kind = "group"
			}
			got = append(got, fmt.Sprint(kind, " ", u.mode, " ", u.timing.MaxRead, " ", u.delay, " ", u.timing.Newest, " ", strings.Join(members, "+")))
			if !slices.Contains(p.modes[u.mode], u) {
				t.Fatalf("seed %d: unit %s is not found by its scan mode", seed, u.key)
			}
		}
		for _, units := range p.modes {
			inModes += len(units)
		}
		for _, m := range p.subscribed {
			subscribed = append(subscribed, m.Name)
		}
		want, wantSubscribed := modelUnits(&s, together)
		if !slices.Equal(got, want) || !slices.Equal(subscribed, wantSubscribed) || inModes != len(got) || len(p.keys) != len(s.Items) {
			t.Fatalf("seed %d:\ngot  %q %q\nwant %q %q", seed, got, subscribed, want, wantSubscribed)
		}
	}
}

// bigSouth has n items, in groups of 1000.
func bigSouth(n int) entity.South {
	e := entity.South{Connector: entity.Connector{Audit: entity.Audit{ID: "S"}}}
	for i := range n {
		id := fmt.Sprintf("%06d", i)
		e.Items = append(e.Items, entity.SouthItem{Audit: entity.Audit{ID: id}, Name: id, Enabled: true, Settings: json.RawMessage(`{"a":1}`),
			GroupID: fmt.Sprint("g", i/1000), SyncWithGroup: true})
	}
	for i := range n / 1000 {
		e.Groups = append(e.Groups, entity.SouthGroup{Audit: entity.Audit{ID: fmt.Sprint("g", i)}, ScanModeID: "m"})
	}
	return e
}

// BenchmarkTick is one tick for 100,000 items that are read one by one: all are put in the queue.
func BenchmarkTick(b *testing.B) {
	e := bigSouth(100_000)
	r := &Runner{plan: newPlan(&e, false), connected: true, now: time.Now, wake: make(chan struct{}, 1)}
	for b.Loop() {
		r.Tick("m")
		r.setConnected(false)
		r.setConnected(true)
	}
}

// BenchmarkPlan is what an edit of one of 100,000 items costs.
func BenchmarkPlan(b *testing.B) {
	e := bigSouth(100_000)
	for b.Loop() {
		newPlan(&e, true)
	}
}

// BenchmarkSave is how many positions a second can be saved one after the other, and by 16 units at once.
func BenchmarkSave(b *testing.B) {
	for _, parallel := range []int{1, 16} {
		b.Run(fmt.Sprint(parallel), func(b *testing.B) {
			tracking, _ := openTracking(b, b.TempDir())
			b.SetParallelism(parallel)
			b.RunParallel(func(pb *testing.PB) {
				book := tracking.Book("S")
				for pb.Next() {
					if err := book.Save(map[string]Row{"item/a": {Position: interval.Position{Tracked: at}, QueryTime: "q"}}); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
