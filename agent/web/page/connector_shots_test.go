package page

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"oibus/agent/cache"
)

const itemsShown = `document.querySelector('#items tbody tr')`

// plantScenes are the pages of Souths and Norths in states worth looking at. {south} and {north} stand for ids.
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
}

func TestEveryPageOfConnectorsIsDrawnWithoutComplaintsOfTheBrowser(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("Line %d temperatures", i+1))
	}
	south := p.scanner("Quality reports", names...)
	p.scanner("Weighing station")
	failing := p.scanner("Laboratory")
	north := p.console("To look at")
	p.engine.change(func() {
		p.engine.errors[failing] = `Folder "/srv/lab" does not exist: no such file or directory`
	})
	p.cached(cache.InCache, "values-2026_03_04.json", "flow-2026.csv", "sub/report.xml")
	p.cached(cache.InError, "broken.json")
	for _, s := range plantScenes {
		t.Run(s.name, func(t *testing.T) {
			if s.set != nil {
				s.set(p, south, north)
			}
			here := *p
			here.t = t
			b := here.tab()
			for _, w := range windows {
				if os.Getenv("OIBUS_SHOTS") == "" && !w.always {
					continue
				}
				b.size(w.width, w.height, w.scheme)
				b.open("/about") // the same address with another part after the # would not be loaded again
				b.open(strings.NewReplacer("{south}", south, "{north}", north).Replace(s.path))
				b.until(s.ready)
				if s.act != nil {
					s.act(b)
				}
				b.fits(w.width)
				if wrong := b.text(walk); wrong != "" {
					t.Error(wrong)
				}
				b.whole(w.width, w.height)
				b.shoot(s.name + "-" + w.name)
				b.quiet("nowhere")
			}
		})
	}
}
