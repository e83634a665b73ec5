package page

import (
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"testing"
	"time"

	"oibus/agent/entity"
)

// scene is a page in a state worth looking at.
type scene struct {
	name, path string
	set        func(b *backend)
	ready      string // JavaScript that is true when everything is drawn
	act        func(b *tab)
}

var rowsShown = `document.querySelector('tbody tr') && !document.querySelector('.table-wrap[data-state]')?.hidden`

var scenes = []scene{
	{name: "login", path: "/login", set: func(b *backend) {
		b.signedIn.Store(false)
		b.passwordFile = "/var/lib/oibus/secrets/first-password.txt"
	}, ready: "document.querySelector('#login')"},
	{name: "overview-registered", path: "/", set: func(b *backend) { b.register() }, ready: "document.querySelector('[data-overview=uptime]').textContent !== '–'", act: (*tab).history},
	{name: "overview-incident", path: "/", set: func(b *backend) {
		b.passwordFile = "/var/lib/oibus/secrets/first-password.txt"
		b.overview.Incidents = []Incident{{File: "state/engine.json", Reason: "the file is empty", Action: "the previous generation is used; the damaged one is kept as engine.json.corrupt-20260304T081530Z", At: entity.Milli(time.Now())}}
	}, ready: "document.querySelector('#incidents .notice-bad')"},
	{name: "registration-new", path: "/registration", ready: "!document.querySelector('#registration-form').hidden"},
	{name: "registration-pending", path: "/registration", set: func(b *backend) { b.registration.Host = "https://acme.oianalytics.com"; b.pend(17 * time.Minute) }, ready: "document.querySelector('#code').textContent"},
	{name: "registration-expired", path: "/registration", set: func(b *backend) { b.registration.Host = "https://acme.oianalytics.com"; b.pend(-time.Minute) }, ready: "document.querySelector('.is-expired')"},
	{name: "registration-registered", path: "/registration", set: func(b *backend) { b.register() }, ready: "!document.querySelector('#state-registered').hidden && document.querySelector('[data-reg=contact]').textContent"},
	{name: "registration-edit", path: "/registration", set: func(b *backend) { b.register(); b.registration.UseProxy = true }, ready: "!document.querySelector('#state-registered').hidden", act: func(b *tab) {
		b.click("#state-registered [data-do=edit]")
		b.do("document.querySelector('#permissions').open = true")
	}},
	{name: "commands", path: "/commands", set: func(b *backend) { b.register() }, ready: rowsShown},
	{name: "command-details", path: "/commands", set: func(b *backend) { b.register() }, ready: rowsShown, act: func(b *tab) { b.click("tbody tr:nth-child(4) [data-open]") }},
	{name: "commands-empty", path: "/commands", set: func(b *backend) { b.commands = []map[string]any{} }, ready: "!document.querySelector('[data-state=empty]').hidden"},
	{name: "logs", path: "/logs?levels=error,warn,info,debug,trace", ready: "document.querySelector('.log-line')"},
	{name: "logs-search", path: "/logs?messageContent=scan", ready: "document.querySelector('mark')", act: func(b *tab) { b.click("#follow") }},
	{name: "settings", path: "/settings", set: func(b *backend) {
		b.pins["webServer.port"] = "/etc/oibus/oibus.toml"
		b.engine.Settings.ProxyServer.Enabled = true
	}, ready: "!document.querySelector('#logger').hidden"},
	{name: "scan-modes", path: "/scan-modes", ready: rowsShown},
	{name: "scan-mode-editor", path: "/scan-modes", ready: rowsShown, act: func(b *tab) {
		b.click("tbody tr:nth-child(4) [data-edit]")
		b.until("document.querySelector('.verify-next li')")
	}},
	{name: "scan-mode-wrong", path: "/scan-modes", ready: rowsShown, act: func(b *tab) {
		b.click("[data-create]")
		b.fillIn("#editor [name=cron]", "*/5 * *")
		b.click("#editor button[type=submit]")
		b.until("document.querySelector('.verify[data-tone=bad]')")
	}},
	{name: "ip-filters", path: "/ip-filters", set: func(b *backend) { b.client = "192.168.10.23" }, ready: rowsShown},
	{name: "ip-filters-empty", path: "/ip-filters", set: func(b *backend) { b.filters = []entity.IPFilter{} }, ready: "!document.querySelector('[data-state=empty]').hidden"},
	{name: "ip-filter-lockout", path: "/ip-filters", set: func(b *backend) { b.client = "192.168.10.23" }, ready: rowsShown, act: func(b *tab) {
		b.click("tbody tr:first-child [data-delete]")
	}},
	{name: "certificates", path: "/certificates", ready: rowsShown},
	{name: "certificate-details", path: "/certificates", ready: rowsShown, act: func(b *tab) {
		b.click("tbody tr:first-child [data-open]")
		b.until("document.querySelector('[data-detail=key]').textContent.includes('RSA')")
	}},
	{name: "certificate-new", path: "/certificates", ready: rowsShown, act: func(b *tab) { b.click("[data-create]") }},
	{name: "users", path: "/users", ready: rowsShown},
	{name: "user-new", path: "/users", ready: rowsShown, act: func(b *tab) { b.click("[data-create]") }},
	{name: "account", path: "/account", ready: "!document.querySelector('#profile').hidden"},
	{name: "about", path: "/about", ready: "true"},
	{name: "not-found", path: "/nowhere", ready: "true"},
}

