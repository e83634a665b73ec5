package page

import (
	"strings"
	"testing"
)

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
