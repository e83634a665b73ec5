package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oibus/testing/harness"
)

// field is the control of a setting in a form that is drawn from a manifest.
func field(form, path string) string {
	return form + ` [data-field="` + path + `"] :is(input, select, textarea)`
}

// pick chooses the option with a text in a list.
func (b *tab) pick(selector, text string) {
	b.t.Helper()
	b.until("[...(document.querySelector(`" + selector + "`)?.options ?? [])].some((o) => o.text === `" + text + "`)")
	b.text("(() => { const s = document.querySelector(`" + selector + "`); s.value = [...s.options].find((o) => o.text === `" + text + "`).value; for (const e of ['input', 'change']) s.dispatchEvent(new Event(e, { bubbles: true })); })()")
}

// step says whether a step of the guide is done.
func step(name string) string {
	return "document.querySelector('[data-step=" + name + "]')?.classList.contains('done')"
}

// TestThePageLeadsFromTheFirstPasswordToTheFirstData does what a person does who has just installed OIBus, with nothing but
// the guide: own password, a South by its wizard with an item, a North by its wizard, and data has arrived.
func TestThePageLeadsFromTheFirstPasswordToTheFirstData(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	a := harness.Start(t, harness.Options{Launcher: true})
	in, out := t.TempDir(), t.TempDir()
	b.open(a.URL)
	b.until("document.querySelector('#login-name')")
	b.enter("#login-name", a.Login)
	b.enter("#login-password", a.Password)
	b.click("#login button[type=submit]")
	b.until("document.querySelectorAll('#guide li:not(.done)').length === 5")

	const own = "my-own-Secret-42"
	b.click("[data-step=password] a")
	b.until("document.querySelector('[name=currentPassword]')?.offsetParent")
	b.enter("[name=currentPassword]", a.Password)
	b.enter("[name=newPassword]", own)
	b.enter("[name=repeat]", own)
	b.click("#password button[type=submit]")
	b.until("document.querySelector('.toast')")
	a.Password = own
	b.open(a.URL)
	b.until(step("password"))

	b.click("[data-step=south] a")
	b.until("document.querySelector('.choice')")
	b.text("[...document.querySelectorAll('.choice')].find((c) => c.textContent.startsWith('Folder scanner')).click()")
	b.until("document.querySelector('#settings-fields .field')")
	b.enter(field("#head-fields", "name"), "Reports")
	b.enter(field("#settings-fields", "inputFolder"), filepath.Join(in, "nowhere"))
	b.click("#test")
	b.until("document.querySelector('#test-result.bad')")
	b.enter(field("#settings-fields", "inputFolder"), in)
	b.click("#test")
	b.until("document.querySelector('#test-result.ok')")
	b.click("#settings-form button[type=submit]")
	b.until("location.hash === '#items' && document.querySelector('#items [data-state=empty]:not([hidden])')")
	b.click("#items [data-state=empty] [data-new-item]")
	b.until("document.querySelector('#item[open] #item-fields .field')")
	b.enter(field("#item-fields", "name"), "CSV files")
	b.pick(field("#item-fields", "scanModeId"), "Every second")
	b.enter(field("#item-fields", "settings.regex"), `.*\.csv`)
	b.enter(field("#item-fields", "settings.minAge"), "0")
	b.click("#item button[type=submit]")
	b.until("document.querySelectorAll('#items tbody tr').length === 1")

	b.open(a.URL)
	b.until(step("south"))
	b.click("[data-step=north] a")
	b.until("document.querySelector('.choice')")
	b.text("[...document.querySelectorAll('.choice')].find((c) => c.textContent.startsWith('File writer')).click()")
	b.until("document.querySelector('#settings-fields .field')")
	b.enter(field("#head-fields", "name"), "Share")
	b.enter(field("#settings-fields", "outputFolder"), out)
	b.pick(field("#caching-fields", "trigger.scanModeId"), "Every second")
	b.click("#settings-form button[type=submit]")
	b.until("location.pathname !== '/norths/new' && document.querySelector('#connector-state')?.textContent")

	file(t, in, "first.csv", "time,value\n1,2\n")
	b.open(a.URL)
	b.until("document.querySelector('#guide.complete')")
	b.shoot("e2e-guide-complete")
	harness.Until(t, patience, "the first data is in the folder", func() bool {
		found, err := os.ReadDir(out)
		return err == nil && len(found) == 1
	})
	b.open(a.URL)
	b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'")
	if b.text("!!document.querySelector('#guide')") != "false" {
		t.Error("the guide stays when everything is done")
	}
	b.until("document.querySelector('[data-overview=souths-running]').textContent === '1' && document.querySelector('[data-overview=norths-running]').textContent === '1'")

	// Nothing was complained about but the folder that is not there, and what asked while the old password counted no more.
	b.mu.Lock()
	var complaints []string
	for _, c := range b.complaints {
		if !strings.Contains(c, "/test/connection") && !(strings.Contains(c, "401") && strings.HasSuffix(c, "/page/overview")) {
			complaints = append(complaints, c)
		}
	}
	b.complaints = complaints
	b.mu.Unlock()
	b.quiet()
}
