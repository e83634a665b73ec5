package page

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"oibus/agent/entity"
)

// asked tells how often the REST API was asked for something that begins with prefix.
func (b *backend) asked(prefix string) (n int, last string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		if strings.HasPrefix(r, prefix) {
			n++
			last = r
		}
	}
	return n, last
}

func (b *backend) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

const toastShown = "document.querySelector('.toast')?.textContent.includes(%s)"

func (b *tab) toast(text string) {
	b.t.Helper()
	b.until(strings.ReplaceAll(toastShown, "%s", quote(text)))
}

func (b *tab) errorOf(field string) string {
	return b.text(`document.querySelector('[data-field="` + field + `"] .error')?.textContent ?? 'no such field'`)
}

func (b *tab) value(selector, want string) {
	b.t.Helper()
	if got := b.text("document.querySelector(" + quote(selector) + ").value"); got != want {
		b.t.Errorf("%s holds %q, not %q", selector, got, want)
	}
}

func TestSigningInLeadsBackToThePageThatWasAskedFor(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.signedIn.Store(false)
	b := newTab(t, back)
	b.open("/logs?levels=error")
	b.until("location.pathname === '/login'")
	b.fillIn("#login-name", "admin")
	b.fillIn("#login-password", "wrong")
	b.key(kb.Enter)
	b.until("document.querySelector('#login-error')")
	b.until("document.activeElement.id === 'login-password'")
	b.fillIn("#login-password", "right")
	b.key(kb.Enter)
	b.until("location.pathname === '/logs' && location.search === '?levels=error'")
	b.quiet("403")
}

