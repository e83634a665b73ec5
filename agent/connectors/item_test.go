package connectors

import (
	"slices"
	"strings"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

func TestItemsAreMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("m")))
	k.took()
	made, err := k.CreateItem("v", south.ID, body(t, folderItem("a")))
	k.must(err)
	if made.ID == "" || made.CreatedBy != "v" || k.south(south.ID).Items[0].Name != "a" {
		t.Fatalf("%+v", made)
	}
	k.must(k.UpdateItem("w", south.ID, made.ID, body(t, folderItem("z", "enabled", false))))
	got, err := k.Item(south.ID, made.ID)
	if err != nil || got.Name != "z" || got.Enabled || got.UpdatedBy != "w" || got.CreatedBy != "v" || k.south(south.ID).Items[1].Name != "z" {
		t.Fatalf("%+v %v", got, err)
	}
	k.unchanged(func() {
		k.refused(k.UpdateItem("w", south.ID, made.ID, body(t, folderItem("m"))), `Item name "m" already used`)
		k.refused(k.UpdateItem("w", south.ID, "nope", body(t, folderItem("n"))), `Item "nope" not found`)
		k.refused(k.UpdateItem("w", "nope", made.ID, body(t, folderItem("n"))), `South "nope" not found`)
		k.refused(k.DeleteItems("w", south.ID, []string{made.ID, "nope"}), `Item "nope" not found`)
		_, err := k.CreateItem("w", south.ID, body(t, folderItem("n", "settings", tree{"regex": ""})))
		if err == nil || !strings.HasPrefix(err.Error(), `"regex" is not allowed to be empty. "minAge" is required`) {
			t.Error(err)
		}
	})
	k.must(k.EnableItems("x", south.ID, []string{made.ID}, true))
	k.must(k.DeleteItems("x", south.ID, []string{south.Items[0].ID}))
	k.sameAfterRestart()
	k.must(k.DeleteAllItems("x", south.ID))
	if n := len(k.south(south.ID).Items); n != 0 {
		t.Errorf("%d items left", n)
	}
	k.sameAfterRestart()
	if got := k.took(); !slices.Equal(got, []What{Items, Items, Items, Items, Items}) {
		t.Errorf("announced %v", got)
	}
}

func TestItemsAreSearchedByPage(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("Pump 1"), folderItem("pump 2", "scanModeId", "se"), folderItem("valve", "enabled", false), folderItem("PUMP 3")))
	off := false
	for _, test := range []struct {
		filter ItemFilter
		page   int
		want   []string
		total  int
	}{
		{ItemFilter{}, 0, []string{"PUMP 3", "Pump 1"}, 4},
		{ItemFilter{}, 1, []string{"pump 2", "valve"}, 4},
		{ItemFilter{}, 2, nil, 4},
		{ItemFilter{Name: "pump"}, 1, []string{"pump 2"}, 3},
		{ItemFilter{ScanModeID: "se"}, 0, []string{"pump 2"}, 1},
		{ItemFilter{Enabled: &off}, 0, []string{"valve"}, 1},
	} {
		items, total, err := k.SearchItems(south.ID, test.filter, test.page, 2)
		var names []string
		for _, i := range items {
			names = append(names, i.Name)
		}
		if err != nil || total != test.total || !slices.Equal(names, test.want) {
			t.Errorf("%+v page %d: %v of %d, %v", test.filter, test.page, names, total, err)
		}
	}
}

// grouped is a South of a kind with and without history, and its group A.
func grouped(t *testing.T, o tree) (*bench, entity.South, entity.SouthGroup) {
	k := newBench(t, manifest.N)
	south := k.makeSouth(o)
	return k, south, south.Groups[0]
}

func TestItemsThatLeaveAGroupTakeAlongWhatTheyNeed(t *testing.T) {
	t.Parallel()
	history := tree{"maxReadInterval": 60, "readDelay": 5, "startTimeOffset": -1, "endTimeOffset": 2, "recoveryStrategy": "newest"}
	for _, how := range []struct {
		name  string
		leave func(k *bench, south entity.South, g entity.SouthGroup) error
	}{
		{"the group is deleted", func(k *bench, s entity.South, g entity.SouthGroup) error { return k.DeleteGroup("v", s.ID, g.ID) }},
		{"they are moved", func(k *bench, s entity.South, _ entity.SouthGroup) error {
			return k.MoveItems("v", s.ID, []string{s.Items[0].ID, s.Items[1].ID}, nil)
		}},
	} {
		k, south, g := grouped(t, modbus("PLC", []any{groupOf("temp_a", "A", history)},
			register("own", "groupId", "temp_a", "scanModeId", "ho", "readDelay", 7), register("synced", "groupId", "temp_a", "syncWithGroup", true)))
		k.must(how.leave(k, south, g))
		now := k.south(south.ID)
		own, synced := itemNamed(t, now, "own"), itemNamed(t, now, "synced")
		if own.GroupID != "" || own.ScanModeID != "ho" || synced.SyncWithGroup || synced.ScanModeID != "se" || synced.UpdatedBy != "v" {
			t.Errorf("%s: %+v", how.name, now.Items)
		}
		if synced.MaxReadInterval != nil {
			t.Errorf("%s: an item of a type without history takes the timing", how.name)
		}
		k.sameAfterRestart()
	}
}

