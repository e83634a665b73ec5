package cloudsim

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// browser opens the page in Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed: the page is not tested in a browser")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU, chromedp.ExecPath(path),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) }) // waits for the browser to end, so that its folder can be removed
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := chromedp.Do(limited, steps...); err != nil {
		t.Fatal(err)
	}
}

// until waits until a JavaScript expression is true. A page that is left meanwhile is asked again.
func until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(limited, chromedp.Poll[bool](expression))
		if err == nil {
			return
		}
		if limited.Err() != nil {
			shown, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("never true: %s (%v)\nthe page shows:\n%s", expression, err, shown)
		}
	}
}

func evaluate(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	do(t, ctx, chromedp.Evaluate[chromedp.Void](expression))
}

// enter sets the value of an input as typing does.
func enter(selector, value string) string {
	text, _ := json.Marshal(value)
	return `(() => { const e = ` + selector + `; e.value = ` + string(text) + `; e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true})); })()`
}

func label(text string) string {
	return `[...document.querySelectorAll('#form-view label')].find(l => l.textContent.trim() === '` + text + `').querySelector('input, textarea, select')`
}

func TestAPersonApprovesAnAgentAndQueuesACommandWhoseSecretOnlyTheAgentReads(t *testing.T) {
	sim := start(t, Options{})
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(sim.URL()))
	until(t, ctx, `document.body.innerText.includes('No agent is waiting')`)

	a := newAgent(t, sim, "Q2d0kP8sLmA71xYz")
	a.register()
	until(t, ctx, `document.body.innerText.includes('Line 4 gateway')`)
	do(t, ctx, chromedp.SendKeys("input[name=code]", "wrong1"), chromedp.Click(".code + button"))
	until(t, ctx, `document.querySelector('#code-problem')?.innerText.includes('No OIBus is waiting')`)
	evaluate(t, ctx, enter(`document.querySelector('input[name=code]')`, "aZ3k9Q"))
	do(t, ctx, chromedp.Click(".code + button"))
	until(t, ctx, `location.pathname === '/agents/Q2d0kP8sLmA71xYz'`)
	if said := a.checkRegistration(); said.AccessToken == nil {
		t.Fatalf("check after the approval: %+v", said)
	}

	do(t, ctx, chromedp.Navigate(sim.URL()+"/agents/Q2d0kP8sLmA71xYz/new?type=create-south&variant=mssql"))
	until(t, ctx, `document.querySelector('#form-view .lock') !== null && document.getElementById('target-version').value === '3.9.0'`)
	evaluate(t, ctx, enter(label("password"), "s3cret wörd"))
	evaluate(t, ctx, enter(label("name"), "Historian A"))
	do(t, ctx, chromedp.Click("button[value=leave]"))
	until(t, ctx, `location.pathname === '/agents/Q2d0kP8sLmA71xYz' && document.body.innerText.includes('pending')`)

	handed := a.poll()
	if len(handed) != 1 {
		t.Fatalf("handed out %v", handed)
	}
	content := handed[0]["commandContent"].(map[string]any)
	settings := content["settings"].(map[string]any)
	if content["name"] != "Historian A" || settings["port"] != 1433.0 {
		t.Fatalf("content %v", content)
	}
	if plain := decrypted(t, settings["password"].(string)); plain != "s3cret wörd" {
		t.Fatalf("the secret is %q", plain)
	}
	a.report(handed[0]["id"].(string), CommandRetrieved, "")
	a.report(handed[0]["id"].(string), CommandErrored, "no route to the plant")
	until(t, ctx, `document.body.innerText.includes('no route to the plant')`)
}

