package page

import (
	"strings"
	"testing"
)

// TestPagesFitInFrench goes through the pages in a narrow window: French words are longer.
func TestPagesFitInFrench(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.register()
	back.users[0].Language = "fr"
	b := newTab(t, back)
	b.size(400, 850, "light")
	for _, v := range playedViews() {
		b.open(v.path)
		b.until("document.readyState === 'complete' && document.documentElement.lang === 'fr' && !document.querySelector('[data-state=busy]:not([hidden])')")
		b.fits(400)
		b.shoot("fr-" + v.name)
	}
	b.open("/")
	b.until("document.querySelector('[data-overview=memory]').textContent.includes('Mo')")
	b.quiet()
}

func TestAPersonWhoChoosesFrenchIsSpokenToInFrench(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/account")
	b.until("!document.querySelector('#profile').hidden")
	b.pick("#profile [name=language]", "Français")
	b.click("#profile button[type=submit]")
	b.until("document.documentElement.lang === 'fr' && document.querySelector('h1').textContent === 'Mon compte'")
	if text := b.text("document.body.innerText"); strings.Contains(text, "Sign out") {
		t.Errorf("the page still says %s", text)
	}
	b.open("/commands")
	b.until(rowsShown)
	if at := b.text("document.querySelector('[data-pager=range]').textContent"); !strings.Contains(at, " sur ") {
		t.Errorf("the pager says %q", at)
	}
	b.quiet()
}
