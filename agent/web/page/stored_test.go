package page

import (
	"encoding/json"
	"strings"
	"testing"

	"oibus/agent/connectors"
)

// What a person left empty is not filled with a default by the next change of something else.
func TestSettingsThatWereLeftEmptyStayEmpty(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	north, err := p.CreateNorth("u1", json.RawMessage(`{"name":"Share","type":"file-writer","description":"","enabled":false,
		"settings":{"outputFolder":"/srv/out","prefix":null,"suffix":null,"username":null,"password":null,"domain":null},
		"caching":{"trigger":{"scanModeId":"`+p.modes["Every minute"]+`","scanModeName":null,"numberOfElements":1000,"numberOfFiles":1},"throttling":{"runMinDelay":200,"maxSize":0,"maxNumberOfElements":10000},
		"error":{"retryInterval":5000,"retryCount":3,"retentionDuration":0},"archive":{"enabled":false,"retentionDuration":72}},"transformers":[]}`), connectors.Secrets{})
	p.must(err)
	b := p.tab()
	b.open("/norths/new?type=file-writer")
	b.until("document.querySelector('#settings-fields .field')")
	if got := b.text("document.querySelector('" + field("#settings-fields", "prefix") + "').value"); got == "" {
		t.Error("a new one does not begin with the default")
	}
	b.open("/norths/" + north.ID + "#settings")
	b.until("document.querySelector('#settings-fields .field')")
	b.fillIn(field("#settings-fields", "outputFolder"), "/srv/out2")
	b.click("#settings-form button[type=submit]")
	b.until("document.querySelector('.toast')")
	stored, err := p.North(north.ID)
	p.must(err)
	if text := string(stored.Settings); !strings.Contains(text, "/srv/out2") || strings.Contains(text, "@ConnectorName") || strings.Contains(text, "@CurrentDate") {
		t.Errorf("stored are %s", text)
	}
	b.quiet()
}

// A list that is opened shows what went through before, and not only from now on.
func TestChartsBeginWithWhatWentThroughBefore(t *testing.T) {
	t.Parallel()
	p := newPlant(t)
	south := p.scanner("Line 4", "a")
	b := p.tab()
	b.open("/souths")
	points := `(document.querySelector('tr[data-id="` + south + `"] .spark-line')?.getAttribute('d') ?? '').split(/[ML]/).length - 1`
	b.until(points + " >= 3") // the server has noted some by then
	b.do("sessionStorage.clear(); addEventListener('pagehide', () => sessionStorage.clear())")
	b.open("/account")
	b.open("/souths")
	b.until(`document.querySelector('tr[data-id="` + south + `"] .spark-line')?.getAttribute('d')`)
	b.do("window.past = 0; setInterval(async () => { window.past = (await (await fetch('/api/page/flow')).json())['" + south + "']?.length ?? 0; }, 100)")
	b.until("window.past > 1") // the server remembers
	b.until(points + " >= 2")
	b.quiet()
}
