package page

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"oibus/agent/cache"
)

// pick chooses the option with a text in a list.
func (b *tab) pick(selector, text string) {
	b.t.Helper()
	b.do(`const s = document.querySelector(` + quote(selector) + `); s.value = [...s.options].find((o) => o.text === ` + quote(text) + `).value; s.dispatchEvent(new Event('input', { bubbles: true })); s.dispatchEvent(new Event('change', { bubbles: true }))`)
}

// field is the control of a setting in a form that is drawn from a manifest.
func field(form, path string) string {
	return form + ` [data-field="` + path + `"] :is(input, select, textarea)`
}

func TestASouthIsMadeTestedAndGivenAnItem(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	b := p.tab()
	b.open("/souths")
	b.until("document.querySelector('#list [data-state=empty]:not([hidden])')")
	b.click(".head a.primary")
	b.until("document.querySelector('.choice')")
	b.do("[...document.querySelectorAll('.choice')].find((c) => c.textContent.startsWith('Folder scanner')).click()")
	b.until("document.querySelector('#settings-fields .field')")
	b.click("#settings-form button[type=submit]")
	if e := b.errorOf("name"); !strings.Contains(e, "Fill in") {
		t.Errorf("an empty name says %q", e)
	}
	b.fillIn(field("#head-fields", "name"), "Quality reports")
	b.fillIn(field("#settings-fields", "inputFolder"), "/nowhere")
	b.click("#test")
	b.until("document.querySelector('.test-result.bad')?.textContent.includes('does not exist')")
	b.fillIn(field("#settings-fields", "inputFolder"), "/srv/in")
	b.fillIn(field("#settings-fields", "password"), "s3cret")
	b.click("#test")
	b.until("document.querySelector('.test-result.ok')?.textContent.includes('Files: 3')")
	b.click("#settings-form button[type=submit]")
	b.until("location.pathname !== '/souths/new' && document.querySelector('#items [data-state=empty]:not([hidden])')")
	south := p.Souths()[0]
	b.click("#items [data-state=empty] [data-new-item]")
	b.until("document.querySelector('#item[open]')")
	b.fillIn(field("#item-fields", "name"), "reports")
	b.pick(field("#item-fields", "scanModeId"), "Every minute")
	b.fillIn(field("#item-fields", "settings.regex"), `.*\.csv`)
	b.click(`#item-fields [data-field="settings.preserveFiles"] .switch`)
	b.until(`document.querySelector('#item-fields [data-field="settings.ignoreModifiedDate"]').hidden`)
	b.click("#item button[type=submit]")
	b.until("document.querySelectorAll('#items tbody tr').length === 1")
	south, err := p.South(south.ID)
	p.must(err)
	if i := south.Items[0]; i.Name != "reports" || i.ScanModeID != p.modes["Every minute"] || !strings.Contains(string(i.Settings), `"preserveFiles":false`) || strings.Contains(string(i.Settings), "ignoreModifiedDate") {
		t.Errorf("the item is %+v %s", i, i.Settings)
	}
	b.click("#tab-settings")
	b.until("document.querySelector('#settings-fields .field')")
	before := string(south.Settings)
	b.fillIn(field("#head-fields", "description"), "Of line 4")
	b.until("!document.querySelector('#discard').disabled")
	b.click("#settings-form button[type=submit]")
	b.toast("Quality reports saved")
	south, err = p.South(south.ID)
	p.must(err)
	if south.Description != "Of line 4" || string(south.Settings) != before || len(south.Items) != 1 {
		t.Errorf("the secret or the items are not kept: %+v %s, before %s", south.Connector, south.Settings, before)
	}
	b.quiet("400")
}

func TestARefusalOfTheServerStandsBesideTheSettingOfAConnector(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.scanner("Quality reports")
	p.scanner("Laboratory")
	b := p.tab()
	b.open("/souths/" + id + "#settings")
	b.until("document.querySelector('#settings-fields .field')")
	b.fillIn(field("#head-fields", "name"), "Laboratory")
	b.click("#settings-form button[type=submit]")
	b.until("!document.querySelector('#settings-form .form-error').hidden || document.querySelector('#head-fields .invalid')")
	if text := b.text("document.querySelector('#settings-form').innerText"); !strings.Contains(text, `already exists`) {
		t.Errorf("the page says %s", text)
	}
	b.quiet("400")
}