func TestTimingIsInheritedByItemsOfTypesWithHistory(t *testing.T) {
	t.Parallel()
	five, strategy := 5.0, entity.Newest
	g := entity.SouthGroup{ScanModeID: "se", History: entity.History{MaxReadInterval: &five, ReadDelay: &five, StartTimeOffset: &five, EndTimeOffset: &five, RecoveryStrategy: &strategy}}
	seven := 7.0
	i := released(entity.SouthItem{GroupID: "g", SyncWithGroup: true, History: entity.History{ReadDelay: &seven}}, g, true)
	if i.ScanModeID != "se" || *i.MaxReadInterval != 5 || *i.ReadDelay != 7 || *i.StartTimeOffset != 5 || *i.EndTimeOffset != 5 || *i.RecoveryStrategy != "newest" || i.SyncWithGroup || i.GroupID != "" {
		t.Errorf("%+v", i)
	}
}

func TestItemsThatAreMovedIntoAGroupSyncWithIt(t *testing.T) {
	t.Parallel()
	k, south, g := grouped(t, modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("1", "scanModeId", "ho"), register("2", "scanModeId", "ho")))
	other := k.makeSouth(modbus("PLC 2", []any{groupOf("temp_a", "A", tree{})}, register("1", "scanModeId", "ho")))
	k.must(k.MoveItems("v", south.ID, []string{south.Items[0].ID}, &g.ID))
	now := k.south(south.ID)
	if i := now.Items[0]; i.GroupID != g.ID || !i.SyncWithGroup || now.EffectiveScanMode(&i) != "se" || now.Items[1].GroupID != "" {
		t.Errorf("%+v", now.Items)
	}
	nope := "nope"
	k.unchanged(func() {
		k.refused(k.MoveItems("v", south.ID, []string{south.Items[0].ID}, &nope), `South item group "nope" not found`)
		k.refused(k.MoveItems("v", south.ID, []string{south.Items[0].ID}, &other.Groups[0].ID),
			`South item group "`+other.Groups[0].ID+`" does not belong to south connector "`+south.ID+`"`)
	})
}

func TestGroupsAreMadeAndChanged(t *testing.T) {
	t.Parallel()
	k, south, a := grouped(t, modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("1", "groupId", "temp_a", "syncWithGroup", true)))
	k.took()
	b, err := k.CreateGroup("v", south.ID, body(t, groupOf(nil, "B", tree{"maxReadInterval": nil})))
	k.must(err)
	if b.CreatedBy != "v" || b.History.ReadDelay != nil {
		t.Errorf("%+v", b)
	}
	k.must(k.UpdateGroup("w", south.ID, a.ID, body(t, groupOf(nil, "Z", tree{"maxReadInterval": 9}))))
	now := k.south(south.ID)
	if z := now.Groups[1]; z.ID != a.ID || z.Name != "Z" || *z.History.MaxReadInterval != 9 || *z.History.ReadDelay != 0 || z.UpdatedBy != "w" {
		t.Errorf("%+v", now.Groups)
	}
	k.unchanged(func() {
		_, err := k.CreateGroup("v", south.ID, body(t, groupOf(nil, "B", tree{})))
		k.refused(err, `A group with name "B" already exists for this south connector`)
		k.refused(k.UpdateGroup("v", south.ID, a.ID, body(t, groupOf(nil, "B", tree{}))), `A group with name "B" already exists for this south connector`)
		k.refused(k.UpdateGroup("v", south.ID, "nope", body(t, groupOf(nil, "C", tree{}))), `South item group "nope" not found`)
		k.refused(k.DeleteGroup("v", south.ID, "nope"), `South item group "nope" not found`)
		_, err = k.CreateGroup("v", south.ID, body(t, tree{"standardSettings": tree{"scanModeId": "se"}}))
		k.refused(err, `"standardSettings.name" is required`)
	})
	if got := k.took(); !slices.Equal(got, []What{GroupCreated, Items}) {
		t.Errorf("announced %v", got)
	}
	k.sameAfterRestart()
}
