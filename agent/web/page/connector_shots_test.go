package page

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"oibus/agent/cache"
)

const itemsShown = `document.querySelector('#items tbody tr')`

// plantScenes are the pages of Souths, Norths, history queries and transformers in states worth looking at. {south},
// {north}, {history} and {transformer} stand for ids.
var plantScenes = []struct {
	name, path string
	set        func(p *plant, south, north string)
	ready      string
	act        func(b *tab)
}{
	{name: "souths", path: "/souths", ready: "document.querySelectorAll('tbody tr').length === 3 && document.querySelector('tbody .spark-line').getAttribute('d')?.length > 10"},
	{name: "norths", path: "/norths", ready: "document.querySelector('tbody tr')", set: func(p *plant, _, north string) {
		p.engine.change(func() { p.engine.errors[north] = "connect ECONNREFUSED 10.0.0.5:443" })
	}},
	{name: "south-new", path: "/souths/new", ready: "document.querySelector('.choice')"},
	{name: "south-new-rest", path: "/souths/new?type=rest", ready: "document.querySelector('#settings-fields .field')"},
	{name: "south-status", path: "/souths/{south}", ready: "document.querySelector('[data-metric=values]').textContent !== '–'"},
	{name: "south-items", path: "/souths/{south}#items", ready: itemsShown, act: func(b *tab) { b.click("tbody tr:nth-child(2) [data-select]") }},
	{name: "south-item", path: "/souths/{south}#items", ready: itemsShown, act: func(b *tab) {
		b.click("tbody tr:first-child [data-edit]")
		b.until("document.querySelector('dialog[open]')")
		b.do("document.querySelector('#item-test').open = true")
		b.do(`const s = document.querySelector('#item-test-fields select'); s.value = [...s.options].find((o) => o.text === 'Time values to CSV').value; s.dispatchEvent(new Event('change', { bubbles: true }))`)
		b.click("#item-try")
		b.until("!document.querySelector('#item-sides').hidden")
		b.do("document.querySelector('#item-sides').scrollIntoView()")
	}},
	{name: "south-item-wrong", path: "/souths/{south}#items", ready: itemsShown, act: func(b *tab) {
		b.click("[data-new-item]")
		b.click("#item button[type=submit]")
		b.until("document.querySelector('#item .invalid')")
	}},
	{name: "south-groups", path: "/souths/{south}#groups", set: func(p *plant, south, _ string) {
		_, err := p.CreateGroup("u1", south, json.RawMessage(`{"id":null,"standardSettings":{"name":"Fast","scanModeId":"`+p.modes["Every minute"]+`"},
			"historySettings":{"startTimeOffset":0,"endTimeOffset":0,"maxReadInterval":3600,"readDelay":200,"recoveryStrategy":"oldest"}}`))
		p.must(err)
	}, ready: "document.querySelector('#groups tbody tr')"},
	{name: "south-settings", path: "/souths/{south}#settings", ready: "document.querySelector('#settings-fields .field')", act: func(b *tab) {
		b.click("#test")
		b.until("document.querySelector('.test-result.ok')")
	}},
	{name: "north-settings", path: "/norths/{north}#settings", ready: "document.querySelector('#caching-fields .field')"},
	{name: "north-cache", path: "/norths/{north}#cache", ready: "document.querySelector('#cache tbody tr')", act: func(b *tab) { b.click("#cache tbody tr:nth-child(2) [data-select]") }},
	{name: "north-file", path: "/norths/{north}#cache", ready: "document.querySelector('#cache tbody tr')", act: func(b *tab) {
		b.click("#cache tbody tr:first-child [data-open]")
		b.until("document.querySelector('#file-content').textContent.includes('pointId')")
	}},
	{name: "north-links", path: "/norths/{north}#transformers", ready: "document.querySelector('#links [data-state]:not([hidden])')", act: func(b *tab) {
		b.click("[data-new-link]")
		b.until("document.querySelector('#link[open] select')")
	}},
	{name: "histories", path: "/history", ready: "document.querySelectorAll('tbody tr').length === 3 && document.querySelector('tbody').textContent.includes('13 %')"},
	{name: "history-new", path: "/history/new", ready: "!document.querySelector('#choice').hidden"},
	{name: "history-new-form", path: "/history/new?south=type:sqlite&north=type:console", ready: "document.querySelector('#south-fields .field')", act: func(b *tab) {
		b.click("#settings-form button[type=submit]")
		b.until("document.querySelector('#settings-form .invalid')")
	}},
	{name: "history-status", path: "/history/{history}", ready: "document.querySelector('[data-metric=number]').textContent.includes('24')"},
	{name: "history-items", path: "/history/{history}#items", ready: itemsShown, act: func(b *tab) { b.click("tbody tr:nth-child(2) [data-select]") }},
	{name: "history-item", path: "/history/{history}#items", ready: itemsShown, act: func(b *tab) {
		b.click("tbody tr:first-child [data-edit]")
		b.until("document.querySelector('dialog[open]')")
		b.do("document.querySelector('#item-test').open = true")
		b.click("#item-try")
		b.until("!document.querySelector('#item-sides').hidden")
	}},
	{name: "history-links", path: "/history/{history}#transformers", ready: "document.querySelector('#links [data-state]:not([hidden])')", act: func(b *tab) {
		b.click("[data-new-link]")
		b.until("document.querySelector('#link[open] select')")
	}},
	{name: "history-cache", path: "/history/{history}#cache", ready: "document.querySelector('#cache [data-state]:not([hidden], .state-busy)')"},
	{name: "history-settings", path: "/history/{history}#settings", ready: "document.querySelector('#caching-fields .field')", act: func(b *tab) {
		b.click("#test-south")
		b.until("document.querySelector('.test-result.ok')")
	}},
	{name: "transformers", path: "/transformers", ready: "document.querySelectorAll('tbody tr').length > 10 && !document.querySelector('tbody').textContent.includes('…')"},
	{name: "transformer-new", path: "/transformers/new", ready: trialReady},
	{name: "transformer", path: "/transformers/{transformer}", ready: trialReady, act: func(b *tab) {
		b.click("#trial-run")
		b.until("!document.querySelector('#trial-result').hidden && !document.querySelector('#trial-console-box').hidden")
	}},
	{name: "transformer-wrong", path: "/transformers/{transformer}", ready: trialReady, act: func(b *tab) {
		b.do("const code = document.querySelector('.code-field textarea'); code.value = code.value.replace('JSON.parse(', 'JSON.parse((('); code.dispatchEvent(new Event('input', { bubbles: true }))")
		b.click("#trial-run")
		b.until("document.querySelector('.code-lines .bad') && !document.querySelector('#trial-console-box').hidden")
	}},
}

