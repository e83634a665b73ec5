package connectors

import (
	"slices"
	"strings"
	"testing"

	"oibus/agent/manifest"
)

// seen is a preview of a table for a South that is made for it.
func (b *bench) seen(southID string, t Table) Preview {
	b.t.Helper()
	p, err := b.PreviewTable(southID, t, 3, 5)
	b.must(err)
	return p
}

func TestAPreviewSaysWhatTheImportThenDoes(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F", folderItem("stays"), folderItem("changes"), folderItem("gone")))
	text := folderHeader + "\n" + row("changes", "Every second", "", noTiming, "") + row("new", "Every hour", "G", noTiming, "")
	rows, err := k.ExportCSV(south.ID, ",")
	k.must(err)
	for line := range strings.SplitSeq(rows, "\r\n") {
		if strings.HasPrefix(line, "stays,") {
			text += line + "\n"
		}
	}
	for _, test := range []struct {
		update, remove bool
		want           Counts
		left           int
	}{
		{true, false, Counts{New: 1, Replaced: 1, Unchanged: 1}, 4},
		{true, false, Counts{Unchanged: 3}, 4},
		{false, true, Counts{Unchanged: 3, Deleted: 1}, 3},
	} {
		table := Table{Text: text, Delimiter: ",", Update: test.update, Delete: test.remove}
		var p Preview
		k.unchanged(func() { p = k.seen(south.ID, table) })
		before := k.south(south.ID)
		done, err := k.ImportTable("p", south.ID, table)
		after := k.south(south.ID)
		if err != nil || p.Counts != test.want || done != test.want || len(after.Items) != test.left || p.Refused != 0 {
			t.Errorf("seen %+v, done %+v %v, want %+v; %d items", p.Counts, done, err, test.want, len(after.Items))
		}
		for _, old := range before.Items {
			if old.Name != "gone" && itemNamed(t, after, old.Name).ID != old.ID {
				t.Errorf("%q has another id", old.Name)
			}
		}
		if test.remove != slices.Equal(p.Gone, []string{"gone"}) {
			t.Errorf("would delete %q", p.Gone)
		}
		checkConsistent(t, after)
	}
	k.sameAfterRestart()
}

func TestEachMistakeOfATableIsToldWithItsLine(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{}, register("there", "scanModeId", "ho")))
	table := Table{Delimiter: ",", Text: "name,enabled,scanMode,settings_address,settings_modbusType,settings_data\n" +
		"fine,TRUE,Every hour,0x1,coil,\n" +
		"json,true,Every hour,0x1,holding-register,{oops\n" +
		"\"two\nlines\",maybe,Every hour,0x1,coil,\n" +
		"there,true,Every hour,0x1,coil,\n" +
		"fine,true,Every hour,0x1,coil,\n"}
	p := k.seen(south.ID, table)
	var got []string
	for _, e := range p.Errors {
		got = append(got, string(rune('0'+e.Line))+" "+e.Name+" "+e.Error)
	}
	if len(got) != 4 || p.Refused != 4 || p.New != 1 || !strings.HasPrefix(got[0], `3 json Settings "data" of item "json": cannot read JSON`) ||
		got[1] != "4 two\nlines \"enabled\" must be true or false, not \"maybe\"" ||
		got[2] != `6 there Item name "there" already used by an item that exists: such items are replaced only if that is asked for` ||
		got[3] != `7 fine Item name "fine" already used by a line before` {
		t.Errorf("%q of %d", got, p.Refused)
	}
	k.unchanged(func() {
		if _, err := k.ImportTable("p", south.ID, table); err == nil || !strings.Contains(err.Error(), "\nline 6: there: ") {
			t.Error(err)
		}
	})
	table.Text, table.Delete = "name\n"+strings.Repeat("x\n", 700), true
	if p := k.seen(south.ID, table); p.Refused != 700 || len(p.Errors) != 5 {
		t.Errorf("%d of %d are told", len(p.Errors), p.Refused)
	}
	if _, err := k.ImportTable("p", south.ID, table); err == nil || !strings.HasSuffix(err.Error(), "\n200 more rows cannot be imported") {
		t.Errorf("%.200v", err)
	}
}

