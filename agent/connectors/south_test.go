package connectors

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"oibus/agent/manifest"
)

func TestABodyThatIsIncompleteIsRefusedWithEachFieldNamed(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	for _, test := range []struct {
		body any
		want string
	}{
		{tree{}, `"name" is required. "type" is required. "enabled" is required. "settings" is required. "items" is required. "groups" is required`},
		{with(folder(""), "name", ""), `"name" is not allowed to be empty`},
		{with(folder("x"), "name", 7), `"name" must be a string`},
		{with(folder("x"), "enabled", "maybe", "settings", []any{}, "items", tree{}), `"enabled" must be a boolean. "settings" must be of type object. "items" must be an array`},
		{folder("x", tree{}), `"items[0].name" is required. "items[0].enabled" is required. "items[0].settings" is required`},
		{folder("x", folderItem("i", "readDelay", "soon", "recoveryStrategy", "random")), `"items[0].readDelay" must be a number. "items[0].recoveryStrategy" must be one of [oldest, newest]`},
		{folder("x", folderItem("i", "startTimeOffset", -3e9)), `"items[0].startTimeOffset" must be greater than or equal to -2147483648`},
		{folder("x", folderItem("i"), folderItem("i")), `Item name "i" already used`},
		{folder("x", folderItem("i", "scanModeId", nil)), `Scan mode not specified`},
		{folder("x", folderItem("i", "groupId", "nope")), `Group "undefined" not found`},
		{modbus("x", []any{groupOf("temp_1", "G", tree{}), groupOf("temp_2", "G", tree{})}), `A group with name "G" already exists for this south connector`},
		{modbus("x", []any{tree{"id": "temp_1", "standardSettings": tree{"name": "G"}, "historySettings": tree{}}}), `Scan mode not specified`},
		{modbus("x", []any{tree{"id": "temp_1", "standardSettings": tree{"name": "G", "scanModeId": "zz"}, "historySettings": tree{}}}), `Scan mode "zz" not found`},
		{nil, `"commandContent" is required`},
		{"text", `"commandContent" must be of type object`},
	} {
		k.unchanged(func() {
			_, err := k.CreateSouth("u", body(t, test.body), Secrets{})
			k.refused(err, test.want)
		})
	}
	if got := k.took(); len(got) > 0 {
		t.Errorf("announced %v", got)
	}
}

func TestItemsReferToNewGroupsByTheIdsOfTheCommand(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_b", "B", tree{"maxReadInterval": 60}), groupOf("temp_a", "A", tree{}), groupOf(nil, "C", tree{})},
		register("2", "groupId", "temp_b", "syncWithGroup", true), register("1", "groupName", "A"), register("3", "scanModeName", "Every hour")))
	if south.Groups[0].Name != "A" || south.Groups[2].Name != "C" || strings.HasPrefix(south.Groups[1].ID, "temp_") {
		t.Fatalf("groups %+v", south.Groups)
	}
	one, two, three := itemNamed(t, south, "1"), itemNamed(t, south, "2"), itemNamed(t, south, "3")
	if one.GroupID != south.Groups[0].ID || two.GroupID != south.Groups[1].ID || !two.SyncWithGroup || three.ScanModeID != "ho" {
		t.Errorf("%+v", south.Items)
	}
	if south.EffectiveScanMode(&two) != "se" || *south.EffectiveHistory(&two).MaxReadInterval != 60 || south.EffectiveHistory(&one).MaxReadInterval != nil {
		t.Error("an item does not take its scan mode and timing from its group")
	}
	k.sameAfterRestart()
	if got := k.took(); !slices.Equal(got, []What{Created}) {
		t.Errorf("announced %v", got)
	}
}

func TestAnUpdateReplacesTheWholeSouthButKeepsIdsAndUnchangedItems(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{}), groupOf("temp_b", "B", tree{})},
		register("same", "groupId", "temp_a"), register("changed", "groupId", "temp_b"), register("gone", "groupId", "temp_b")))
	same, changed := itemNamed(t, south, "same"), itemNamed(t, south, "changed")
	k.must(k.UpdateSouth("v", south.ID, body(t, modbus("PLC 2", []any{groupOf(south.Groups[0].ID, "A", tree{})},
		register("same", "id", same.ID, "groupId", south.Groups[0].ID), register("renamed", "id", changed.ID, "scanModeId", "ho"),
		register("new", "id", "ZZZZZZ", "scanModeId", "ho"))), Secrets{}))
	now := k.south(south.ID)
	if now.Name != "PLC 2" || now.UpdatedBy != "v" || now.CreatedBy != "u" || len(now.Items) != 3 || len(now.Groups) != 1 {
		t.Fatalf("%+v", now)
	}
	if got := itemNamed(t, now, "same"); got.Audit != same.Audit {
		t.Errorf("an unchanged item has the audit %+v, before %+v", got.Audit, same.Audit)
	}
	if got := itemNamed(t, now, "renamed"); got.ID != changed.ID || got.UpdatedBy != "v" || got.CreatedBy != "u" {
		t.Errorf("a changed item is %+v", got)
	}
	if got := itemNamed(t, now, "new"); got.ID == "ZZZZZZ" || got.CreatedBy != "v" {
		t.Errorf("an item with an unknown id is %+v", got)
	}
	if now.Groups[0].Audit != south.Groups[0].Audit {
		t.Error("an unchanged group was touched")
	}
	k.sameAfterRestart()
}