func TestManyItemsAreSearchedChosenAndChangedTogether(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	var names []string
	for i := range 230 {
		names = append(names, fmt.Sprintf("point %03d", i))
	}
	id := p.scanner("Big one", names...)
	b := p.tab()
	b.open("/souths/" + id + "#items")
	b.until("document.querySelectorAll('#items tbody tr').length === 50")
	b.click("[data-pager=next]")
	b.until("document.querySelector('#items tbody tr [data-edit]').textContent === 'point 050'")
	b.click("[data-sort=name]")
	b.until("document.querySelector('#items tbody tr [data-edit]').textContent === 'point 229'")
	b.fillIn("#item-name", "point 1")
	b.until("document.querySelector('[data-pager=range]').textContent.includes('100')")
	b.click("#select-page")
	b.click("#bulk-all")
	b.until("document.querySelector('#bulk-count').textContent.startsWith('100')")
	b.click("[data-bulk=disable]")
	b.until("[...document.querySelectorAll('#items [data-enabled]')].every((e) => !e.checked)")
	off := 0
	south, err := p.South(id)
	p.must(err)
	for _, i := range south.Items {
		if !i.Enabled {
			off++
		}
	}
	if off != 100 {
		t.Errorf("%d items are off", off)
	}
	b.click("[data-bulk=delete]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelector('#items [data-state=nomatch]:not([hidden])')")
	if south, err = p.South(id); err != nil || len(south.Items) != 130 {
		t.Errorf("%d items are left, %v", len(south.Items), err)
	}
	b.quiet()
}

func TestATableIsPreviewedBeforeItIsImported(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.scanner("Quality reports", "old")
	head := "name,enabled,scanMode,group,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive\n"
	files := map[string]string{
		"bad.csv":  head + "a,true,Never,,.*,1000,true,false,0,0,false\nold,maybe,Every minute,,.*,1000,true,false,0,0,false\n",
		"good.csv": head + "a,true,Every minute,Fast,.*,1000,true,false,0,0,false\nb,true,Every minute,,.*,1000,true,false,0,0,false\n",
	}
	dir := t.TempDir()
	for name, text := range files {
		p.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	b := p.tab()
	b.open("/souths/" + id + "#items")
	b.until(itemsShown)
	b.click("[data-import]")
	b.until("document.querySelector('#import[open]')")
	b.choose("#import-file", filepath.Join(dir, "bad.csv"))
	b.until("document.querySelector('[data-preview=bad]').textContent.startsWith('2 lines')")
	if text := b.text("document.querySelector('[data-preview=errors]').innerText"); !strings.Contains(text, `Scan mode "Never" not found`) || !strings.Contains(text, `must be true or false, not "maybe"`) || !strings.Contains(text, "\n3\told") {
		t.Errorf("the mistakes are %s", text)
	}
	if b.text("document.querySelector('#import button[type=submit]').disabled") != "true" {
		t.Error("a table with mistakes can be imported")
	}
	b.choose("#import-file", filepath.Join(dir, "good.csv"))
	b.until("document.querySelector('[data-preview=new]').textContent === '2 new items' && !document.querySelector('#import button[type=submit]').disabled")
	b.click("#import button[type=submit]")
	b.until("document.querySelectorAll('#items tbody tr').length === 3")
	if south, err := p.South(id); err != nil || len(south.Items) != 3 || len(south.Groups) != 1 {
		t.Errorf("%d items, %d groups, %v", len(south.Items), len(south.Groups), err)
	}

	b.click("[data-import]")
	b.until("document.querySelector('#import[open]')")
	b.choose("#import-file", filepath.Join(dir, "good.csv"))
	b.until("document.querySelector('[data-preview=unchanged]').textContent.startsWith('2 items')")
	b.pick(`#import-fields [data-field="importMode"] select`, "Update, add, and delete items that are not in the table")
	b.until("document.querySelector('[data-preview=deleted]').textContent === '1 item is deleted' && document.querySelector('[data-preview=gone]').textContent.endsWith(': old')")
	b.click("#import button[type=submit]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm [value=no]")
	b.until("!document.querySelector('#confirm').open && document.querySelector('#import').open && !document.querySelector('#import button[type=submit]').hasAttribute('aria-busy')")
	if south, err := p.South(id); err != nil || len(south.Items) != 3 {
		t.Errorf("%d items although nobody agreed, %v", len(south.Items), err)
	}
	b.click("#import button[type=submit]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelectorAll('#items tbody tr').length === 2")
	b.quiet()
}

// choose puts a file into a control.
func (b *tab) choose(selector, path string) {
	b.t.Helper()
	b.run(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path}))
}

