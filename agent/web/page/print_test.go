package page

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// TestSettingsAreOnPaper prints each kind of connector: all that is set, whatever tab is open, and no secret.
func TestSettingsAreOnPaper(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	south, north, query := p.scanner("Quality reports", "temperatures", "pressures"), p.console("To look at"), p.backfill("January", "temperatures")
	b := p.tab()
	for path, wanted := range map[string][]string{
		"/souths/" + south + "#status":  {"Quality reports", "/srv/in", "Files of the line", "temperatures", "pressures", "Every minute", "Never printed"},
		"/norths/" + north + "#cache":   {"To look at", "Cache", "1000", "Every minute"},
		"/history/" + query + "#status": {"January", "SQLite → ", "1 Jan 2026, 01:00:00", "temperatures", "How results are written: (Type: CSV"},
	} {
		b.open(path)
		b.until("document.querySelector('#print')?.offsetParent && " + quietly)
		b.do("window.print = () => { document.body.dataset.printed = 'yes'; }")
		b.click("#print")
		b.until("document.body.dataset.printed === 'yes'")
		b.run(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}))
		text := b.text("document.body.innerText")
		for _, want := range wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s on paper lacks %q: %s", path, want, text)
			}
		}
		if visible := b.text("[...document.querySelectorAll('.side, .tabs, .actions, main > :not(.sheet)')].some((e) => e.offsetParent)"); visible != "false" {
			t.Errorf("%s on paper has what is for the screen", path)
		}
		b.shoot("print" + strings.NewReplacer("/", "-", "#", "-").Replace(path[:7]))
		b.do("window.dispatchEvent(new Event('afterprint'))")
		b.run(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}))
		if b.text("!!document.querySelector('.sheet') || document.body.classList.contains('printing')") != "false" {
			t.Error("the sheet stays on the screen")
		}
	}
	b.quiet()
}