func TestTheTypeOfAConnectorCannotChange(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south, north := k.makeSouth(folder("F")), k.makeNorth(console("C"))
	k.unchanged(func() {
		k.refused(k.UpdateSouth("u", south.ID, body(t, modbus("F", []any{})), Secrets{}),
			`South connector "`+south.ID+`" (type "folder-scanner") must be of the type "modbus"`)
		k.refused(k.UpdateNorth("u", north.ID, body(t, with(console("C"), "type", "file-writer", "settings", tree{"outputFolder": "x"})), Secrets{}),
			`North connector "`+north.ID+`" (type "console") must be of the type "file-writer"`)
	})
}

func ftp(name, password string) tree {
	settings := tree{"host": "h", "port": 21, "authentication": "password", "username": "u", "compression": false, "retryInterval": 10000, "password": password}
	return with(folder(name), "type", "ftp", "settings", settings)
}

func TestSecretsAreSealedKeptAndCopied(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	password := func(id string) string {
		var settings tree
		k.must(unmarshal(k.south(id).Settings, &settings))
		text, _ := settings["password"].(string)
		return text
	}
	south := k.makeSouth(ftp("one", "secret"))
	if got := password(south.ID); got != "sealed(secret)" {
		t.Fatalf("stored %q", got)
	}
	k.must(k.UpdateSouth("u", south.ID, body(t, ftp("one", "")), Secrets{}))
	if got := password(south.ID); got != "sealed(secret)" {
		t.Errorf("an empty secret became %q", got)
	}
	copied, err := k.CreateSouth("u", body(t, ftp("two", "")), Secrets{From: south.ID})
	if err != nil || password(copied.ID) != "sealed(secret)" {
		t.Errorf("copied %q, %v", password(copied.ID), err)
	}
	reverse := func(cipher string) (string, error) {
		if cipher == "bad" {
			return "", errors.New("no cipher")
		}
		return "plain of " + cipher, nil
	}
	k.must(k.UpdateSouth("u", south.ID, body(t, ftp("one", "cipher")), Secrets{Decrypt: reverse}))
	if got := password(south.ID); got != "sealed(plain of cipher)" {
		t.Errorf("stored %q", got)
	}
	k.unchanged(func() {
		if err := k.UpdateSouth("u", "nope", body(t, ftp("", "bad")), Secrets{Decrypt: reverse}); err == nil || err.Error() != `"name" is not allowed to be empty` {
			t.Errorf("%v", err)
		}
		if err := k.UpdateSouth("u", "nope", body(t, ftp("one", "bad")), Secrets{Decrypt: reverse}); err == nil || err.Error() != "no cipher" {
			t.Errorf("secrets do not come first: %v", err)
		}
	})
	for _, show := range []func() ([]byte, error){
		func() ([]byte, error) { return asJSON(k.SouthBlocks()) }, func() ([]byte, error) { return asJSON(k.views().SouthView(south.ID)) },
	} {
		if raw, err := show(); err != nil || strings.Contains(string(raw), "sealed") || !strings.Contains(string(raw), `"password":""`) {
			t.Errorf("a secret leaves: %s %v", raw, err)
		}
	}
}

