package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/agent/connectors"
	"oibus/agent/content"
	"oibus/agent/manifest"
)

func (p *plant) itemTest(id, testing string) (ItemTestResult, error) {
	body := southBody("S", "hour", "a")
	return p.TestSouthItem(context.Background(), id, "folder-scanner", "csv", ItemTest{
		SouthSettings: text(p.t, body["settings"]), ItemSettings: text(p.t, body["items"].([]any)[0].(tree)["settings"]), TestingSettings: jsonText(testing),
	}, connectors.Secrets{})
}

func TestAConnectionTestUsesASouthOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		s := p.south(southBody("S", "hour", "a"))
		p.took()
		settings := text(t, tree{"inputFolder": "./other", "compression": false, "password": ""})
		report, err := p.TestSouth(context.Background(), s, "folder-scanner", settings, connectors.Secrets{})
		if err != nil || report.Items[0].Value != "folder-scanner:test-connection" || !strings.Contains(report.Items[1].Value, `"password":"secret"`) {
			t.Fatalf("%+v %v", report, err)
		}
		p.expect() // what runs is left alone
		if left, err := filepath.Glob(filepath.Join(p.dir, "tmp", "test-*")); err != nil || len(left) > 0 {
			t.Fatalf("left: %q %v", left, err)
		}
		p.breaks("test", always(errors.New("Folder does not exist")))
		if _, err := p.TestSouth(context.Background(), "create", "folder-scanner", settings, connectors.Secrets{}); err == nil || err.Error() != "Folder does not exist" {
			t.Fatalf("error %v", err)
		}
		p.breaks("test", nil)
		for _, c := range []struct{ id, kind, want string }{
			{"nope", "folder-scanner", `South "nope" not found`},
			{"create", "sqlite", `South connector of type "sqlite" not installed`},
		} {
			settings := settings
			if c.kind == "sqlite" {
				settings = text(t, tree{"databasePath": "x"})
			}
			if _, err := p.TestSouth(context.Background(), c.id, c.kind, settings, connectors.Secrets{}); err == nil || err.Error() != c.want {
				t.Errorf("%s %s: %v", c.id, c.kind, err)
			}
		}
	})
}

func TestAConnectionTestOfANorth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		report, err := p.TestNorth(context.Background(), "create", "console", jsonText(`{"verbose":true}`), connectors.Secrets{})
		if err != nil || report.Items[0].Value != "console:test-connection" {
			t.Fatalf("%+v %v", report, err)
		}
		if _, err := p.TestNorth(context.Background(), "nope", "console", jsonText(`{"verbose":true}`), connectors.Secrets{}); err == nil || err.Error() != `North "nope" not found` {
			t.Fatalf("error %v", err)
		}
	})
}

func TestATestOfAnItemShowsWhatItReadsAndWhatBecomesOfIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		const rawValue = `{"type":"time-values","content":[{"pointId":"csv","timestamp":"2026-01-01T00:00:00.000Z","data":{"value":"<1>"}}]`
		const window = `"history":{"startTime":"2024-01-01T00:00:00.000Z","endTime":"2024-01-01T06:00:00.000Z"}`
		for name, c := range map[string]struct{ testing, want, cut string }{
			"plain": {`{}`, rawValue + `},"transformed":null,"connectionDuration":2,"queryDuration":3}`,
				rawValue + `,"truncated":false,"totalSize":1},"transformed":null,"connectionDuration":2,"queryDuration":3}`},
			"a window": {`{` + window + `}`, strings.ReplaceAll(rawValue, "2026-01-01", "2024-01-01") + `},"transformed":null,"connectionDuration":2,"queryDuration":3}`, ""},
			"transformed": {`{"transformer":{"transformerId":"time-values-to-oianalytics","options":{"precision":"ms"}}}`,
				rawValue + `},"transformed":{"type":"any-content","content":"[{\"pointId\":\"csv\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"data\":{\"value\":\"<1>\"}}]"},"connectionDuration":2,"queryDuration":3}`,
				rawValue + `,"truncated":false,"totalSize":1},"transformed":{"type":"any-content","content":"[{\"pointId\":\"csv\",\"timestamp\":\"2026-01-01T00:00:00.000Z\",\"data\":{\"value\":\"<1>\"}}]","truncated":false,"totalSize":0},"connectionDuration":2,"queryDuration":3}`},
		} {
			result, err := p.itemTest("create", c.testing)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, err := result.MarshalJSON()
			if want := `{"raw":` + c.want; err != nil || string(got) != want {
				t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
			}
			got, err = result.Cut().MarshalJSON()
			if want := `{"raw":` + c.cut; err != nil || c.cut != "" && string(got) != want {
				t.Errorf("%s, cut:\ngot  %s\nwant %s", name, got, want)
			}
		}
	})
}