func TestContentsInErrorAreSentAgain(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.console("To look at")
	p.cached(cache.InError, "broken.json", "late.csv")
	b := p.tab()
	b.open("/norths/" + id + "#cache")
	b.until("document.querySelector('#cache [data-state=empty]:not([hidden])')")
	b.do("document.querySelector('[name=folder][value=error]').click()")
	b.until("document.querySelector('#cache').dataset.shown === 'error' && document.querySelectorAll('#cache tbody tr').length === 2")
	if told := b.text("document.querySelector('#cache tbody [data-text=type]').textContent + ' ' + document.querySelector('#cache [data-zone]').textContent"); told != "Time values Times are in your time zone (Europe/Paris)." {
		t.Errorf("type and zone are %q", told)
	}
	b.click("#cache-select")
	b.click("[data-move=cache]")
	b.toast("2 contents are sent again")
	b.until("document.querySelector('#cache [data-state=empty]:not([hidden])')")
	b.do("document.querySelector('[name=folder][value=cache]').click()")
	b.until("document.querySelector('#cache').dataset.shown === 'cache' && document.querySelectorAll('#cache tbody tr').length === 2")
	b.click("#cache tbody tr:first-child [data-open]")
	b.until("document.querySelector('#file-content').textContent.includes('pointId')")
	b.click("#file [data-one=remove]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelectorAll('#cache tbody tr').length === 1")
	b.quiet()
}

func TestABindingIsMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	south := p.scanner("Quality reports", "a", "b")
	id := p.console("To look at")
	b := p.tab()
	b.open("/norths/" + id + "#transformers")
	b.until("document.querySelector('#links [data-state=empty]:not([hidden])')")
	b.click("[data-new-link]")
	b.until("document.querySelector('#link[open]')")
	b.pick(field("#link-source-fields", "south"), "Quality reports")
	b.until("document.querySelector(`" + field("#link-source-fields", "south") + "`).value !== ''")
	b.until("[...document.querySelector(`" + field("#link-source-fields", "part") + "`).options].some((o) => o.text === 'Some items')")
	b.pick(field("#link-source-fields", "part"), "Some items")
	b.click("#link-item-search")
	b.until("document.querySelector('.pick')")
	b.click(".pick")
	b.pick(field("#link-source-fields", "transformer"), "Time values to CSV")
	b.until("document.querySelector('#link-fields select')")
	b.click("#link button[type=submit]")
	b.until("document.querySelectorAll('#links tbody tr').length === 1")
	north, err := p.North(id)
	p.must(err)
	if l := north.Transformers[0]; l.Source.SouthID != south || len(l.Source.ItemIDs) != 1 || !strings.Contains(string(l.Options), `"delimiter":"COMMA"`) {
		t.Errorf("the binding is %+v %s", l, l.Options)
	}
	b.click("#links tbody [data-delete]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelector('#links [data-state=empty]:not([hidden])')")
	b.quiet()
}

func TestConnectorsAreStoppedAndDeletedFromTheList(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	p.console("One")
	two := p.console("Two")
	b := p.tab()
	b.open("/norths")
	b.until("document.querySelectorAll('tbody tr').length === 2")
	b.click("tbody tr:first-child [data-toggle]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelector('tbody tr:first-child .badge').textContent === 'Stopped'")
	b.fillIn("#search", "tw")
	b.until("document.querySelectorAll('tbody tr').length === 1")
	b.click("tbody [data-delete]")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("document.querySelector('#list [data-state=nomatch]:not([hidden])')")
	if _, err := p.North(two); err == nil {
		t.Error("it is still there")
	}
	b.quiet()
}

