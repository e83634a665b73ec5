package connectors

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

const folderHeader = "name,enabled,scanMode,group,maxReadInterval,readDelay,startTimeOffset,endTimeOffset,recoveryStrategy,syncWithGroup," +
	"settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive"

const folderSettings = `.*,100,true,false,0,0,FALSE`

// row is a line of folder-scanner items: name, enabled, scanMode, group, then timing and sync.
func row(name, mode, group, timing, sync string) string {
	return strings.Join([]string{name, "TRUE", mode, group, timing, sync, folderSettings}, ",") + "\n"
}

const noTiming = ",,,,"

func (b *bench) load(southID string, replace bool, rows ...string) error {
	b.t.Helper()
	n, _, err := b.ImportCSV("c", southID, folderHeader+"\n"+strings.Join(rows, ""), ",", replace)
	if err == nil && n != len(rows) {
		b.t.Errorf("%d items imported from %d rows", n, len(rows))
	}
	return err
}

func TestATableKeepsGroupTimingAndNumbers(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("there")))
	k.took()
	k.must(k.load(south.ID, false,
		row("a", "Every hour", "New", "60,5,-1,2,newest", "false"),
		row("b", "", "New", noTiming, "true"),
		row("c", "Every second", "", "1.5,,,,", "true")))
	now := k.south(south.ID)
	a, b, c := itemNamed(t, now, "a"), itemNamed(t, now, "b"), itemNamed(t, now, "c")
	if len(now.Groups) != 1 || now.Groups[0].Name != "New" || now.Groups[0].ScanModeID != "ho" || *now.Groups[0].History.ReadDelay != 5 {
		t.Fatalf("groups %+v", now.Groups)
	}
	if a.GroupID != now.Groups[0].ID || a.SyncWithGroup || *a.MaxReadInterval != 60 || *a.StartTimeOffset != -1 || *a.EndTimeOffset != 2 || *a.RecoveryStrategy != "newest" {
		t.Errorf("a is %+v", a)
	}
	if b.GroupID != a.GroupID || !b.SyncWithGroup || b.ScanModeID != "" || b.MaxReadInterval != nil {
		t.Errorf("b is %+v", b)
	}
	if c.GroupID != "" || c.SyncWithGroup || *c.MaxReadInterval != 1.5 || *c.ReadDelay != 0 || *c.RecoveryStrategy != "oldest" || c.ScanModeID != "se" {
		t.Errorf("c is %+v", c)
	}
	if want := `{"regex":".*","minAge":100,"preserveFiles":true,"ignoreModifiedDate":false,"maxFiles":0,"maxSize":0,"recursive":false}`; string(a.Settings) != want {
		t.Errorf("settings %s", a.Settings)
	}
	if got := k.took(); !slices.Equal(got, []What{Items}) {
		t.Errorf("announced %v", got)
	}
	k.sameAfterRestart()
}

func TestReplacingByATableKeepsTheIdsAndLinksOfItemsThatStay(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("gone"), folderItem("stays"), folderItem("changes")))
	stays, changes := itemNamed(t, south, "stays"), itemNamed(t, south, "changes")
	north := k.makeNorth(console("C", southLink("", tree{"southId": south.ID, "items": []any{tree{"id": stays.ID, "name": "stays"}}})))
	header := "name,enabled,scanMode,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive\n"
	n, name, err := k.ImportCSV("c", south.ID, header+"stays,true,Every hour,.*,100,true,false,0,0,false\nchanges,0,Every second,x,100,true,false,0,0,false\nnew,1,Every hour,.*,100,true,false,0,0,false\n", ",", true)
	if n != 3 || name != "F" || err != nil {
		t.Fatal(n, name, err)
	}
	now := k.south(south.ID)
	if got := itemNamed(t, now, "stays"); got.Audit != stays.Audit {
		t.Errorf("an item that stays is %+v, was %+v", got, stays)
	}
	if got := itemNamed(t, now, "changes"); got.ID != changes.ID || got.Enabled || got.ScanModeID != "se" || got.UpdatedBy != "c" || got.CreatedBy != "u" {
		t.Errorf("%+v", got)
	}
	if len(now.Items) != 3 || len(k.north(north.ID).Transformers) != 1 {
		t.Errorf("%d items, links %+v", len(now.Items), k.north(north.ID).Transformers)
	}
	k.sameAfterRestart()
}