func TestATestOfAnItemThatCannotBeTransformedSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		for testing, want := range map[string]string{
			`{"transformer":{"transformerId":"nope"}}`: `Transformer "nope" not found`,
			`{"transformer":{"transformerId":"iso"}}`:  `Transformer iso (standard) not implemented`,
		} {
			if _, err := p.itemTest("create", testing); err == nil || err.Error() != want {
				t.Errorf("%s: %v", testing, err)
			}
		}
		result, err := p.itemTest("create", `{"showFailure":true,"transformer":{"transformerId":"nope"}}`) // as the page asks
		if err != nil {
			t.Fatal(err)
		}
		if got, err := result.MarshalJSON(); err != nil || !strings.Contains(string(got), `"value":"<1>"`) || !strings.HasSuffix(string(got), `"transformed":null,"connectionDuration":2,"queryDuration":3,"transformerError":"Transformer \"nope\" not found"}`) {
			t.Errorf("what was read is not shown with the failure: %s, %v", got, err)
		}
		p.breaks("test", always(errors.New("no such table: nope")))
		if _, err := p.itemTest("create", `{"showFailure":true}`); err == nil || err.Error() != "no such table: nope" {
			t.Errorf("a reading that fails: %v", err)
		}
		if _, err := p.itemTest("create", "{}"); err == nil || err.Error() != "no such table: nope" {
			t.Errorf("error %v", err)
		}
	})
}

func TestTheReleasedVersionShowsWhatWasReadAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		result, err := p.itemTest("create", "{}")
		if err != nil {
			t.Fatal(err)
		}
		result.released = true
		got, err := result.Cut().MarshalJSON()
		want := `{"type":"time-values","content":[{"pointId":"csv","timestamp":"2026-01-01T00:00:00.000Z","data":{"value":"<1>"}}],"truncated":false,"totalSize":1}`
		if err != nil || string(got) != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

func TestAResultOfACommandIsCut(t *testing.T) {
	t.Parallel()
	values := make([]content.TimeValue, cutElements+1)
	for i := range values {
		values[i].Data = content.TextData("1")
	}
	for name, c := range map[string]struct {
		content   content.Content
		truncated bool
		total     int
	}{
		"many values": {content.FromTimeValues(values), true, cutElements + 1},
		"few values":  {content.FromTimeValues(values[:cutElements]), false, cutElements},
		"a long file": {content.FromBytes(content.Any, "x", 0, []byte(strings.Repeat("é", cutText+1))), true, cutText + 1},
		"a file":      {content.FromBytes(content.Any, "x", 0, []byte(strings.Repeat("é", cutText))), false, cutText},
		"emoji":       {content.FromBytes(content.Any, "x", 0, []byte(strings.Repeat("😀", cutText/2)+"x")), true, cutText + 1},
		"a long text": {content.FromText(strings.Repeat("x", cutText+1)), false, 0},
	} {
		v, err := showContent(c.content, "p")
		if err != nil {
			t.Fatal(err)
		}
		b := v.cut()
		if *b.Truncated != c.truncated || *b.TotalSize != c.total {
			t.Errorf("%s: truncated %t, total %d", name, *b.Truncated, *b.TotalSize)
		}
		if list, ok := b.Content.([]jsonText); ok && len(list) > cutElements {
			t.Errorf("%s: %d elements", name, len(list))
		}
		if cut, ok := b.Content.(string); ok && c.content.Kind == content.Any {
			if _, n := first(cut, cutText); n > cutText {
				t.Errorf("%s: %d characters", name, n)
			}
		}
	}
}

func TestTheTestOfARunningSouthHasItsNameInTheDialectThatShowsIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.start()
		s := p.south(southBody("S", "hour", "a"))
		same := text(t, tree{"inputFolder": "./in", "compression": false, "password": ""})
		name := func() string {
			t.Helper()
			report, err := p.TestSouth(context.Background(), s, "folder-scanner", same, connectors.Secrets{})
			if err != nil {
				t.Fatal(err)
			}
			return report.Items[0].Value
		}
		if got := name(); got != "S" {
			t.Errorf("name %q", got)
		}
		p.o.Dialect = manifest.R
		if got := name(); got != "folder-scanner:test-connection" {
			t.Errorf("name %q", got)
		}
	})
}

func TestATestLeavesNoFilesNorDoesOneThatWasKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		p := newPlant(t)
		p.halt()
		if err := os.MkdirAll(filepath.Join(p.dir, "tmp", trialPrefix+"1", "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		p.open()
		p.start()
		if _, err := p.itemTest("create", "{}"); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(filepath.Join(p.dir, "tmp"))
		if err != nil || len(entries) != 0 {
			t.Fatalf("%v %v", entries, err)
		}
	})
}
