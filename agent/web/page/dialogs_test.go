package page

import (
	"fmt"
	"strings"
	"testing"
)

// TestWhatWasTypedIntoADialogIsNotThrownAway closes each kind of dialog with its button and its cross: both ask, as
// Escape does.
func TestWhatWasTypedIntoADialogIsNotThrownAway(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	south, north := p.scanner("Quality reports", "a"), p.console("To look at")
	b := p.tab()
	for _, d := range []struct{ path, ready, open, dialog, typed string }{
		{"/souths/" + south + "#items", itemsShown, "#items .toolbar [data-new-item]", "#item", field("#item-fields", "name")},
		{"/souths/" + south + "#groups", "document.querySelector('#groups [data-state=empty]:not([hidden])')", "[data-new-group]", "#group", field("#group-fields", "name")},
		{"/norths/" + north + "#transformers", "document.querySelector('#links [data-state=empty]:not([hidden])')", "[data-new-link]", "#link", ""},
		{"/scan-modes", rowsShown, "[data-create]", "#editor", "#editor [name=name]"},
	} {
		b.open(d.path)
		b.until(d.ready)
		isOpen := "document.querySelector('" + d.dialog + "').open"
		for _, close := range []string{".dialog-head [data-close]", ".dialog-foot [data-close]"} {
			press := "document.querySelector('" + d.dialog + " " + close + "').click()" // it may still be sliding in
			b.click(d.open)
			b.until(isOpen)
			b.do(press)
			b.until("!" + isOpen) // nothing was typed
			b.click(d.open)
			b.until(isOpen)
			if d.typed != "" {
				b.fillIn(d.typed, "something long to type")
			} else {
				b.pick(field("#link-source-fields", "south"), "Quality reports")
			}
			b.do(press)
			b.until("document.querySelector('#confirm').open && " + isOpen)
			b.click("#confirm [value=no]")
			b.until("!document.querySelector('#confirm').open && " + isOpen)
			b.do(press)
			b.until("document.querySelector('#confirm').open")
			b.click("#confirm-yes")
			b.until("!" + isOpen)
		}
	}
	b.quiet()
}

func TestItemsOutOfSightAreNotChosen(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	var names []string
	for i := range 120 {
		names = append(names, fmt.Sprintf("point %03d", i))
	}
	id := p.scanner("Big one", names...)
	b := p.tab()
	b.open("/souths/" + id + "#items")
	b.until("document.querySelectorAll('#items tbody tr').length === 50")
	b.fillIn("#item-name", "point 00")
	b.until("document.querySelectorAll('#items tbody tr').length === 10")
	b.click("#select-page")
	b.until("document.querySelector('#bulk-count').textContent.startsWith('10')")
	b.fillIn("#item-name", "point 01")
	b.until("document.querySelector('#items tbody [data-edit]').textContent === 'point 010' && document.querySelector('#bulk').hidden")
	b.fillIn("#item-name", "point")
	b.until("document.querySelectorAll('#items tbody tr').length === 50")
	b.click("#select-page")
	b.click("#bulk-all")
	b.until("document.querySelector('#bulk-count').textContent.startsWith('120')")
	b.click("[data-bulk=disable]")
	b.until("document.querySelector('#confirm').open && document.querySelector('#confirm-title').textContent === 'Switch off 120 items?'")
	b.click("#confirm [value=no]")
	b.click("[data-bulk=move]")
	b.until("document.querySelector('#move').open && document.querySelector('#move').textContent.includes('Make one in the tab')")
	south, err := p.South(id)
	p.must(err)
	if !south.Items[0].Enabled {
		t.Error("they are switched off without an answer")
	}
	b.quiet()
}

// TestWhatWasReadIsShownBesideATransformerThatFails also looks at which transformers are offered, and in which order.
func TestWhatWasReadIsShownBesideATransformerThatFails(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.scanner("Quality reports", "broken")
	b := p.tab()
	b.open("/souths/" + id + "#items")
	b.until(itemsShown)
	b.click("#items tbody [data-edit]")
	b.until("document.querySelector('#item[open]')")
	b.do("document.querySelector('#item-test').open = true")
	choice := field("#item-test-fields", "transformer")
	offered := b.text("[...document.querySelector(`" + choice + "`).options].slice(1).map((o) => o.text).join()")
	if sorted := b.text("[...document.querySelector(`" + choice + "`).options].slice(1).map((o) => o.text).sort((x, y) => x.localeCompare(y, 'en', { numeric: true })).join()"); strings.Contains(offered, "Setpoints") || offered != sorted {
		t.Errorf("offered are %s", offered)
	}
	b.pick(choice, "Time values to CSV")
	b.until("document.querySelector('[data-side=transformed]').textContent.startsWith('Read once more')")
	b.click("#item-try")
	b.until("document.querySelector('#item-tried.bad')?.textContent === 'no such column' && !document.querySelector('#item-sides').hidden")
	if raw := b.text("document.querySelector('[data-side=raw]').textContent"); !strings.Contains(raw, "21.4") {
		t.Errorf("read is %s", raw)
	}
	if made := b.text("document.querySelector('[data-side=transformed]').textContent"); !strings.HasPrefix(made, "The transformer failed") {
		t.Errorf("transformed is %s", made)
	}
	b.quiet("400")
}

func TestAPageOfWhatIsGoneLeadsBackToTheList(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.installed = []string{"folder-scanner"}
	b := p.tab()
	for path, want := range map[string]string{
		"/souths/nosuch": "This no longer exists|/souths", "/norths/nosuch": "This no longer exists|/norths", "/history/nosuch": "This no longer exists|/history",
		"/transformers/nosuch": "This no longer exists|/transformers", "/souths/new?type=oracle": "This OIBus cannot run the type “Oracle”.|/souths",
	} {
		b.open(path)
		b.until("document.querySelector('main [data-state=failed]:not([hidden]) a.primary')")
		got := b.text("(() => { const s = document.querySelector('main [data-state=failed]:not([hidden])'); return `${s.querySelector('h2').textContent}|${s.querySelector('a.primary').getAttribute('href')}${s.querySelector('[data-retry]').hidden ? '' : ' and asks again'}`; })()")
		if got != want {
			t.Errorf("%s says %s", path, got)
		}
	}
	b.quiet("404")
}