func TestColumnsThatATableDoesNotHaveStayAsTheyAre(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("i", "groupId", "temp_a", "syncWithGroup", true), register("j", "scanModeId", "ho", "readDelay", 9)))
	if _, _, err := k.ImportCSV("c", south.ID, "settings_address;name\n0x9;i\n0x8;j", ";", true); err != nil {
		t.Fatal(err)
	}
	now := k.south(south.ID)
	i, j := itemNamed(t, now, "i"), itemNamed(t, now, "j")
	if i.GroupID != south.Groups[0].ID || !i.SyncWithGroup || !i.Enabled || string(i.Settings) != `{"address":"0x9","modbusType":"coil"}` {
		t.Errorf("%+v %s", i, i.Settings)
	}
	if *j.ReadDelay != 9 || j.ScanModeID != "ho" {
		t.Errorf("%+v", j)
	}
}

func TestRowsThatCannotBeUsedAreAllToldAndNothingIsImported(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("there")))
	for _, test := range []struct{ text, delimiter, want string }{
		{folderHeader + "\n" + row("ok", "Every hour", "", noTiming, "") + row("x", "Never", "", noTiming, "") + row("y", "", "", noTiming, "") +
			row("there", "Every hour", "", noTiming, "") + row("ok", "Every hour", "", noTiming, "") + row("", "Every hour", "", noTiming, "") +
			row("z", "", "G", noTiming, "") + row("n", "Every hour", "", "soon,,,,", "") + row("s", "Every hour", "", ",,,,fast", "") + row("b", "Every hour", "", "-1e10,,,,", ""), ",",
			"Error when checking csv items:\nx: Scan mode \"Never\" not found for item \"x\"\ny: Scan mode not specified for item \"y\"\nthere: Item name \"there\" already used\n" +
				"ok: Item name \"ok\" already used\n: \"name\" is required\nz: Scan mode not specified for item \"z\"\nn: \"maxReadInterval\" must be a number\n" +
				"s: \"recoveryStrategy\" must be one of [oldest, newest]\nb: \"maxReadInterval\" must be greater than or equal to -2147483648"},
		{"name,scanMode,settings_regex,settings_minAge\na,Every hour,,many\n", ",", "Error when checking csv items:\n" +
			`a: "regex" is required. "minAge" must be a number. "preserveFiles" is required. "ignoreModifiedDate" is required. "maxFiles" is required. "maxSize" is required. "recursive" is required`},
		{"name;scanMode\na;b\n", "\"", `The entered delimiter """ does not correspond to the file delimiter ";"`},
		{"name,scanMode\na,b\n", "", `The entered delimiter "" does not correspond to the file delimiter ","`},
	} {
		k.unchanged(func() {
			_, _, err := k.ImportCSV("c", south.ID, test.text, test.delimiter, false)
			k.refused(err, test.want)
		})
	}
	_, _, err := k.ImportCSV("c", "nope", "", ",", false)
	k.refused(err, `South "nope" not found`)
}

func TestTextThatIsNotJSONEndsTheImport(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{}))
	_, _, err := k.ImportCSV("c", south.ID, "name,scanMode,settings_address,settings_modbusType,settings_data\na,Every hour,0x1,holding-register,notjson\n", ",", false)
	if err == nil || !strings.HasPrefix(err.Error(), `Settings "data" of item "a": cannot read JSON: invalid character 'o'`) {
		t.Error(err)
	}
}

func TestManyBadRowsMakeAShortText(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F"))
	_, _, err := k.ImportCSV("c", south.ID, "name\n"+strings.Repeat("x\n", 700), ",", false)
	if err == nil || !strings.HasSuffix(err.Error(), "\n200 more rows cannot be imported") || strings.Count(err.Error(), "\n") != 501 {
		t.Errorf("%.200v", err)
	}
}

