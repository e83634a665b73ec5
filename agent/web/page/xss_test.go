package page

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"oibus/agent/cache"
)

// hostile is a name that becomes a picture, and code, wherever it is taken for HTML. It needs no quotation marks, so that
// it fits into any text.
const hostile = `<img src=x onerror=window.owned=1><script>window.owned=1</script><b class=owned>' onmouseover='window.owned=1`

// owned says what a hostile name has become on the page shown.
const owned = `[window.owned ? 'code ran' : '', ...[...document.querySelectorAll('img, b.owned, [onmouseover], [onerror], main script')].map((e) => e.outerHTML)].join('')`

// harmless looks at the page shown, after something was done on it.
func (b *tab) harmless(where string) {
	b.t.Helper()
	if what := b.text(owned); what != "" {
		b.t.Errorf("%s: a name became %s", where, what)
	}
}

// TestNoNameThatAPersonEntersRunsOnAnyPage gives that name to everything that has one, and goes to each page that shows it.
// The policy would stop such code: this holds that there is none to stop.
func TestNoNameThatAPersonEntersRunsOnAnyPage(t *testing.T) {
	t.Parallel()
	t.Run("connectors", func(t *testing.T) {
		t.Parallel()
		p := newPlant(t)
		south, north, query, transformer := p.scanner(hostile, hostile), p.console(hostile), p.backfill(hostile, hostile), p.custom(hostile)
		p.cached(cache.InCache, hostile)
		_, err := p.CreateGroup("u1", south, json.RawMessage(`{"id":null,"standardSettings":{"name":"`+hostile+`","scanModeId":"`+p.modes["Every minute"]+`"},
			"historySettings":{"startTimeOffset":0,"endTimeOffset":0,"maxReadInterval":3600,"readDelay":200,"recoveryStrategy":"oldest"}}`))
		p.must(err)
		b := p.tab()
		names := strings.NewReplacer("{south}", south, "{north}", north, "{history}", query, "{transformer}", transformer)
		for _, path := range dataPages {
			if !slices.Contains([]string{"/souths", "/norths", "/history", "/transformers", "/norths/{north}#transformers"}, path) && !chosen(path) {
				continue // visited by ./build.sh sweep
			}
			path = names.Replace(path)
			b.open("/about") // a page that differs only in what follows # is not loaded again
			b.open(path)
			b.until(quietly)
			b.harmless(path)
		}
		b.open("/souths/" + south + "#items")
		b.click("#items tbody [data-edit]")
		b.until("document.querySelector('#item[open]')")
		b.harmless("the item")
		b.open("/norths/" + north + "?x#cache")
		b.click("#cache tbody [data-open]")
		b.until("document.querySelector('#file[open]')")
		b.harmless("the content")
		b.open("/souths")
		b.click("tbody [data-delete]")
		b.until("document.querySelector('dialog[open]')")
		b.harmless("the question")
		b.quiet()
	})
	t.Run("agent", func(t *testing.T) {
		t.Parallel()
		back := newBackend(t)
		back.register()
		name := hostile
		back.change(func() {
			back.engine.Settings.General.Name = name
			back.registration.Host = "https://a.example/" + url.PathEscape(name)
			for i := range back.users {
				back.users[i].FirstName, back.users[i].LastName = &name, &name
			}
			for i := range back.scanModes {
				back.scanModes[i].Name, back.scanModes[i].Description = name, &name
			}
			for i := range back.filters {
				back.filters[i].Description = &name
			}
			for i := range back.certificates {
				back.certificates[i].Name, back.certificates[i].Description = name, &name
			}
			for i := range back.commands {
				back.commands[i]["result"] = name
			}
			for i := range back.logs {
				back.logs[i]["message"], back.logs[i]["scopeName"] = name, name
			}
			back.overview.Incidents = []Incident{{File: name, Reason: name, Action: name, At: "2026-03-04T08:10:00.000Z"}}
			back.overview.Info.Hostname, back.overview.Info.DataDirectory = name, name
			back.overview.Souths = Side{Failing: 1, Troubles: []Trouble{{ID: name, Name: name, Error: name}}}
			back.overview.Cloud.LastError = name
		})
		b := newTab(t, back)
		for _, v := range playedViews() {
			if !slices.Contains([]string{"/", "/users", "/logs"}, v.path) && !chosen(v.path) {
				continue
			}
			b.open(v.path)
			b.until(quietly)
			b.harmless(v.path)
		}
		b.open("/scan-modes")
		b.click("tbody [data-edit]")
		b.until("document.querySelector('dialog[open]')")
		b.harmless("the editor")
		b.quiet()
	})
}
