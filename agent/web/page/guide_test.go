package page

import (
	"strings"
	"testing"

	"oibus/agent/entity"
)

func TestTheGuideIsThereUntilDataFlows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		passwordFile, off string // off is the user who wants no guide
		flow              Flow
		want              string // the steps that are not done, "" when there is no guide
	}{
		"all is new":                     {"/x/first", "", Flow{}, "password register south north data"},
		"a South and a North are there":  {"", "", Flow{Souths: 1, Norths: 1}, "register data"},
		"something was read":             {"", "", Flow{Souths: 1, Norths: 1, Received: true}, "register data"},
		"only the cloud is missing":      {"", "", Flow{1, 1, true, true}, ""},
		"only the password is missing":   {"/x/first", "", Flow{1, 1, true, true}, "password register"},
		"the person wants none":          {"/x/first", "u1", Flow{}, ""},
		"another person wants none":      {"", "u2", Flow{}, "register south north data"},
		"a North has sent, its South is": {"", "", Flow{Norths: 1, Delivered: true}, "register south data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			b.passwordFile, b.overview.Flow, b.guideOff = c.passwordFile, c.flow, map[string]bool{c.off: true}
			page := ask(t, b, "GET", "/", "").Body.String()
			var open []string
			for _, part := range strings.Split(page, `<li data-step="`)[1:] {
				if name, rest, _ := strings.Cut(part, `"`); !strings.HasPrefix(rest, ` class="done"`) {
					open = append(open, name)
				}
			}
			if got := strings.Join(open, " "); got != c.want {
				t.Errorf("open steps: %q, not %q", got, c.want)
			}
			if warned := strings.Contains(page, "The first password is still in use"); warned != (c.passwordFile != "" && c.want == "") {
				t.Errorf("the first password is warned of: %v", warned)
			}
		})
	}
}

func TestStepsOfTheGuideAreTickedOffAndTheGuideDoesNotComeBack(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.passwordFile = "/var/lib/oibus/secrets/first-password.txt"
	b := newTab(t, back)
	const primary = "document.querySelector('#guide .button.primary')?.closest('li').dataset.step"
	b.open("/")
	b.until(primary + " === 'password'")
	b.accessible()
	back.change(func() { back.passwordFile = ""; back.registration.Status = entity.Registered })
	b.until(primary + " === 'south' && document.querySelector('[data-step=register]').classList.contains('done')")
	back.change(func() { back.overview.Flow = Flow{Souths: 1, Norths: 1, Received: true} })
	b.until(primary + " === 'data' && document.querySelector('[data-step=data] a').getAttribute('href') === '/norths'")
	back.change(func() { back.overview.Flow.Delivered = true })
	b.until("document.querySelector('#guide.complete')")
	b.click("#guide-off")
	b.until("!document.querySelector('#guide')")
	back.change(func() { back.overview.Flow = Flow{} })
	b.open("/")
	b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'")
	if b.text("!!document.querySelector('#guide')") == "true" {
		t.Error("the guide came back")
	}
	b.quiet()
	back.change(func() {
		if !back.guideOff["u1"] {
			t.Error("nobody but this browser knows that the guide is not wanted")
		}
	})
}

func TestTheOverviewNamesWhatFails(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/")
	b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'")
	if b.text("document.querySelector('#flow').hidden") != "true" {
		t.Error("a site without connectors shows how they do")
	}
	const hostile = `<img src=x onerror="document.title='owned'">`
	back.change(func() {
		back.overview.Souths = Side{Running: 2, Failing: 1, Troubles: []Trouble{{ID: "s/1", Name: hostile, Error: "no route to " + hostile}}}
		back.overview.Norths = Side{Stopped: 1, Waiting: Held{Contents: 1200, Bytes: 5 << 20}, Errored: Held{Contents: 1, Bytes: 2048}}
	})
	b.until("document.querySelectorAll('.troubles li').length === 1")
	if got := b.text(`[...document.querySelectorAll('.troubles a')].map((a) => a.textContent + ' → ' + a.getAttribute('href')).join()`); got != hostile+" → /souths/s%2F1" {
		t.Errorf("the South that fails: %s", got)
	}
	if got := b.text(`document.querySelector('[data-overview=norths-held]').textContent`); got != "1,200 contents wait (5 MB) · 1 in error (2 KB)" {
		t.Errorf("what waits: %s", got)
	}
	if b.text("document.title.includes('owned') || !!document.querySelector('.troubles img')") == "true" {
		t.Error("the name of a connector runs")
	}
	b.accessible()
	back.change(func() { back.overview.Souths.Failing, back.overview.Souths.Troubles = 0, nil })
	b.until("document.querySelectorAll('.troubles li').length === 0 && document.querySelector('[data-overview=souths-failing]').parentElement.classList.contains('zero')")
	b.quiet()
}