func TestWhatIsExportedCanBeImported(t *testing.T) {
	t.Parallel()
	for _, d := range []manifest.Dialect{manifest.N, manifest.R} {
		k := newBench(t, d)
		south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A;\"x\"", tree{"maxReadInterval": 60, "readDelay": 1, "overlap": 5, "startTimeOffset": -5, "endTimeOffset": 0, "recoveryStrategy": "oldest"})},
			register("plain", "scanModeId", "ho"), register("synced", "groupId", "temp_a", "syncWithGroup", true),
			register("timed", "scanModeId", "se", "maxReadInterval", 10, "readDelay", 20, "startTimeOffset", -30, "endTimeOffset", 40, "recoveryStrategy", "newest", "overlap", 30),
			register("data", "scanModeId", "ho", "enabled", false, "settings", tree{"address": "0x1", "modbusType": "holding-register",
				"data": tree{"dataType": "uint16", "bitIndex": 1, "multiplierCoefficient": 1}})))
		text, err := k.ExportCSV(south.ID, ";")
		k.must(err)
		want := "name;enabled;scanMode;group;maxReadInterval;readDelay;startTimeOffset;endTimeOffset;recoveryStrategy;syncWithGroup;settings_address;settings_modbusType;settings_data\r\n" +
			"data;false;Every hour;;;;;;;false;0x1;holding-register;\"{\"\"dataType\"\":\"\"uint16\"\",\"\"bitIndex\"\":1,\"\"multiplierCoefficient\"\":1}\"\r\n"
		if d == manifest.R {
			want = "name;enabled;scanMode;group;maxReadInterval;readDelay;overlap;syncWithGroup;settings_address;settings_modbusType;settings_data\r\n"
		}
		if sorted := strings.ReplaceAll(text, `{""bitIndex"":1,""dataType"":""uint16"",`, `{""dataType"":""uint16"",""bitIndex"":1,`); !strings.HasPrefix(sorted, want) {
			t.Errorf("%s", text)
		}
		copied := k.makeSouth(modbus("PLC 2", []any{}))
		_, _, err = k.ImportCSV("c", copied.ID, text, ";", true)
		k.must(err)
		again, err := k.ExportCSV(copied.ID, ";")
		k.must(err)
		// An empty timing cell is 0, so only the second export is equal to the first.
		if _, _, err = k.ImportCSV("c", south.ID, again, ";", true); err != nil {
			t.Fatal(err)
		}
		if twice, _ := k.ExportCSV(south.ID, ";"); twice != again {
			t.Errorf("%s\nbecame\n%s", again, twice)
		}
		if !strings.Contains(again, `synced;true;Every second;"A;""x""";60;1;`) {
			t.Errorf("a synced item does not show the timing of its group: %s", again)
		}
	}
	_, err := newBench(t, manifest.N).ExportCSV("nope", ",")
	if err == nil || err.Error() != `South "nope" not found` {
		t.Error(err)
	}
}

func TestDialectsTakeEachOthersTables(t *testing.T) {
	t.Parallel()
	header := "name,scanMode,overlap,startTimeOffset,settings_address,settings_modbusType\n"
	for _, test := range []struct {
		d        manifest.Dialect
		rows     string
		start    float64
		blockHas string
	}{
		{manifest.N, strings.Replace(header, "startTimeOffset,", "", 1) + "i,Every hour,250,0x1,coil", -250, `"startTimeOffset":-250`},
		{manifest.N, header + "i,Every hour,250,-7,0x1,coil", -7, `"startTimeOffset":-7`},
		{manifest.R, header + "i,Every hour,250,-7,0x1,coil", -250, `"overlap":250`},
	} {
		k := newBench(t, test.d)
		south := k.makeSouth(modbus("PLC", []any{}))
		_, _, err := k.ImportCSV("c", south.ID, test.rows, ",", false)
		k.must(err)
		if got := k.south(south.ID).Items[0].StartTimeOffset; got == nil || *got != test.start {
			t.Errorf("%s %q: start offset %v", test.d, test.rows, got)
		}
		if raw, _ := asJSON(k.SouthBlocks()); !strings.Contains(string(raw), test.blockHas) {
			t.Errorf("%s: %s", test.d, raw)
		}
	}
}

