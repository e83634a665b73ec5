package page

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"oibus/agent/cache"
	"oibus/agent/entity"
)

func TestAHistoryQueryIsMadeFilledAndRunToItsEnd(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	b := p.tab()
	b.open("/history")
	b.until("document.querySelector('#list [data-state=empty]:not([hidden])')")
	b.click(".head a.primary")
	b.until("!document.querySelector('#choice')?.hidden")
	b.click("#choice button[type=submit]")
	b.until("!document.querySelector('#choice-south-error').hidden && document.activeElement.id === 'choice-south'")
	b.pick("#choice-south", "SQLite")
	b.pick("#choice-north", "Console")
	b.click("#choice button[type=submit]")
	b.until("document.querySelector('#south-fields .field')")
	b.fillIn(field("#head-fields", "name"), "January")
	b.do(`for (const [name, at] of [['startTime', '2026-01-02T01:00:00'], ['endTime', '2026-01-01T01:00:00']]) { const e = document.querySelector('#range-fields [data-field=' + name + '] input'); e.value = at; e.dispatchEvent(new Event('input', { bubbles: true })); }`)
	b.pick(field("#caching-fields", "trigger.scanModeId"), "Every minute")
	b.fillIn(field("#caching-fields", "trigger.numberOfElements"), "1")
	b.fillIn(field("#south-fields", "databasePath"), "/nowhere")
	b.click("#test-south")
	b.until("document.querySelector('#test-south-result.bad')?.textContent.includes('unable to open')")
	b.fillIn(field("#south-fields", "databasePath"), "/srv/plant.db")
	b.click("#test-south")
	b.until("document.querySelector('#test-south-result.ok')?.textContent.includes('Tables: 3')")
	b.click("#settings-form button[type=submit]")
	if text := b.text("document.querySelector('#range-fields [data-field=endTime] .error').textContent"); !strings.Contains(text, "later") {
		t.Errorf("an end before the start says %q", text)
	}
	b.do(`const e = document.querySelector('#range-fields [data-field=endTime] input'); e.value = '2026-01-03T01:00:00'; e.dispatchEvent(new Event('input', { bubbles: true }))`)
	b.click("#settings-form button[type=submit]")
	b.until("location.pathname !== '/history/new' && document.querySelector('#items [data-state=empty]:not([hidden])')")
	if of := p.query("January").Range; of.Start != "2026-01-02T00:00:00.000Z" || of.End != "2026-01-03T00:00:00.000Z" {
		t.Errorf("one in the morning in Paris is stored as %s and %s", of.Start, of.End)
	}

	b.click("#items [data-state=empty] [data-new-item]")
	b.until("document.querySelector('#item[open]')")
	b.fillIn(field("#item-fields", "name"), "temperatures")
	b.fillIn(field("#item-fields", "settings.query"), "SELECT * FROM t")
	b.fillIn(field("#item-fields", "settings.serialization.filename"), "x.csv")
	b.click("#item button[type=submit]")
	b.until("document.querySelectorAll('#items tbody tr').length === 1")
	table, err := p.histories.ExportCSV(p.query("January").ID, ",")
	p.must(err)
	file := filepath.Join(t.TempDir(), "items.csv")
	p.must(os.WriteFile(file, []byte(table+strings.ReplaceAll(strings.SplitN(table, "\n", 2)[1], "temperatures", "pressures")), 0o600))
	b.click("[data-import]")
	b.until("document.querySelector('#import[open]')")
	b.choose("#import-file", file)
	b.until("document.querySelector('[data-preview=bad]').textContent.startsWith('1 line')")
	file = filepath.Join(t.TempDir(), "good.csv")
	p.must(os.WriteFile(file, []byte(strings.ReplaceAll(table, "temperatures", "pressures")), 0o600))
	b.choose("#import-file", file)
	b.until("!document.querySelector('#import button[type=submit]').disabled")
	b.click("#import button[type=submit]")
	b.until("document.querySelectorAll('#items tbody tr').length === 2")
	b.click("#items tbody tr:first-child .switch")
	b.until("!document.querySelector('#items tbody tr:first-child [data-enabled]').checked")
	b.until("document.querySelector('#items').getAttribute('aria-busy') === null")

	p.histories.played.set(func() { p.histories.played.hold = make(chan struct{}) })
	b.click("#tab-status")
	b.click("#start")
	b.until("document.querySelector('#connector-state').textContent === 'Running' && parseInt(document.querySelector('[data-metric=percent]').textContent) > 5")
	b.click("#restart")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/start') && e.responseEnd).length === 2")
	b.until("document.querySelector('#connector-state').textContent === 'Running' && parseInt(document.querySelector('[data-metric=percent]').textContent) > 5")
	b.click("#pause")
	b.toast("January is paused")
	b.until("document.querySelector('#start span').textContent === 'Continue'")
	p.histories.played.set(func() { close(p.histories.played.hold) })
	b.click("#start")
	b.until("document.querySelector('#connector-state').textContent === 'Finished' && document.querySelector('#progress').getAttribute('aria-valuenow') === '100'")
	if q := p.query("January"); q.Status != entity.HistoryFinished || len(q.South.Items) != 2 || q.South.Items[0].Enabled == q.South.Items[1].Enabled {
		t.Errorf("it is %s with the items %+v", q.Status, q.South.Items)
	}
	p.histories.played.set(func() { p.histories.played.fail = errors.New("no such table: t") })
	b.click("#start")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("!document.querySelector('#connector-error').hidden && document.querySelector('#connector-error').textContent.includes('no such table')")
	b.quiet("400")
}

