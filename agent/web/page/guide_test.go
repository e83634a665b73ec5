package page

import (
	"strings"
	"testing"

	"oibus/agent/entity"
)

func TestTheGuideIsThereUntilDataFlows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		passwordFile, cookie string
		flow                 Flow
		want                 string // the steps that are not done, "" when there is no guide
	}{
		"all is new":                     {"/x/first", "", Flow{}, "password register south north data"},
		"a South and a North are there":  {"", "", Flow{Souths: 1, Norths: 1}, "register data"},
		"something was read":             {"", "", Flow{Souths: 1, Norths: 1, Received: true}, "register data"},
		"only the cloud is missing":      {"", "", Flow{1, 1, true, true}, ""},
		"only the password is missing":   {"/x/first", "", Flow{1, 1, true, true}, "password register"},
		"the person wants none":          {"/x/first", "oibus-guide=off", Flow{}, ""},
		"a cookie of another value":      {"", "oibus-guide=on", Flow{}, "register south north data"},
		"a North has sent, its South is": {"", "", Flow{Norths: 1, Delivered: true}, "register south data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t)
			b.passwordFile, b.overview.Flow = c.passwordFile, c.flow
			page := ask(t, b, "GET", "/", "", "Cookie", cookieName+"=u1; "+c.cookie).Body.String()
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
}
