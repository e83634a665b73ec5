package connectors

import (
	"slices"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

func TestANorthThatIsIncompleteIsRefusedWithEachFieldNamed(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("i", "scanModeId", "ho")))
	caching := console("")["caching"].(tree)
	for _, test := range []struct {
		body tree
		want string
	}{
		{with(console("x"), "transformers", nil), `"transformers" is required`},
		{with(console("x"), "caching", with(caching, "archive", tree{"enabled": 7}, "trigger", tree{"scanModeId": "ho", "numberOfElements": -1, "numberOfFiles": "few"})),
			`"caching.trigger.numberOfElements" must be greater than or equal to 0. "caching.trigger.numberOfFiles" must be a number. "caching.archive.retentionDuration" is required. "caching.archive.enabled" must be a boolean`},
		{with(console("x"), "caching", with(caching, "trigger", tree{"numberOfElements": 1, "numberOfFiles": 1})), `Scan mode not specified`},
		{with(console("x"), "caching", with(caching, "trigger", tree{"scanModeName": "Never", "numberOfElements": 1, "numberOfFiles": 1})), `Scan mode "Never" not found`},
		{console("x", tree{"id": "", "transformerId": "T1", "options": tree{}, "source": tree{"type": "sky"}}), `"transformers[0].source.type" must be one of [south, oibus-api, oianalytics-setpoint]`},
		{console("x", tree{"id": "", "options": []any{}, "source": tree{"type": "oibus-api"}}),
			`"transformers[0].transformerId" is required. "transformers[0].options" must be of type object. "transformers[0].source.dataSourceId" is required`},
		{console("x", with(southLink("", tree{"southId": south.ID, "items": []any{}}), "transformerId", "T9")), `Could not find OIBus transformer "T9"`},
		{console("x", southLink("", tree{"southId": "nope", "items": []any{}})), `Could not find South connector "nope"`},
		{console("x", southLink("", tree{"southId": south.ID, "groupId": "nope", "items": []any{}})), `Could not find Group "nope"`},
		{console("x", southLink("", tree{"southId": south.ID, "items": []any{tree{"id": "nope", "name": "n"}}})), `Could not find South connector item "n" (nope)`},
	} {
		k.unchanged(func() {
			_, err := k.CreateNorth("u", body(t, test.body), Secrets{})
			k.refused(err, test.want)
		})
	}
}

func TestLinksAreKeptByIdWhateverTheirSourceBecomes(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("i", "scanModeId", "ho"), register("j", "scanModeId", "ho")))
	item := tree{"id": south.Items[0].ID, "name": "i", "enabled": true}
	north := k.makeNorth(console("C",
		southLink("", tree{"southId": south.ID, "groupId": south.Groups[0].ID, "items": []any{item}}),
		southLink("temp_9", tree{"southId": south.ID, "items": []any{item}})))
	group, items := north.Transformers[0], north.Transformers[1]
	if group.Source.GroupID == "" || len(group.Source.ItemIDs) != 0 || !slices.Equal(items.Source.ItemIDs, []string{south.Items[0].ID}) || group.ID == items.ID {
		t.Fatalf("%+v", north.Transformers)
	}
	k.must(k.UpdateNorth("u", north.ID, body(t, console("C",
		tree{"id": items.ID, "transformerId": "T1", "options": tree{"a": 1}, "source": tree{"type": "oibus-api", "dataSourceId": "app"}},
		tree{"id": "unknown", "transformerId": "T1", "source": tree{"type": "oianalytics-setpoint"}})), Secrets{}))
	now := k.north(north.ID)
	changed, made := now.Transformers[0], now.Transformers[1]
	if changed.ID != items.ID || changed.Source.Type != entity.SourceAPI || changed.Source.DataSourceID != "app" || changed.Source.SouthID != "" || changed.Source.ItemIDs != nil {
		t.Errorf("the link that changed its source is %+v", changed)
	}
	if made.ID == "unknown" || made.ID == "" || made.Source.Type != entity.SourceSetpoint || string(made.Options) != "{}" {
		t.Errorf("the link with an unknown id is %+v", made)
	}
	k.sameAfterRestart()
}