func TestAHistoryQueryIsCopiedFromASouthAndANorthAndItsSettingsAreKept(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.backfill("January", "a", "b")
	p.console("To look at")
	b := p.tab()
	b.open("/history/new?duplicate=" + p.query("January").ID)
	b.until("document.querySelector('#south-fields .field') && document.querySelector('#new-items').textContent.startsWith('2 items')")
	b.click("#settings-form button[type=submit]")
	b.until("location.pathname !== '/history/new' && document.querySelector('#start')?.hidden === false")
	q := p.query("January copy")
	if len(q.South.Items) != 2 || !strings.Contains(string(q.South.Settings), "/srv/plant.db") {
		t.Errorf("the copy is %+v", q)
	}
	_, err := p.histories.SaveItem(t.Context(), "u1", q.ID, "", json.RawMessage(strings.Replace(sqliteItem, "{name}", "made elsewhere", 1)))
	p.must(err)
	b.click("#tab-settings")
	b.fillIn(field("#head-fields", "description"), "Again")
	b.click("#settings-form button[type=submit]")
	b.toast("January copy saved")
	if again := p.query("January copy"); again.Description != "Again" || again.South.Items[0].ID != q.South.Items[0].ID || len(again.South.Items) != 3 || again.Range != q.Range {
		t.Errorf("after it was changed it is %+v", again)
	}
	if b.text("performance.getEntriesByType('resource').some((e) => new RegExp('/api/history/[^/?]+$').test(e.name) && e.initiatorType === 'fetch')") != "false" {
		t.Error("the page has asked for all items")
	}
	b.click("#tab-transformers")
	b.click("[data-new-link]")
	b.until("document.querySelector('#link[open]')")
	b.pick(field("#link-source-fields", "part"), "Some items")
	b.click("#link-item-search")
	b.until("document.querySelector('.pick')")
	b.click(".pick")
	b.pick(field("#link-source-fields", "transformer"), "Time values to CSV")
	b.click("#link button[type=submit]")
	b.until("document.querySelectorAll('#links tbody tr').length === 1")
	if l := p.query("January copy").North.Transformers; len(l) != 1 || len(l[0].Source.ItemIDs) != 1 {
		t.Errorf("the bindings are %+v", l)
	}
	b.open("/history")
	b.until("document.querySelectorAll('tbody tr').length === 2")
	b.click("tbody tr:nth-child(2) [data-delete]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelectorAll('tbody tr').length === 1")
	b.quiet()
}