const trialReady = "!document.querySelector('#trial').hidden && document.querySelector('#trial-input').value"

func TestEveryPageOfConnectorsIsDrawnWithoutComplaintsOfTheBrowser(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	var items []string
	for i := range 12 {
		items = append(items, fmt.Sprintf("Line %d temperatures", i+1))
	}
	south := p.scanner("Quality reports", items...)
	p.scanner("Weighing station")
	failing := p.scanner("Laboratory")
	north := p.console("To look at")
	p.engine.change(func() {
		p.engine.errors[failing] = `Folder "/srv/lab" does not exist: no such file or directory`
	})
	p.cached(cache.InCache, "values-2026_03_04.json", "flow-2026.csv", "sub/report.xml")
	p.cached(cache.InError, "broken.json")
	transformer := p.custom("Round temperatures")
	running, failed := p.backfill("January", "temperatures", "pressures"), p.backfill("February", "temperatures")
	p.backfill("March", "temperatures")
	p.must(p.histories.PauseQuery(t.Context(), "u1", failed))
	p.histories.played.set(func() { p.histories.played.hold = make(chan struct{}) })
	p.must(p.histories.StartQuery(t.Context(), "u1", running))
	names := strings.NewReplacer("{south}", south, "{north}", north, "{history}", running, "{transformer}", transformer)
	for _, s := range plantScenes {
		t.Run(s.name, func(t *testing.T) {
			if s.set != nil {
				s.set(p, south, north) // the later ones build on it
			}
			if !chosen(s.name) {
				t.Skip("drawn by ./build.sh sweep")
			}
			here := *p
			here.t = t
			b := here.tab()
			b.scene(s.name, names.Replace(s.path), s.ready, s.act)
		})
	}
}