func asJSON(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func TestDraftsTakeEmptySecretsFromTheStoredConnector(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(ftp("one", "secret"))
	draft, stored, err := k.DraftSouth(south.ID, "ftp", body(t, ftp("", "")["settings"]), Secrets{})
	if err != nil || !stored || !strings.Contains(string(draft.Settings), "sealed(secret)") || draft.Name != "ftp:test-connection" || draft.ID != "test" {
		t.Errorf("%+v %v %v", draft, stored, err)
	}
	if _, stored, err = k.DraftSouth(south.ID, "ftp", body(t, south.Settings), Secrets{}); err != nil || stored {
		t.Errorf("a new secret counts as the stored one: %v", err)
	}
	if _, stored, err = k.DraftSouth(south.ID, "ftp", body(t, with(ftp("", "")["settings"].(tree), "host", "other")), Secrets{}); err != nil || stored {
		t.Errorf("other settings count as the stored ones: %v", err)
	}
	if draft, _, err = k.DraftSouth("create", "ftp", body(t, ftp("", "")["settings"]), Secrets{}); err != nil || strings.Contains(string(draft.Settings), "secret") {
		t.Errorf("%s %v", draft.Settings, err)
	}
	_, _, err = k.DraftSouth("nope", "ftp", body(t, ftp("", "")["settings"]), Secrets{})
	k.refused(err, `South "nope" not found`)
	_, _, err = k.DraftSouth("create", "ftp", json.RawMessage(`{"host":""}`), Secrets{})
	if err == nil || !strings.HasPrefix(err.Error(), `"host" is not allowed to be empty. "port" is required`) {
		t.Errorf("%v", err)
	}
	_, _, err = k.DraftNorth("create", "console", nil, Secrets{})
	k.refused(err, `"settings" is required`)
	if _, err = k.DraftItem("folder-scanner", "x", json.RawMessage(`{}`)); err == nil || !strings.HasPrefix(err.Error(), `"regex" is required`) {
		t.Errorf("%v", err)
	}
}

func TestSettingsOfTheOtherDialectAreAdaptedUnlessStrict(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	old := ftp("one", "x")
	old["settings"] = with(old["settings"].(tree), "retryInterval", nil)
	south := k.makeSouth(old)
	if !strings.Contains(string(south.Settings), `"retryInterval":10000`) {
		t.Errorf("%s", south.Settings)
	}
	k.dialect = manifest.R
	k.open()
	if got := string(k.south(south.ID).Settings); strings.Contains(got, "retryInterval") {
		t.Errorf("in dialect R the settings are %s", got)
	}
	k.must(k.UpdateSouth("u", south.ID, body(t, ftp("one", "")), Secrets{}))
	k.strict = true
	k.open()
	k.refused(k.UpdateSouth("u", south.ID, body(t, ftp("one", "")), Secrets{}), `"retryInterval" is not allowed`)
}

func TestConnectorsAreSwitchedOnAndOff(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south, north := k.makeSouth(folder("F")), k.makeNorth(console("C"))
	k.took()
	k.must(k.EnableSouth("v", south.ID, false))
	k.must(k.EnableSouth("v", south.ID, false))
	k.must(k.EnableSouth("v", south.ID, true))
	k.must(k.EnableNorth("v", north.ID, false))
	if got := k.took(); !slices.Equal(got, []What{Disabled, Enabled, Disabled}) || k.north(north.ID).Enabled || !k.south(south.ID).Enabled || k.south(south.ID).UpdatedBy != "v" {
		t.Errorf("announced %v", got)
	}
	k.refused(k.EnableSouth("v", "nope", true), `South "nope" not found`)
	k.refused(k.EnableNorth("v", "nope", true), `North "nope" not found`)
	k.sameAfterRestart()
}

func TestWhatIsInUseIsKnown(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	if k.UsesScanMode("ho") || k.UsesScanMode("se") || k.UsesTransformer("T1") {
		t.Error("something is in use")
	}
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{})}, register("i", "groupId", "temp_a")))
	k.makeNorth(console("C", southLink("", tree{"southId": south.ID, "items": []any{}})))
	if !k.UsesScanMode("ho") || !k.UsesScanMode("se") || !k.UsesTransformer("T1") || k.UsesScanMode("subscription") {
		t.Error("what is in use is not known")
	}
}

func TestConnectorsStayInTheOrderTheyWereMade(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	names := []string{"d", "a", "c", "b"}
	for _, n := range names {
		k.makeSouth(folder(n))
		k.makeNorth(console(n))
	}
	k.open()
	for i, n := range names {
		if k.Souths()[i].Name != n || k.Norths()[i].Name != n {
			t.Fatalf("place %d: %q and %q, want %q", i, k.Souths()[i].Name, k.Norths()[i].Name, n)
		}
	}
}

func TestOnlyANewGroupIsNotReportedToTheCloud(t *testing.T) {
	t.Parallel()
	for _, w := range []What{Created, Updated, Deleted, Enabled, Disabled, Items, Links} {
		if !(Change{South, "x", w}).Reported() {
			t.Errorf("%s is not reported", w)
		}
	}
	if (Change{South, "x", GroupCreated}).Reported() {
		t.Error("a new group is reported")
	}
}

func (b *bench) views() Views {
	return Views{Service: b.Service, FriendlyName: func(id string) string { return "name of " + id }, Transformer: func(id string) any { return tree{"id": id} }}
}