func decrypted(t *testing.T, sealed string) string {
	t.Helper()
	block, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := rsa.DecryptOAEP(sha256.New(), nil, testKey(), block, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

func TestEveryReadyMadeFormCanBeQueuedAsItIsAndAsJSON(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	sim := start(t, Options{})
	enrolled(t, sim, "forms")
	ctx := browser(t)
	do(t, ctx, chromedp.Navigate(sim.URL()+"/agents/forms/new"))
	until(t, ctx, `document.getElementById('target-version').value === '3.9.0'`)
	const queueAll = `(async () => {
		const $ = (id) => document.getElementById(id);
		const problems = [];
		const pick = (name, value) => { const r = document.querySelector('input[name=' + name + '][value=' + value + ']'); r.checked = true; r.dispatchEvent(new Event('change', {bubbles: true})); };
		const types = new Set();
		for (const dialect of ['N', 'R']) {
			pick('dialect', dialect);
			for (const type of [...$('type').options].map((o) => o.value)) {
				$('type').value = type; $('type').dispatchEvent(new Event('change', {bubbles: true}));
				for (const view of ['json', 'form']) {
					pick('view', view);
					const shown = $('problem').textContent;
					if (shown) problems.push(type + ' ' + view + ': ' + shown);
					document.querySelector('button[value=stay]').click();
					while ($('queued').hidden && $('problem').hidden) await new Promise((r) => setTimeout(r, 5));
					if (!$('problem').hidden) problems.push(dialect + ' ' + type + ' ' + view + ': ' + $('problem').textContent);
					types.add(type);
				}
			}
		}
		window.outcome = JSON.stringify({ problems, types: types.size });
	})()`
	evaluate(t, ctx, queueAll)
	until(t, ctx, `window.outcome !== undefined`)
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.outcome"))
	if err != nil {
		t.Fatal(err)
	}
	var outcome struct {
		Problems []string
		Types    int
	}
	decodeInto(t, []byte(text), &outcome)
	if len(outcome.Problems) > 0 || outcome.Types != 48 {
		t.Fatalf("%d types, problems:\n%s", outcome.Types, strings.Join(outcome.Problems, "\n"))
	}
	all, err := sim.Commands("forms", CommandFilter{})
	if err != nil || len(all) != 2*(47+43) {
		t.Fatalf("%d commands were queued, error %v", len(all), err)
	}
	for i := 0; i < len(all); i += 2 {
		if a, b := withoutID(t, all[i].Body), withoutID(t, all[i+1].Body); a != b {
			t.Errorf("%s: as JSON %s\nas a form %s", all[i].Type, a, b)
		}
	}
}

func withoutID(t *testing.T, body json.RawMessage) string {
	t.Helper()
	var keys map[string]any
	decodeInto(t, body, &keys)
	delete(keys, "id")
	return string(encoded(t, keys))
}

func TestASecretInJSONIsEncryptedAndACiphertextLeftAlone(t *testing.T) {
	sim := start(t, Options{})
	a := enrolled(t, sim, "json")
	ctx := browser(t)
	sealed, err := sim.Encrypt("json", "sealed before")
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Navigate(sim.URL()+"/agents/json/new"))
	until(t, ctx, `document.getElementById('target-version').value === '3.9.0'`)
	evaluate(t, ctx, `(() => { const r = document.querySelector('input[name=view][value=json]'); r.checked = true; r.dispatchEvent(new Event('change', {bubbles: true})); })()`)
	evaluate(t, ctx, enter(`document.getElementById('json')`, `[{"type":"update-north","northConnectorId":"n","commandContent":{"type":"rest","settings":{"authentication":{"type":"basic","password":"in clear"}}}},
		{"type":"update-north","northConnectorId":"n","commandContent":{"type":"rest","settings":{"authentication":{"type":"basic","password":"`+sealed+`"}}}},
		{"type":"make-coffee","commandContent":{"password":"left alone"}}]`))
	do(t, ctx, chromedp.Click("button[value=stay]"))
	until(t, ctx, `!document.getElementById('queued').hidden`)
	handed := a.poll()
	if len(handed) != 3 {
		t.Fatalf("handed out %v", handed)
	}
	password := func(i int) string {
		return handed[i]["commandContent"].(map[string]any)["settings"].(map[string]any)["authentication"].(map[string]any)["password"].(string)
	}
	if decrypted(t, password(0)) != "in clear" || password(1) != sealed {
		t.Fatalf("passwords %q %q", password(0), password(1))
	}
	if handed[2]["commandContent"].(map[string]any)["password"] != "left alone" {
		t.Fatal("a command of an unknown type was changed")
	}
	evaluate(t, ctx, enter(`document.getElementById('json')`, `{"type": oops}`))
	do(t, ctx, chromedp.Click("button[value=stay]"))
	until(t, ctx, `document.getElementById('problem').innerText.includes('not JSON')`)
	evaluate(t, ctx, `document.getElementById('encrypt').open = true`)
	do(t, ctx, chromedp.SendKeys("#plain", "by hand"), chromedp.Click("#encrypt-button"))
	until(t, ctx, `document.getElementById('cipher').value.length > 100`)
	byHand, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById('cipher').value`))
	if err != nil || decrypted(t, byHand) != "by hand" {
		t.Fatalf("encrypted by hand %q, error %v", byHand, err)
	}
}
