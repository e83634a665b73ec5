package page

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"oibus/agent/cache"
)

// quietly is true when a page has drawn everything it asked for.
const quietly = "document.readyState === 'complete' && ![...document.querySelectorAll('main [data-state=busy], main [aria-busy=true]')].some((e) => e.offsetParent)"

// dataPages are the pages of the table that the plant serves, and their tabs; {…} are what is in the plant.
var dataPages = []string{
	"/souths", "/souths/new", "/souths/new?type=opcua", "/souths/{south}#status", "/souths/{south}#items", "/souths/{south}#groups", "/souths/{south}#settings",
	"/norths", "/norths/new", "/norths/new?type=oianalytics", "/norths/{north}#status", "/norths/{north}#cache", "/norths/{north}#transformers", "/norths/{north}#settings",
	"/history", "/history/new", "/history/{history}#status", "/history/{history}#items", "/history/{history}#transformers", "/history/{history}#cache", "/history/{history}#settings",
	"/transformers", "/transformers/new", "/transformers/{transformer}",
}

// TestTheTourOfAllPages goes to each page and each tab as a person, in each language. Nothing may be wider than a narrow
// window, every control has a name, and the browser may complain about nothing: no error of a script, nothing against the
// policy, nothing from elsewhere. A picture of each page is kept. Each page is visited in one of the languages, in all of
// them by ./build.sh sweep.
func TestTheTourOfAllPages(t *testing.T) {
	t.Parallel()
	for _, lang := range languages {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			t.Run("agent", func(t *testing.T) {
				t.Parallel()
				back := newBackend(t)
				back.register()
				back.passwordFile = "/var/lib/oibus/secrets/first-password.txt"
				back.users[0].Language = lang
				b := newTab(t, back)
				for _, v := range playedViews() {
					b.visit(lang, v.path, v.name)
				}
				back.signedIn.Store(false)
				b.open("/login?next=/logs")
				b.until("document.querySelector('#login')")
				b.picture(screenshots(t), lang+"-login")
				b.quiet()
			})
			t.Run("data", func(t *testing.T) {
				t.Parallel()
				p := newPlantIn(t, lang)
				south, north := p.scanner("Quality reports", "temperatures", "pressures"), p.console("To look at")
				query, transformer := p.backfill("January", "temperatures"), p.custom("Round temperatures")
				p.cached(cache.InCache, "values.json", "flow.csv")
				names := strings.NewReplacer("{south}", south, "{north}", north, "{history}", query, "{transformer}", transformer)
				b := p.tab()
				for _, path := range dataPages {
					b.visit(lang, names.Replace(path), strings.NewReplacer("/", "-", "#", "-", "?type=", "-", "{", "", "}", "").Replace(strings.TrimPrefix(path, "/")))
				}
				b.quiet()
			})
		})
	}
}

// visit opens a page in a narrow window, looks whether it fits there, in long runs in a very wide one too, and keeps a picture of it.
func (b *tab) visit(lang, path, name string) {
	b.t.Helper()
	if (len(name)%2 == 0) != (lang == language) && !sweeping() {
		return // the turn of the other language
	}
	b.size(400, 850, "light")
	if strings.Contains(path, "#") { // a page that differs only in what follows # is not loaded again
		b.run(chromedp.Navigate("about:blank"))
	}
	b.open(path)
	b.until(quietly + " && document.documentElement.lang === '" + lang + "'")
	b.fits(400)
	if wrong := b.text(walk); wrong != "" { // a control without a name, or a reference without a target
		b.t.Errorf("%s:\n%s", path, wrong)
	}
	if raw := b.text(`[...document.querySelectorAll('main *')].filter((e) => !e.children.length && /^[a-z]+(-[a-z]+)*\.[a-z]+[a-zA-Z.]*$/.test(e.textContent.trim()) && !e.closest('code, pre, .mono, textarea, [data-text], .log')).map((e) => e.textContent.trim()).join(' ')`); raw != "" {
		b.t.Errorf("%s shows keys instead of texts: %s", path, raw)
	}
	if sweeping() {
		b.size(3840, 2160, "light")
		b.fits(3840)
	}
	b.size(1280, 900, "light")
	b.fits(1280)
	if cut := b.text(`[...document.querySelectorAll('.table-wrap')].filter((e) => e.offsetParent && e.scrollWidth > e.clientWidth + 1).map((e) => e.closest('[id]')?.id).join(' ')`); cut != "" {
		b.t.Errorf("%s: tables are cut off in a window of 1280: %s", path, cut)
	}
	b.picture(screenshots(b.t), filepath.Base(lang+"-"+name))
}