func TestTabsAreChangedWithTheKeyboard(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	b := p.tab()
	b.open("/souths/" + p.scanner("Quality reports", "a"))
	b.until("!document.querySelector('#tabs').hidden")
	b.do("document.querySelector('#tab-status').focus()")
	b.key(kb.ArrowRight)
	b.until("document.activeElement.id === 'tab-items' && !document.querySelector('#panel-items').hidden && location.hash === '#items'")
	b.key(kb.ArrowLeft)
	b.key(kb.ArrowLeft)
	b.until("document.activeElement.id === 'tab-settings'")
	b.quiet()
}

func TestEveryControlOfEveryManifestHasANameAndALabel(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	b := p.tab()
	for _, kind := range []string{"rest", "oianalytics", "opcua", "mqtt", "mssql", "modbus"} {
		b.open("/souths/new?type=" + kind)
		b.until("document.querySelector('#settings-fields .field')")
		if bare := b.text(`[...document.querySelectorAll('#settings-form :is(input, select, textarea)')].filter((e) => !e.labels.length || !e.labels[0].textContent.trim()).map((e) => e.outerHTML).join('\n')`); bare != "" {
			t.Errorf("%s: controls without a label: %s", kind, bare)
		}
		if raw := b.text(`document.querySelector('#settings-form').innerText.match(/configuration\.oibus|undefined/)?.[0] ?? ''`); raw != "" {
			t.Errorf("%s: the form shows %q", kind, raw)
		}
	}
	b.quiet()
}

// TestACertificateMadeMeanwhileCanBeChosen fills in a form that wants one when there is none yet.
func TestACertificateMadeMeanwhileCanBeChosen(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	b := p.tab()
	b.open("/norths/new?type=oianalytics")
	b.until("document.querySelector('#settings-fields .field')")
	b.do("const e = document.querySelector('#settings-fields [data-field=useOiaModule] input'); if (e.checked) e.click()")
	b.pick(field("#settings-fields", "specificSettings.authentication"), "Azure AD, certificate")
	const place = "#settings-fields [data-field=\"specificSettings.certificateId\"]"
	b.until("document.querySelector('" + place + " .hint:has(a)')?.textContent.includes('none yet')")
	b.do("document.querySelector('" + place + " a').target = ''; document.querySelector('" + place + " a').href = '#'; document.querySelector('" + place + " a').click()")
	_, err := p.settings.CreateCertificate("u1", json.RawMessage(`{"name":"Cloud","description":"","regenerateCertificate":true,"options":{"commonName":"OIBus","countryName":"FR","stateOrProvinceName":"Savoie","localityName":"Chambery","organizationName":"ACME","keySize":2048,"daysBeforeExpiry":10}}`))
	p.must(err)
	b.do("window.dispatchEvent(new Event('focus'))")
	b.until("[...document.querySelector('" + place + " select').options].some((o) => o.text === 'Cloud')")
	b.pick(place+" select", "Cloud")
	if left := b.text("document.querySelector('" + place + " .hint:has(a)').textContent"); strings.Contains(left, "none yet") {
		t.Errorf("the form still says %q", left)
	}
	b.quiet()
}

// TestWhatAConnectorHasBecomeMeanwhileIsNotUndone stops a South with its button, and by somebody else, while its form is open.
func TestWhatAConnectorHasBecomeMeanwhileIsNotUndone(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.scanner("Quality reports", "a")
	b := p.tab()
	b.open("/souths/" + id + "#settings")
	b.until("document.querySelector('#settings-fields .field')")
	enabled := "document.querySelector('" + field("#head-fields", "enabled") + "').checked"
	b.click("#toggle")
	b.until("document.querySelector('#confirm').open")
	b.click("#confirm-yes")
	b.until("!" + enabled)
	if b.text("String(document.querySelector('#discard').disabled)") != "true" {
		t.Error("what was stopped with the button counts as typed")
	}
	b.fillIn(field("#head-fields", "description"), "Of line 4")
	b.click("#settings-form button[type=submit]")
	b.toast("Quality reports saved")
	if south, err := p.South(id); err != nil || south.Enabled || south.Description != "Of line 4" {
		t.Errorf("after saving it is %+v, %v", south.Connector, err)
	}
	b.click(`#head-fields [data-field="enabled"] .switch`)
	b.until("!document.querySelector('#discard').disabled")
	p.must(p.EnableSouth("u1", id, true)) // somebody else has the same idea
	b.until("document.querySelector('#discard').disabled && " + enabled)
	b.quiet()
}