// history lets the spark lines of the overview fill.
func (b *tab) history() {
	if os.Getenv("OIBUS_SHOTS") == "" {
		return
	}
	b.do(`const past = []; for (let i = 0; i < 110; i++) past.push({ at: Date.now() - (115 - i) * 1000, cpu: 0.021 + 0.006 * (Math.sin(i / 2.5) + Math.sin(i / 0.9)), memory: 31e6 + 9e5 * Math.sin(i / 9) });
		addEventListener('pagehide', () => sessionStorage.setItem('oibus-past', JSON.stringify(past)));`)
	b.open("/")
	b.until("document.querySelector('.spark-line').getAttribute('d')?.split('L').length > 60")
}

var windows = []struct {
	name          string
	width, height int64
	scheme        string
	always        bool // not only in the long runs, and when pictures of all are wanted
}{{"1280-light", 1280, 900, "light", true}, {"1280-dark", 1280, 900, "dark", false}, {"400-light", 400, 850, "light", false}, {"400-dark", 400, 850, "dark", true}, {"3840-light", 3840, 2160, "light", false}}

func TestEveryPageIsDrawnWithoutComplaintsOfTheBrowser(t *testing.T) {
	t.Parallel()
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if !chosen(s.name) {
				t.Skip("drawn by ./build.sh sweep")
			}
			back := newBackend(t)
			if s.set != nil {
				s.set(back)
			}
			b := newTab(t, back)
			b.scene(s.name, s.path, s.ready, s.act)
		})
	}
}

// scene opens a page, brings it into a state, and looks at it in windows wide and narrow, light and dark.
func (b *tab) scene(name, path, ready string, act func(*tab)) {
	b.t.Helper()
	b.size(windows[0].width, windows[0].height, windows[0].scheme)
	b.open(path)
	b.until(ready)
	if act != nil {
		act(b)
	}
	for _, w := range windows {
		if !w.always && os.Getenv("OIBUS_SHOTS") == "" && !sweeping() {
			continue
		}
		b.size(w.width, w.height, w.scheme)
		b.fits(w.width)
		if wrong := b.text(walk); wrong != "" {
			b.t.Error(wrong)
		}
		if w == windows[0] {
			b.picture(screenshots(b.t), language+"-"+name)
		}
		if w == windows[0] || sweeping() && w.always { // the colours of the others are compared by TestTextsStandOutFromTheirGround
			b.accessible()
		}
		b.whole(w.width, w.height)
		b.shoot(name + "-" + w.name)
	}
	b.quiet("nowhere", "/api/transformers/test") // a page that is not there, code that fails
}

// chosen says whether a scene is drawn: each fourth one, all when the long runs are wanted.
func chosen(scene string) bool {
	sum := fnv.New32()
	_, _ = sum.Write([]byte(scene)) // never fails
	return sweeping() || sum.Sum32()%4 == 0
}

// sweeping says whether the long runs are wanted.
func sweeping() bool { return os.Getenv("OIBUS_SWEEP") != "" }

// long skips a test that takes long unless the long runs are wanted.
func long(t *testing.T) {
	t.Helper()
	if !sweeping() {
		t.Skip("run by ./build.sh sweep")
	}
}

// fits fails the test when the page is wider than the window.
func (b *tab) fits(width int64) {
	b.t.Helper()
	wide, err := strconv.ParseInt(b.text("document.documentElement.scrollWidth"), 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	if wide > width {
		b.t.Errorf("the page is %d wide in a window of %d: %s", wide, width, b.text(
			`[...document.querySelectorAll('main *, dialog[open] *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 5).map((e) => e.tagName + '.' + e.className).join(' ')`))
	}
}

// whole makes the window as high as the page, for a picture of all of it.
func (b *tab) whole(width, height int64) {
	if os.Getenv("OIBUS_SHOTS") == "" || b.text("!!document.querySelector('dialog[open]')") == "true" {
		return
	}
	var high int64
	_, _ = fmt.Sscan(b.text("Math.min(document.documentElement.scrollHeight, 3000)"), &high)
	b.run(resize(width, max(high, height)))
}