func TestATransformerIsWrittenTriedAndSaved(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	b := p.tab()
	b.open("/transformers/new")
	b.until(trialReady)
	const code = ".code-field textarea"
	b.fillIn(code, "function f() {")
	b.key(kb.Enter)
	b.key("x;")
	b.value(code, "function f() {\n  x;")
	b.key(kb.Tab)
	b.value(code, "function f() {\n  x;  ")
	if n := b.text("document.querySelectorAll('.code-lines span').length"); n != "2" {
		t.Errorf("%s lines are counted", n)
	}
	b.key(kb.Escape)
	b.key(kb.Tab)
	if inside := b.text("document.activeElement === document.querySelector('" + code + "')"); inside != "false" {
		t.Error("Escape and Tab do not lead out of the code")
	}
	b.value(code, "function f() {\n  x;  ")
	b.click("#template")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelector('" + code + "').value.includes('function transform(')")

	b.fillIn("#trial-input", `{"pointId":"a"}`)
	b.click("#trial-run")
	b.until("document.querySelector('#trial-input-error').textContent.includes('array')")
	b.fillIn("#trial-input", `[{"pointId":"a","timestamp":"2026-01-01T00:00:00.000Z","data":{"value":"x"}}]`)
	b.pick(field("#head-fields", "outputType"), "Any content")
	b.click("#trial-run")
	b.until("document.querySelector('#trial-output').textContent.includes('POINTID') && document.querySelector('#trial-diff ins')?.textContent.includes('POINTID')")
	b.until("document.querySelector('#trial-console').textContent.includes('3 values')")
	b.pick("#trial-compare", "To the previous run")
	b.until("!document.querySelector('#trial-first').hidden")
	b.click("#trial-run")
	b.until("document.querySelector('#trial-diff').textContent === 'No difference.'")

	for input, want := range map[string]string{
		`[{"pointId":5,"timestamp":"2026-01-01T00:00:00.000Z","data":{}}]`:                             "Element 1: “pointId” must be a text.",
		`[{"pointId":"a","timestamp":"yesterday","data":{}}]`:                                          "Element 1: “timestamp” must be an instant",
		`[{"pointId":"a","timestamp":"2026-01-01T00:00:00.000Z","data":null}]`:                         "Element 1: “data” must be an object.",
		`[{"pointId":"a","timestamp":"2026-01-01T00:00:00.000Z","data":{}},{"pointId":"a","data":{}}]`: "Element 2 has no “timestamp”",
		`[{"pointId":"a","timestamp":"2026-01-01T00:00:00.000Z","data":{}}, 7]`:                        "Element 2 must be an object.",
	} {
		b.fillIn("#trial-input", input)
		b.click("#trial-run")
		b.until("document.querySelector('#trial-input-error').textContent.includes(" + quote(want) + ")")
		if left := b.text("document.querySelector('#trial-status').textContent + (document.querySelector('#trial-old').hidden ? ' not said to be old' : '')"); left != "" {
			t.Errorf("a run that failed leaves %q", left)
		}
	}
	b.fillIn("#trial-input", `[{"pointId":"a","timestamp":"2026-01-01T00:00:00.000Z","data":{"value":"x"}}]`)
	b.click("#trial-run")
	b.until("document.querySelector('#trial-status.ok') && document.querySelector('#trial-old').hidden")

	b.click("#options-fields .between .button")
	b.fillIn(field("#options-fields", "options[0].key"), "digits")
	b.pick(field("#options-fields", "options[0].kind"), "Number")
	b.fillIn(field("#options-fields", "options[0].defaultValue"), "2")
	b.until("document.querySelector('#trial-options input')?.value === '2'")
	b.click("#code-form button[type=submit]")
	b.until("document.querySelector('#head-fields .invalid')")
	b.fillIn(field("#head-fields", "name"), "Round")
	b.click("#code-form button[type=submit]")
	b.until("location.pathname !== '/transformers/new' && document.querySelector('#usage')?.hidden === false")
	made := p.transformers.List()
	if len(made) != 1 || made[0].Name != "Round" || made[0].OutputType != "any" || !strings.Contains(string(made[0].Manifest), `"key":"digits"`) {
		t.Fatalf("the transformers are %+v", made)
	}
	query := p.backfill("January", "a") // bound after the page was opened
	p.must(p.histories.SaveLink(t.Context(), "u1", query, json.RawMessage(`{"id":"","transformerId":"`+made[0].ID+`","options":{"digits":2},"items":[]}`)))
	for _, press := range []string{"#delete", "#code-form button[type=submit]"} {
		if press != "#delete" {
			b.fillIn(field("#options-fields", "options[0].key"), "places")
		}
		b.click(press)
		b.until("document.querySelector('#confirm').open && document.querySelector('#confirm-text').textContent.includes('January')")
		b.click("#confirm button[value=no]")
		b.until("!document.querySelector('#confirm').open")
	}
	b.do("document.querySelector('#discard').click()")
	b.click("#delete")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("location.pathname === '/transformers' && document.querySelector('#no-custom')?.hidden === false")
	b.quiet()
}

func TestAnErrorOfAConnectorIsThereBeforeWhatItWouldPushAway(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	north, south := p.console("To look at"), p.scanner("Quality reports", "a")
	query := p.backfill("January", "a")
	p.cached(cache.InCache, "values.json", "flow.csv")
	p.engine.change(func() {
		p.engine.errors[north], p.engine.errors[south] = "connect ECONNREFUSED 10.0.0.5:443", "no such folder"
	})
	p.histories.played.set(func() { p.histories.played.fail = errors.New("no such table: t") })
	p.must(p.histories.StartQuery(t.Context(), "u1", query))
	b := p.tab()
	b.open("/history/" + query)
	b.until("!document.querySelector('#connector-error').hidden")
	for _, path := range []string{"/norths/" + north + "#cache", "/souths/" + south + "#items", "/history/" + query + "#items"} {
		b.run(chromedp.Navigate("about:blank"))
		b.open(path)
		b.until("document.querySelector('tbody tr')")
		if b.text("document.querySelector('#connector-error').hidden") != "false" {
			t.Errorf("%s shows its rows before the error that pushes them down", path)
		}
	}
	b.quiet()
}

func TestATransformerWhoseCodeChangesKeepsItsOptions(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.custom("Round temperatures")
	before := p.transformers.List()[0]
	b := p.tab()
	b.open("/transformers/" + id)
	b.until(trialReady)
	b.fillIn(".code-field textarea", "function transform(content) { return { data: content }; }")
	b.click("#code-form button[type=submit]")
	b.toast("Round temperatures saved")
	after := p.transformers.List()[0]
	if after.Code == before.Code || string(after.Manifest) != string(before.Manifest) {
		t.Errorf("%s became %s", before.Manifest, after.Manifest)
	}
	b.quiet()
}