func TestASettingThatIsNeitherTrueNorFalseIsAMistake(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(folder("F"))
	text := folderHeader + "\n" + strings.Replace(row("a", "Every hour", "", noTiming, ""), "true,false", " True ,oui", 1) + row("b", "Every hour", "", noTiming, "")
	p := k.seen(south.ID, Table{Text: text, Delimiter: ","})
	if p.New != 1 || len(p.Errors) != 1 || p.Errors[0].Error != `Settings "ignoreModifiedDate" of item "a": must be true or false, not "oui"` {
		t.Errorf("%+v", p)
	}
	if n, _, err := k.ImportCSV("c", south.ID, text, ",", false); n != 2 || err != nil {
		t.Errorf("a command, which follows the reference, imported %d, %v", n, err)
	}
}

func TestADuplicateHasItemsAndGroupsOfItsOwn(t *testing.T) {
	t.Parallel()
	k := newBench(t, manifest.N)
	south := k.makeSouth(modbus("PLC", []any{groupOf("temp_a", "A", tree{"readDelay": 7})},
		register("i", "groupId", "temp_a", "syncWithGroup", true), register("j", "scanModeId", "ho", "readDelay", 9, "enabled", false)))
	k.took()
	head := modbus("Copy", nil)
	delete(head, "items")
	delete(head, "groups")
	made, err := k.DuplicateSouth("c", south.ID, body(t, head))
	k.must(err)
	now := k.south(made.ID)
	i, j := itemNamed(t, now, "i"), itemNamed(t, now, "j")
	if now.Name != "Copy" || len(now.Groups) != 1 || now.Groups[0].ID == south.Groups[0].ID || i.GroupID != now.Groups[0].ID || !i.SyncWithGroup || *now.Groups[0].History.ReadDelay != 7 ||
		i.ID == itemNamed(t, south, "i").ID || i.CreatedBy != "c" || j.Enabled || *j.ReadDelay != 9 || j.ScanModeID != "ho" {
		t.Errorf("%+v %+v", now.Groups, now.Items)
	}
	checkConsistent(t, now)
	if got := k.took(); !slices.Equal(got, []What{Created}) {
		t.Errorf("announced %v", got)
	}
	k.unchanged(func() {
		_, err := k.DuplicateSouth("c", south.ID, body(t, head))
		k.refused(err, `South connector name "Copy" already exists`)
		_, err = k.DuplicateSouth("c", "nope", body(t, head))
		k.refused(err, `South "nope" not found`)
		other := folder("Other")
		_, err = k.DuplicateSouth("c", south.ID, body(t, other))
		k.refused(err, `South connector "`+south.ID+`" (type "modbus") must be of the type "folder-scanner"`)
	})
	k.sameAfterRestart()

	secret, err := k.CreateSouth("u", body(t, ftp("one", "secret")), Secrets{})
	k.must(err)
	copied, err := k.DuplicateSouth("c", secret.ID, body(t, ftp("two", "")))
	if k.must(err); !strings.Contains(string(copied.Settings), "sealed(secret)") {
		t.Errorf("the secret became %s", copied.Settings)
	}
}

func FuzzATableDoesWhatItsPreviewSays(f *testing.F) {
	f.Add(folderHeader+"\n"+row("a", "Every hour", "G", noTiming, "true"), ",", false, false)
	f.Add(folderHeader+"\n"+row("there", "Every hour", "", noTiming, "maybe"), ",", true, false)
	f.Add("name;scanMode\nthere;Every second\n", ";", true, true)
	k := newBench(f, manifest.N)
	south := k.makeSouth(folder("F", folderItem("there")))
	f.Fuzz(func(t *testing.T, text, delimiter string, update, remove bool) {
		k.t = t
		table := Table{Text: text, Delimiter: delimiter, Update: update, Delete: remove}
		before := k.south(south.ID)
		p, refused := k.PreviewTable(south.ID, table, 2, 2)
		done, err := k.ImportTable("c", south.ID, table)
		after := k.south(south.ID)
		switch {
		case err != nil:
			if refused == nil && p.Refused == 0 || len(difference(before.Items, after.Items).Put) > 0 || len(before.Items) != len(after.Items) {
				t.Fatalf("changed, or not seen: %v, seen %+v %v", err, p, refused)
			}
			return
		case refused != nil || done != p.Counts || len(after.Items) != len(before.Items)+done.New-done.Deleted:
			t.Fatalf("done %+v, seen %+v %v; %d items, before %d", done, p.Counts, refused, len(after.Items), len(before.Items))
		}
		checkConsistent(t, after)
		if len(after.Items) > 50 {
			k.must(k.DeleteAllItems("c", south.ID))
		}
	})
}