func TestRegistrationFromFormToRegistered(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/registration")
	b.until("!document.querySelector('#registration-form').hidden")
	b.click("#submit")
	if e := b.errorOf("host"); !strings.Contains(e, "Fill in") {
		t.Errorf("an empty address says %q", e)
	}
	b.fillIn("[name=host]", "https://refused.example.com")
	b.click("#test")
	b.until("document.querySelector('#test-result.bad')?.textContent.includes('ECONNREFUSED')")
	b.click("#submit")
	b.until("document.querySelector('.form-error:not([hidden])')?.textContent.includes('503 - Service Unavailable')")
	b.fillIn("[name=host]", "https://acme.oianalytics.com")
	b.do("document.querySelector('#permissions').open = true")
	b.click(`[name="commandPermissions.restartEngine"]`)
	b.until(`document.querySelector('[data-all=engine]').indeterminate`)
	b.click("#test")
	b.until("document.querySelector('#test-result.ok')")
	b.click("#submit")
	b.until("document.querySelector('#code').textContent === 'aZ3k9Q' && !document.querySelector('#state-pending').hidden")
	if _, last := back.asked("POST /api/oianalytics/register"); !strings.Contains(last, `"proxyUrl":null`) || !strings.Contains(last, `"restartEngine":false`) || !strings.Contains(last, `"commandRefreshInterval":60`) {
		t.Errorf("sent %s", last)
	}
	b.open("/registration") // nothing asks whether to leave: all is saved
	b.until("/Valid for 19:/.test(document.querySelector('#countdown').textContent)")
	back.change(back.register)
	b.toast("This OIBus is registered")
	b.until("!document.querySelector('#state-registered').hidden && document.querySelector('#registration-form').hidden")
	b.click("#state-registered [data-do=unregister]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("!document.querySelector('#registration-form').hidden && document.querySelector('#state-registered').hidden")
	b.quiet("500")
}

func TestACodeThatExpiredAsksForANewOne(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.registration.Host = "https://acme.oianalytics.com"
	back.pend(1500 * time.Millisecond)
	b := newTab(t, back)
	b.open("/registration")
	b.until("document.querySelector('#state-pending.is-expired')")
	b.click("[data-do=renew]")
	b.until("!document.querySelector('#state-pending.is-expired')")
	if _, last := back.asked("POST /api/oianalytics/register"); !strings.Contains(last, `"host":"https://acme.oianalytics.com"`) || strings.Contains(last, "activationCode") || strings.Contains(last, `"id"`) {
		t.Errorf("sent %s", last)
	}
	b.quiet()
}

func TestRefusalsOfTheAPIStandBesideTheirField(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/scan-modes")
	b.until(rowsShown)
	b.click("[data-create]")
	b.fillIn("#editor [name=name]", "Every hour")
	b.click(`[data-cron="0 */5 * * * *"]`)
	b.until("document.querySelectorAll('.verify-next li').length === 5")
	b.click("#editor button[type=submit]")
	b.until("document.querySelector('[data-field=name].invalid')")
	if e := b.errorOf("name"); !strings.Contains(e, "already exists") {
		t.Errorf("beside the name: %q", e)
	}
	b.fillIn("#editor [name=name]", "Every five minutes")
	b.key(kb.Enter)
	b.toast("Every five minutes")
	b.until("[...document.querySelectorAll('tbody tr')].some((row) => row.textContent.includes('Every five minutes'))")
	if !strings.Contains(b.text("document.activeElement.outerHTML"), "data-create") {
		t.Errorf("the focus does not return to the button: %s", b.text("document.activeElement.outerHTML"))
	}
	b.open("/settings")
	b.until("!document.querySelector('#logger').hidden")
	b.fillIn(`[name="syslog.host"]`, "bad host")
	b.click("#logger button[type=submit]")
	b.until(`document.querySelector('[data-field="syslog.host"].invalid') && document.querySelector('[data-field="loki.address"].invalid')`)
	b.quiet("400")
}

func TestAThingInUseSaysSoWhenDeleted(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/scan-modes")
	b.until(rowsShown)
	b.click("tbody tr:first-child [data-delete]")
	b.click("#confirm-yes")
	b.toast("is still in use")
	b.quiet("500")
}

func TestSettingsAreSavedAlone(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/settings")
	b.until("!document.querySelector('#general').hidden")
	if b.text("document.querySelector('#general button[type=submit]').disabled") != "true" {
		t.Error("there is nothing to save, and one can")
	}
	b.fillIn("#general [name=name]", "Line 5")
	b.until("!document.querySelector('#general .dirty').hidden")
	b.click("#general button[type=submit]")
	b.toast("Name saved")
	b.until("document.querySelector('.side .brand-name').textContent === 'Line 5'")
	b.until("document.querySelector('#general .dirty').hidden")
	b.fillIn("#web-server [name=port]", "9000")
	b.click("#web-server button[type=submit]")
	b.until("document.querySelector('#web-server [data-field=port].invalid')?.textContent.includes('different ports')")
	b.fillIn("#web-server [name=port]", "70000")
	b.key(kb.Tab)
	if e := b.errorOf("port"); !strings.Contains(e, "65535") {
		t.Errorf("a port too high says %q", e)
	}
	b.quiet("400")
}

func TestANewPortTakesThePersonAlong(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/settings")
	b.until("!document.querySelector('#web-server').hidden")
	b.fillIn("#web-server [name=port]", "1")
	b.click("#web-server button[type=submit]")
	b.until("document.querySelector('#moved').open && document.querySelector('#moved-link').href.endsWith(':1/settings')")
	back.down.Store(true) // the old port falls silent
	b.until("location.port !== '" + b.url[strings.LastIndex(b.url, ":")+1:] + "'")
}

func TestAnEndedSessionLeadsToSignInAndBack(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/users")
	b.until(rowsShown)
	back.signedIn.Store(false)
	b.fillIn("#user-search", "cam")
	b.until("location.pathname === '/login' && location.search.includes('next=%2Fusers')")
	b.until("document.body.textContent.includes('session has ended')")
	b.quiet("401")
}

func TestABreakOfTheLineIsShownAndEndsByItself(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/")
	b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'")
	b.click("#restart")
	b.click("#confirm-yes")
	b.until("!document.querySelector('#confirm').open")
	back.down.Store(true)
	b.cut()
	b.until("!document.querySelector('#offline').hidden && document.querySelector('#offline').textContent.includes('OIBus is restarting')")
	b.shoot("restarting-1280-light")
	back.change(func() { back.overview.Info.Version = "3.9.1" })
	back.down.Store(false)
	b.until("document.querySelector('#offline').hidden")
	b.toast("OIBus restarted")
	b.until("!document.querySelector('#updated').hidden")
	b.quiet("ERR_", "net::")
}

func TestLogsAreFollowedPausedAndFiltered(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/logs")
	b.until("document.querySelector('.log-line')")
	if n := b.text("document.querySelectorAll('.log-line[data-level=debug]').length"); n != "0" {
		t.Errorf("%s debug lines with the usual filter", n)
	}
	back.write(logEntry(time.Now(), "warn", "internal", "a line that just came"))
	b.until("document.querySelector('.log-line .log-message').textContent === 'a line that just came'")
	b.click("#follow")
	back.write(logEntry(time.Now(), "info", "internal", "held back"))
	b.until("document.querySelector('#log-note').textContent.includes('1 new line')")
	if first := b.text("document.querySelector('.log-line .log-message').textContent"); first != "a line that just came" {
		t.Errorf("a new line shows while paused: %q", first)
	}
	b.click("#follow")
	b.until("document.querySelector('.log-line .log-message').textContent === 'held back'")
	before := b.text("document.querySelectorAll('.log-line').length")
	b.click("#older")
	b.until("document.querySelectorAll('.log-line').length > " + before)
	b.fillIn("#log-text", "CIPHER")
	b.until("document.querySelector('mark')?.textContent === 'cipher' && location.search.includes('messageContent=CIPHER')")
	b.fillIn("#log-text", "nothing has this")
	b.until("!document.querySelector('[data-state=empty]').hidden")
	b.click("[data-clear]")
	b.until("document.querySelector('.log-line') && !location.search")
	b.quiet()
}

// TestAfterABreakOfTheLineNoLogLineIsMissingOrTwice also looks that the page does not ask for everything again.
func TestAfterABreakOfTheLineNoLogLineIsMissingOrTwice(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/logs")
	b.until("document.querySelector('.log-line')")
	count := func(text string) string {
		return "[...document.querySelectorAll('.log-message')].filter((e) => e.textContent === '" + text + "').length"
	}
	back.write(logEntry(time.Now(), "info", "internal", "before"))
	b.until(count("before") + " === 1")
	asked, _ := back.asked("GET /api/logs?")
	back.down.Store(true)
	b.cut()
	b.until("!document.querySelector('#offline').hidden")
	back.write(logEntry(time.Now(), "info", "internal", "meanwhile"))
	back.down.Store(false)
	b.until("document.querySelector('#offline').hidden && " + count("meanwhile") + " === 1")
	back.write(logEntry(time.Now(), "info", "internal", "after"))
	b.until(count("after") + " === 1")
	for _, text := range []string{"before", "meanwhile"} {
		if n := b.text(count(text)); n != "1" {
			t.Errorf("the line %q is shown %s times", text, n)
		}
	}
	if again, _ := back.asked("GET /api/logs?"); again != asked {
		t.Errorf("the log was searched %d times more", again-asked)
	}
	b.quiet("ERR_", "net::")
}

func TestCommandsAreFilteredPagedAndDeleted(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/commands")
	b.until(rowsShown)
	b.until("document.querySelector('[data-pager=range]').textContent === '1 to 50 of 63'")
	b.click("[data-pager=next]")
	b.until("document.querySelector('[data-pager=range]').textContent === '51 to 63 of 63'")
	b.click(".chip:nth-of-type(4) span")
	b.until("document.querySelectorAll('tbody tr').length === 2 && location.search === '?status=ERRORED'")
	b.click("tbody tr:first-child [data-open]")
	b.until("document.querySelector('#details').open && document.querySelector('[data-detail=result].bad')")
	b.key(kb.Escape)
	b.until("!document.querySelector('#details').open")
	b.click("tbody tr:first-child [data-delete]")
	b.click("#confirm-yes")
	b.until("document.querySelectorAll('tbody tr').length === 1")
	back.change(func() {
		back.commands = append([]map[string]any{{"id": "new", "type": "setpoint", "status": "ERRORED", "ack": false, "retrievedDate": entity.Milli(time.Now()), "result": "no"}}, back.commands...)
	})
	b.until("document.querySelectorAll('tbody tr').length === 2") // seen without doing anything
	b.quiet()
}

func TestChangingOnesPasswordAsksForTheCurrentOneAndKeepsTheSession(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/account")
	b.until("!document.querySelector('#password').hidden")
	b.fillIn("[name=currentPassword]", "wrong")
	b.fillIn("[name=newPassword]", "right")
	b.fillIn("#password [name=repeat]", "right")
	b.click("#password button[type=submit]")
	if e := b.errorOf("newPassword"); !strings.Contains(e, "at least 8 characters") {
		t.Errorf("a password of five characters says %q", e)
	}
	b.fillIn("[name=newPassword]", "right and long")
	b.fillIn("#password [name=repeat]", "rihgt and long")
	b.click("#password button[type=submit]")
	if e := b.errorOf("repeat"); !strings.Contains(e, "differ") {
		t.Errorf("beside the repetition: %q", e)
	}
	b.fillIn("#password [name=repeat]", "right and long")
	b.click("#password button[type=submit]")
	b.until("document.querySelector('[data-field=currentPassword].invalid')?.textContent.includes('Is wrong')")
	// What the page asks between the end of the old session and the beginning of the new one is refused, and waits.
	b.do(`const real = window.fetch;
		let ended = false;
		window.fetch = async (path, init) => {
			if (ended && path === '/page/overview') return new Response('{}', { status: 401 });
			if (path === '/login') {
				const api = performance.getEntriesByType('resource').find((e) => e.name.endsWith('/api.js')).name;
				import(api).then(({ get }) => get('/page/overview')).then(() => { window.meanwhile = 'answered'; });
				await new Promise((done) => setTimeout(done, 500));
			}
			const answer = await real(path, init);
			ended = path.endsWith('/password') && answer.ok;
			return answer;
		};`)
	b.fillIn("[name=currentPassword]", "right")
	b.click("#password button[type=submit]")
	b.toast("Password changed")
	b.value("[name=newPassword]", "")
	b.until("window.meanwhile === 'answered'")
	b.quiet("400")
}

func TestNobodyIsLockedOutWithoutAWarning(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.client = "192.168.10.23"
	b := newTab(t, back)
	b.open("/ip-filters")
	b.until(rowsShown)
	b.click("tbody tr:nth-child(2) [data-delete]")
	if text := b.text("document.querySelector('#confirm-text').textContent"); strings.Contains(text, "lose access") {
		t.Errorf("a filter for somebody else warns: %q", text)
	}
	b.click("#confirm button[value=no]")
	b.until("!document.querySelector('#confirm').open")
	b.click("tbody tr:first-child [data-delete]")
	if text := b.text("document.querySelector('#confirm-text').textContent"); !strings.Contains(text, "lose access") {
		t.Errorf("one's own filter does not warn: %q", text)
	}
	b.click("#confirm button[value=no]")
	b.until("!document.querySelector('#confirm').open")
	b.click("tbody tr:first-child [data-edit]")
	b.until("document.querySelector('#editor').open")
	b.fillIn("#editor [name=address]", "10.*")
	b.click("#editor button[type=submit]")
	b.until("document.querySelector('#confirm').open && document.querySelector('#confirm-text').textContent.includes('lose access')")
	b.click("#confirm button[value=no]")
	if n, _ := back.asked("PUT /api/ip-filters"); n != 0 {
		t.Error("it was saved all the same")
	}
	b.quiet()
}

func TestWhatWasTypedInADialogIsNotLostToEscape(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/ip-filters")
	b.until(rowsShown)
	b.click("[data-create]")
	b.fillIn("#editor [name=address]", "10.0.0.1")
	b.key(kb.Escape)
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm button[value=no]")
	b.until("!document.querySelector('#confirm').open && document.querySelector('#editor').open")
	b.value("#editor [name=address]", "10.0.0.1")
	b.key(kb.Escape)
	b.click("#confirm-yes")
	b.until("!document.querySelector('#editor').open")
	b.quiet()
}

func TestTheNavigationOfANarrowWindowIsADrawer(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.size(400, 800, "light")
	b.open("/about")
	b.until("document.querySelector('#side').inert")
	b.click("#menu-open")
	b.until("document.activeElement.id === 'menu-close' && document.querySelector('#main').inert")
	b.shoot("navigation-400-light")
	b.key(kb.Escape)
	b.until("document.activeElement.id === 'menu-open' && document.querySelector('#side').inert && !document.querySelector('#main').inert")
	b.click("#menu-open")
	b.click(`#side a[href="/logs"]`)
	b.until("location.pathname === '/logs'")
	b.quiet()
}

func TestTheThemeCanBeChosenAndIsRemembered(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/about")
	b.until("document.querySelector('#side').inert === false")
	b.click("#user-menu summary")
	b.click(".theme label:nth-of-type(3)")
	b.until("getComputedStyle(document.body).backgroundColor === 'rgb(12, 20, 24)'")
	b.shoot("user-menu-1280-dark")
	b.open("/users")
	if theme := b.text("document.documentElement.dataset.theme"); theme != "dark" {
		t.Errorf("the next page has theme %q", theme)
	}
	b.quiet()
}

func TestTheKeyboardReachesTheContentFirst(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/about")
	b.key(kb.Tab)
	if first := b.text("document.activeElement.className"); first != "skip" {
		t.Errorf("the first stop is %q", first)
	}
	b.key(kb.Enter)
	b.until("document.activeElement.id === 'main'")
	b.quiet()
}

// walk finds what a person who does not see the page would miss.
const walk = `(() => {
  const wrong = [];
  const name = (e) => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim()
    || [...(e.labels ?? [])].map((l) => l.textContent).join(' ').trim() || (/^(BUTTON|A|SUMMARY)$/.test(e.tagName) ? e.textContent.trim() : ''));
  const show = (e) => e.cloneNode(false).outerHTML;
  for (const e of document.querySelectorAll('input:not([type=hidden]):not([aria-hidden]), select, textarea, button, a[href], summary, dialog, table, form[role], [role=meter], progress, svg[role=img]')) {
    if (['confirm', 'confirm-yes', 'editor', 'details', 'log-new', 'moved-link', 'step-host'].includes(e.id)) continue; // named when they open
    if (e.tagName === 'TABLE' ? !e.querySelector('th[scope]') : !name(e)) wrong.push('no name: ' + show(e));
  }
  const seen = new Set();
  for (const e of document.querySelectorAll('[id]')) { if (seen.has(e.id)) wrong.push('id twice: ' + e.id); seen.add(e.id); }
  for (const attribute of ['for', 'aria-labelledby', 'aria-describedby', 'aria-controls', 'list']) {
    for (const e of document.querySelectorAll('[' + attribute + ']')) {
      for (const id of e.getAttribute(attribute).split(' ')) if (!document.getElementById(id)) wrong.push(attribute + ' leads nowhere: ' + show(e));
    }
  }
  if (document.querySelectorAll('h1').length !== 1) wrong.push(document.querySelectorAll('h1').length + ' h1');
  if (document.querySelectorAll('main').length !== 1) wrong.push('main');
  if (!document.title || !document.documentElement.lang) wrong.push('title or lang');
  for (const e of document.querySelectorAll('[style]:not(.meter span)')) wrong.push('inline style: ' + show(e));
  for (const e of document.querySelectorAll('svg.icon')) if (e.getAttribute('aria-hidden') !== 'true') wrong.push('icon is read: ' + show(e.parentElement));
  return wrong.join('\n');
})()`

// playedViews are the pages whose part of the REST API the backend plays; those of connectors are tried on a plant.
func playedViews() []view {
	return slices.DeleteFunc(slices.Clone(views), func(v view) bool {
		return v.group == dataFlow || under[v.name] != "" // the plant has them
	})
}

func TestNothingJumpsWhilePagesLoad(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.register()
	b := newTab(t, back)
	for _, v := range playedViews() {
		b.open(v.path)
		b.until("document.readyState === 'complete' && !document.querySelector('[data-state=busy]:not([hidden])')")
		if moved := b.text(`(() => { const o = new PerformanceObserver(() => {}); o.observe({ type: 'layout-shift', buffered: true });
			return o.takeRecords().filter((e) => !e.hadRecentInput).reduce((sum, e) => sum + e.value, 0) < 0.1; })()`); moved != "true" {
			t.Errorf("%s moves by 0.1 or more while it loads", v.path)
		}
	}
	b.quiet()
}