func TestThePageChecksATableAndThenImportsTheItems(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("there"), folderItem("gone")))
	view, err := k.views().SouthView(south.ID)
	k.must(err)
	current := body(t, view.Items)
	text := folderHeader + "\n" + row("there", "Every second", "", noTiming, "") + row("new", "Every hour", "G", "7,,,,", "false") + row("synced", "", "G", noTiming, "true") + row("bad", "Never", "", noTiming, "")

	checked, err := k.CheckCSV("folder-scanner", text, ",", current, true)
	k.must(err)
	shown, err := k.views().CheckedView(checked)
	k.must(err)
	if len(shown.Items) != 3 || len(shown.Errors) != 1 || shown.Errors[0].Error != `Scan mode "Never" not found for item "bad"` || shown.Errors[0].Item["name"] != "bad" || shown.Errors[0].Item["settings_minAge"] != "100" {
		t.Fatalf("%s", body(t, shown))
	}
	if shown.Items[0].ID != itemNamed(t, south, "there").ID || shown.Items[1].ID != "" || !strings.Contains(string(shown.Items[1].Group), `"id":"temp_`) {
		t.Errorf("%s", body(t, shown.Items))
	}
	k.unchanged(func() {}) // a check changes nothing
	k.must(k.ImportItems("p", south.ID, body(t, shown.Items), true))
	now := k.south(south.ID)
	there, made, synced := itemNamed(t, now, "there"), itemNamed(t, now, "new"), itemNamed(t, now, "synced")
	if len(now.Items) != 3 || there.ID != itemNamed(t, south, "there").ID || there.ScanModeID != "se" || len(now.Groups) != 1 || now.Groups[0].Name != "G" ||
		*now.Groups[0].History.MaxReadInterval != 7 || made.GroupID != now.Groups[0].ID || made.SyncWithGroup || !synced.SyncWithGroup || synced.GroupID != made.GroupID {
		t.Errorf("%s", body(t, []any{now, now.Items}))
	}
	k.sameAfterRestart()

	checked, err = k.CheckCSV("folder-scanner", folderHeader+"\n"+row("there", "Every hour", "", noTiming, ""), ",", current, false)
	if err != nil || len(checked.Errors) != 1 || checked.Errors[0].Error != `Item name "there" already used` {
		t.Errorf("%+v %v", checked, err)
	}
	k.unchanged(func() {
		k.refused(k.ImportItems("p", south.ID, body(t, []any{folderItem("there")}), false), `Item name "there" already used`)
		k.refused(k.ImportItems("p", south.ID, body(t, []any{folderItem("x", "groupId", "nope")}), false), `Group "undefined" not found`)
		k.refused(k.ImportItems("p", south.ID, json.RawMessage(`{}`), false), `"items" must be an array`)
	})
	k.must(k.ImportItems("p", south.ID, body(t, []any{folderItem("more")}), false))
	if n := len(k.south(south.ID).Items); n != 4 {
		t.Errorf("%d items", n)
	}
}

func TestItemsOfThePageBecomeATable(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	text, err := k.ItemsToCSV("folder-scanner", body(t, []any{folderItem("a"), folderItem("b", "scanModeId", nil, "groupName", "G", "group", groupOf("temp_1", "G", tree{}))}), ",")
	k.must(err)
	lines := strings.Split(text, "\r\n")
	if len(lines) != 3 || lines[0] != folderHeader || !strings.HasPrefix(lines[1], "a,true,Every hour,,") || !strings.HasPrefix(lines[2], "b,true,Every second,G,") {
		t.Errorf("%s", text)
	}
	_, err = k.ItemsToCSV("teleporter", nil, ",")
	if err == nil || !strings.Contains(err.Error(), `"teleporter" is not known`) {
		t.Error(err)
	}
}

func FuzzImportIsAllOrNothing(f *testing.F) {
	f.Add(folderHeader+"\n"+row("a", "Every hour", "G", noTiming, "true"), ",", false)
	f.Add("name;scanMode;overlap;settings_regex\nthere;Every second;x;\"", ";", true)
	f.Add("\ufeffname,name,settings_,settings_minAge\n1,2,3,4,5\n", ",", true)
	k := newBench(f, manifest.N)
	south := k.makeSouth(folder("F", folderItem("there")))
	f.Fuzz(func(t *testing.T, text, delimiter string, replace bool) {
		k.t = t
		before := k.south(south.ID)
		n, _, err := k.ImportCSV("c", south.ID, text, delimiter, replace)
		after := k.south(south.ID)
		if err != nil {
			if len(difference(before.Items, after.Items).Put) > 0 || len(before.Items) != len(after.Items) {
				t.Fatalf("changed although %v", err)
			}
			return
		}
		if want := n; replace && len(after.Items) != want || !replace && len(after.Items) != want+len(before.Items) {
			t.Fatalf("%d items after importing %d into %d", len(after.Items), n, len(before.Items))
		}
		checkConsistent(t, after)
		if len(after.Items) > 50 {
			k.must(k.DeleteAllItems("c", south.ID))
		}
	})
}

// checkConsistent checks what always holds of a South.
func checkConsistent(t testing.TB, south entity.South) {
	t.Helper()
	names, ids := map[string]bool{}, map[string]bool{}
	for i := range south.Items {
		item := &south.Items[i]
		if names[item.Name] || ids[item.ID] || item.ID == "" || item.Name == "" {
			t.Fatalf("the name %q or id %q comes twice or is empty", item.Name, item.ID)
		}
		names[item.Name], ids[item.ID] = true, true
		if _, ok := south.Group(item.GroupID); item.GroupID != "" && !ok {
			t.Fatalf("item %q is in a group that does not exist", item.Name)
		}
		if south.EffectiveScanMode(item) == "" {
			t.Fatalf("item %q has no scan mode", item.Name)
		}
		if !json.Valid(item.Settings) {
			t.Fatalf("the settings of item %q are %q", item.Name, item.Settings)
		}
	}
}