func TestOneLinkIsSavedAndDeleted(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	north := k.makeNorth(console("C"))
	k.took()
	api := func(id, source string) []byte {
		return body(t, tree{"id": id, "transformer": tree{"id": "T1"}, "options": tree{}, "source": tree{"type": "oibus-api", "dataSourceId": source}})
	}
	k.must(k.SaveLink("v", north.ID, api("", "one")))
	k.must(k.SaveLink("v", north.ID, api("", "two")))
	links := k.north(north.ID).Transformers
	k.must(k.SaveLink("v", north.ID, api(links[0].ID, "three")))
	if links = k.north(north.ID).Transformers; len(links) != 2 || links[0].Source.DataSourceID != "three" {
		t.Fatalf("%+v", links)
	}
	k.must(k.DeleteLink("v", north.ID, links[0].ID))
	if left := k.north(north.ID).Transformers; len(left) != 1 || left[0].ID != links[1].ID {
		t.Errorf("%+v", left)
	}
	k.refused(k.DeleteLink("v", north.ID, "nope"), `Transformer link "nope" not found`)
	if got := k.took(); !slices.Equal(got, []What{Links, Links, Links, Links}) {
		t.Errorf("announced %v", got)
	}
}

func TestLinksGoWithWhatTheyReferTo(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	made := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("1", "scanModeId", "ho"), register("2", "scanModeId", "ho"), register("3", "scanModeId", "ho")))
	ref := func(i int) tree { return tree{"id": made.Items[i].ID, "name": "x"} }
	north := k.makeNorth(console("C",
		southLink("", tree{"southId": made.ID, "items": []any{}}),
		southLink("", tree{"southId": made.ID, "groupId": made.Groups[0].ID, "items": []any{}}),
		southLink("", tree{"southId": made.ID, "items": []any{ref(0), ref(1)}}),
		southLink("", tree{"southId": made.ID, "items": []any{ref(2)}})))
	left := func(want ...int) {
		t.Helper()
		var got []int
		for _, l := range k.north(north.ID).Transformers {
			got = append(got, slices.IndexFunc(north.Transformers, func(o entity.TransformerLink) bool { return o.ID == l.ID }))
		}
		if !slices.Equal(got, want) {
			t.Errorf("links left: %v, want %v", got, want)
		}
		k.sameAfterRestart()
	}
	k.took()
	k.must(k.DeleteItems("v", made.ID, []string{made.Items[0].ID, made.Items[2].ID}))
	if got := k.took(); !slices.Equal(got, []What{Items, Links}) {
		t.Errorf("announced %v", got)
	}
	left(0, 1, 2) // the last one would mean the whole South without its item
	if l := k.north(north.ID).Transformers[2]; !slices.Equal(l.Source.ItemIDs, []string{made.Items[1].ID}) {
		t.Errorf("%+v", l)
	}
	k.must(k.DeleteGroup("v", made.ID, made.Groups[0].ID))
	left(0, 2)
	k.must(k.DeleteSouth("v", made.ID))
	left()
}

func TestALinkLeftByAnInterruptedDeletionIsRemovedAtTheStart(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F"))
	north := k.makeNorth(console("C", southLink("", tree{"southId": south.ID, "items": []any{}})))
	f, err := k.southFile(south.ID)
	k.must(err)
	k.must(f.items.Close())
	k.must(removeDocument(k.o.Store, south.ID)) // and then the power went off
	k.Service = nil
	k.open()
	if len(k.north(north.ID).Transformers) != 0 || len(k.Repairs()) != 1 {
		t.Errorf("%+v %v", k.north(north.ID).Transformers, k.Repairs())
	}
	k.sameAfterRestart()
}

func TestANorthIsDeleted(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	north := k.makeNorth(console("C"))
	k.must(k.DeleteNorth("u", north.ID))
	k.refused(k.DeleteNorth("u", north.ID), `North "`+north.ID+`" not found`)
	k.sameAfterRestart()
}
