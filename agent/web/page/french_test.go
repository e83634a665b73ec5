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
	b.open("/scan-modes")
	b.until(rowsShown)
	describe := "import(new URL('../cron.js', document.querySelector('script[type=module]').src)).then(({ described }) => described(%s))"
	for cron, want := range map[string]string{
		"* * * * * *": "Chaque seconde", "0 */5 * * * *": "Toutes les 5 minutes", "0 0 0 * * *": "À 00:00, chaque jour", "30 11 * * 1-5": "À 11:30, du lundi au vendredi",
		"30 11 * * WED,FRI": "À 11:30, les mercredi et vendredi", "0 9-17 * * *": "Chaque heure, entre 09:00 et 17:00", "5 0 1 1-3 *": "À 00:05, le 1 du mois, de janvier à mars",
		"@daily": "À 00:00, chaque jour", "0 0 8 1/3 * *": "", "0 0 0 1 * 1-5": "", "every day": "",
	} {
		if got := b.awaited(strings.ReplaceAll(describe, "%s", quote(cron))); got != want {
			t.Errorf("%s is said to be %q", cron, got)
		}
	}
	if text := b.text("document.querySelector('tbody').innerText"); !strings.Contains(text, "Chaque") || strings.Contains(text, "second,") {
		t.Errorf("the list says %s", text)
	}
	say := "import(new URL('../said.js', document.querySelector('script[type=module]').src)).then(({ said }) => said(%s))"
	for text, want := range map[string]string{
		`Scan mode name "Every hour" already exists`: "Le nom « Every hour » est déjà utilisé.", "South connector name A already exists": "Le nom « A » est déjà utilisé.",
		"must be greater than or equal to 100": "Doit être d’au moins 100.", "is required": "Remplissez ce champ.", "connect ECONNREFUSED 10.0.0.5:443": "Rien ne répond : la connexion a été refusée 10.0.0.5:443",
		`Folder "/nowhere" does not exist: no such file or directory`: "Le dossier « /nowhere » n’existe pas.", "what nobody foresaw": "what nobody foresaw",
	} {
		if got := b.awaited(strings.ReplaceAll(say, "%s", quote(text))); got != want {
			t.Errorf("%s is %q", text, got)
		}
	}
	b.quiet()
}