// TestAnItemIsChangedFromWhatItIsNow has an item changed by somebody else after the list was drawn.
func TestAnItemIsChangedFromWhatItIsNow(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.scanner("Quality reports", "a")
	b := p.tab()
	b.open("/souths/" + id + "#items")
	b.until("document.querySelectorAll('#items tbody tr').length === 1")
	south, err := p.South(id)
	p.must(err)
	item := south.Items[0]
	p.must(p.UpdateItem("u1", id, item.ID, json.RawMessage(`{"id":"`+item.ID+`","name":"a","enabled":true,"scanModeId":"`+item.ScanModeID+`","settings":`+strings.Replace(string(item.Settings), ".csv", ".txt", 1)+`}`)))
	b.click("#items tbody [data-edit]")
	b.until("document.querySelector('#item[open]')")
	if got := b.text("document.querySelector('" + field("#item-fields", "settings.regex") + "').value"); got != `.*\.txt` {
		t.Errorf("the dialog has %q", got)
	}
	b.quiet()
}

// TestWhatIsTypedWhileItIsSavedIsNotSaved holds the answer to a form back, lets it time out, and then come.
func TestWhatIsTypedWhileItIsSavedIsNotSaved(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	id := p.scanner("Quality reports", "a")
	b := p.tab()
	b.open("/souths/" + id + "#settings")
	b.until("document.querySelector('#settings-fields .field')")
	b.do(`const real = window.fetch; window.fetch = async (address, how) => {
		if (how?.method === 'PUT') await new Promise((resolve, reject) => { window.release = resolve; window.late = () => reject(new DOMException('', 'TimeoutError')); });
		return real(address, how); }`)
	b.fillIn(field("#head-fields", "description"), "Of line 4")
	b.click("#settings-form button[type=submit]")
	b.until("window.late")
	b.do("window.late(); window.late = undefined")
	b.until("document.querySelector('#settings-form .form-error:not([hidden])')?.textContent.includes('too long')")
	b.click("#settings-form button[type=submit]")
	b.until("window.late")
	b.fillIn(field("#head-fields", "description"), "Of line 5")
	b.do("window.release()")
	b.toast("Quality reports saved")
	b.until("!document.querySelector('#settings-form button[type=submit]').ariaBusy")
	if south, err := p.South(id); err != nil || south.Description != "Of line 4" {
		t.Errorf("saved is %+v, %v", south.Connector, err)
	}
	if b.text("String(document.querySelector('#discard').disabled)") != "false" {
		t.Error("what was typed meanwhile counts as saved")
	}
	b.do("window.release = undefined; document.querySelector('#discard').click()")
	b.quiet()
}

func TestAllThatFailedIsSentAgainAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	north := p.console("To look at")
	names := make([]string, 130)
	for i := range names {
		names[i] = fmt.Sprintf("lost %03d.csv", i)
	}
	p.cached(cache.InError, names...)
	b := p.tab()
	b.open("/norths/" + north + "#cache")
	b.until("document.querySelector('#cache-filters')")
	b.do("document.querySelector('#cache-filters [value=error]').click()")
	b.until("document.querySelectorAll('#cache tbody tr').length === 100")
	b.click("#cache-select")
	b.until("document.querySelector('#cache-count').textContent.startsWith('100')")
	b.click("#cache-all")
	b.until("document.querySelector('#cache-count').textContent.startsWith('130')")
	b.click("#cache tbody tr:first-child [data-select]")
	b.until("document.querySelector('#cache-count').textContent.startsWith('129')")
	b.click("#cache [data-move=cache]")
	b.toast("129 contents are sent again")
	b.until("document.querySelectorAll('#cache tbody tr').length === 1")
	b.quiet()
}
