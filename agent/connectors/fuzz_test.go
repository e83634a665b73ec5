package connectors

import (
	"encoding/json"
	"errors"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// foreseen says whether an error is one that a person can mend.
func foreseen(err error) bool {
	var invalid *entity.InvalidError
	var missing *entity.NotFoundError
	return err == nil || errors.As(err, &invalid) || errors.As(err, &missing)
}

func FuzzSouthCommands(f *testing.F) {
	f.Add([]byte(`{"name":"x","type":"folder-scanner","enabled":true,"settings":{"inputFolder":"a","compression":false},"items":[],"groups":[]}`))
	k := newBench(f, manifest.N)
	for _, o := range []tree{folder("a", folderItem("i")), modbus("b", []any{groupOf("temp_1", "G", tree{"overlap": 1})}, register("1", "groupId", "temp_1", "syncWithGroup", "true")), ftp("c", "s")} {
		f.Add([]byte(body(f, o)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		k.t = t
		south, err := k.CreateSouth("u", raw, Secrets{Decrypt: func(c string) (string, error) { return c, nil }})
		if !foreseen(err) {
			t.Fatalf("unforeseen: %v", err)
		}
		if err != nil {
			return
		}
		checkConsistent(t, south)
		if err := k.UpdateSouth("u", south.ID, raw, Secrets{}); err != nil {
			t.Fatalf("the body that made it does not update it: %v", err)
		}
		blocks, err := k.SouthBlocks()
		if err != nil || !json.Valid(blocks[0]) {
			t.Fatal(err)
		}
		k.must(k.DeleteSouth("u", south.ID))
	})
}

func FuzzNorthCommands(f *testing.F) {
	k := newBench(f, manifest.N)
	f.Add([]byte(body(f, console("a"))))
	f.Add([]byte(body(f, console("a", tree{"id": nil, "transformerId": "T1", "source": tree{"type": "oibus-api", "dataSourceId": "x"}}))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k.t = t
		north, err := k.CreateNorth("u", raw, Secrets{})
		if !foreseen(err) {
			t.Fatalf("unforeseen: %v", err)
		}
		if err != nil {
			return
		}
		if err := k.UpdateNorth("u", north.ID, raw, Secrets{}); err != nil {
			t.Fatalf("the body that made it does not update it: %v", err)
		}
		if _, err := k.views().NorthView(north.ID); err != nil {
			t.Fatal(err)
		}
		k.must(k.DeleteNorth("u", north.ID))
	})
}

func FuzzItemsAndGroups(f *testing.F) {
	f.Add([]byte(body(f, register("x", "scanModeId", "ho"))))
	f.Add([]byte(body(f, groupOf(nil, "x", tree{"readDelay": "5"}))))
	f.Add([]byte(body(f, []any{register("x", "group", groupOf("temp_1", "x", tree{}))})))
	k := newBench(f, manifest.N)
	south := k.makeSouth(modbus("b", []any{}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		k.t = t
		_, itemErr := k.CreateItem("u", south.ID, raw)
		_, groupErr := k.CreateGroup("u", south.ID, raw)
		importErr := k.ImportItems("u", south.ID, raw, false)
		link := k.SaveLink("u", "nope", raw)
		_, tableErr := k.ItemsToCSV("modbus", raw, ",")
		if !foreseen(itemErr) || !foreseen(groupErr) || !foreseen(importErr) || !foreseen(link) || !foreseen(tableErr) {
			t.Fatalf("unforeseen: %v %v %v %v %v", itemErr, groupErr, importErr, link, tableErr)
		}
		now := k.south(south.ID)
		checkConsistent(t, now)
		if len(now.Items)+len(now.Groups) > 40 {
			k.must(k.UpdateSouth("u", south.ID, body(t, modbus("b", []any{})), Secrets{}))
		}
	})
}
