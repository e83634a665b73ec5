package page

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// window opens one more visible window of the browser that b is a tab of.
func (b *tab) window() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	w := &tab{t: b.t, ctx: ctx, back: b.back, url: b.url, server: b.server, close: sync.OnceFunc(cancel)}
	b.t.Cleanup(w.close)
	if err := chromedp.Listen(ctx, w.listen); err != nil {
		b.t.Fatal(err)
	}
	w.run(call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}), call(runtime.Enable, cdp.Empty{}), resize(1280, 900))
	return w
}

// windows opens one window for each path, the first of them in b.
func (b *tab) windows(paths ...string) []*tab {
	b.t.Helper()
	all := []*tab{b}
	for range paths[1:] {
		all = append(all, b.window())
	}
	for i, w := range all {
		w.open(paths[i])
	}
	return all
}

// lives waits until the window has got two states of the agent from now on, and has an answer besides.
func (b *tab) lives() {
	b.t.Helper()
	b.until(`document.querySelector('link[href*="js/shell.js"]')`)
	b.do(`window.seen = new Set(); import(document.querySelector('link[href*="js/shell.js"]').href.replace('shell.js', 'live.js'))
		.then(({ subscribe }) => { const first = {}; subscribe(({ now }) => { first.now ??= now; if (now !== first.now) window.seen.add(now); }); })`)
	b.until("window.seen.size >= 2")
	if got := b.awaited("fetch('/api/engine').then((answer) => answer.status)"); got != "200" {
		b.t.Errorf("a window beside others is answered %s", got)
	}
}

// hide does what a browser does when a window is covered, or seen again.
func (b *tab) hide(hidden bool) {
	b.t.Helper()
	b.do(fmt.Sprintf("Object.defineProperty(document, 'hidden', { value: %t, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))", hidden))
}

// carry waits until this many connections carry all streams.
func (b *backend) carry(t *testing.T, want int32) {
	t.Helper()
	for limit := time.Now().Add(patience); b.bundles.Load() != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d connections carry streams, not %d", b.bundles.Load(), want)
		}
	}
}

func lines(text string) string {
	return "[...document.querySelectorAll('.log-message')].filter((e) => e.textContent === '" + text + "').length"
}

var eightPages = []string{"/logs", "/", "/commands", "/registration", "/logs?levels=warn", "/settings", "/users", "/logs"}

func TestManyWindowsShareOneConnection(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	windows := b.windows(eightPages...) // more than a browser has connections
	for _, w := range windows {
		w.lives()
	}
	back.carry(t, 1)
	back.write(logEntry(time.Now(), "warn", "internal", "for all"))
	for _, i := range []int{0, 4, 7} {
		windows[i].until(lines("for all") + " === 1")
	}
	for _, w := range windows {
		w.hide(true)
	}
	back.carry(t, 0) // nobody looks
	for _, w := range windows {
		w.hide(false)
	}
	for _, w := range windows {
		w.lives()
	}
	back.carry(t, 1)
	for _, w := range windows[1:] {
		w.run(chromedp.Navigate("about:blank")) // it has left when this returns, which a window that is closed has not
		w.close()
	}
	back.write(logEntry(time.Now(), "info", "internal", "for the last"))
	b.until(lines("for the last") + " === 1")
	b.lives()
	back.carry(t, 1)
	b.run(chromedp.Navigate("about:blank"))
	back.carry(t, 0) // the last one was closed
}

// TestNoPageIsKeptForGoingBack looks that a browser does not keep what somebody saw, and with it the connection, which a
// worker that is stopped with its last window leaves open.
func TestNoPageIsKeptForGoingBack(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	for _, path := range []string{"/", "/about", "/users"} {
		b.open(path)
		back.carry(t, 1)
		b.until("performance.getEntriesByName(location.origin + '/api/status').some((e) => e.responseEnd)")
		b.do("addEventListener('pagehide', ({ persisted }) => sessionStorage.setItem('kept', persisted))")
		b.run(chromedp.Navigate("about:blank"))
		back.carry(t, 0)
		b.open(path)
		if kept := b.text("sessionStorage.getItem('kept')"); kept != "false" {
			t.Errorf("%s was kept: %s", path, kept)
		}
		back.carry(t, 1)
	}
}

// TestAfterARestartAllWindowsComeBackTogether looks that eight windows knock once, not eight times, and lose nothing.
func TestAfterARestartAllWindowsComeBackTogether(t *testing.T) {
	t.Parallel()
	long(t)
	back := newBackend(t)
	b := newTab(t, back)
	windows := b.windows(eightPages...)
	for _, w := range windows {
		w.lives()
	}
	back.write(logEntry(time.Now(), "warn", "internal", "before"))
	for _, i := range []int{0, 4, 7} {
		windows[i].until(lines("before") + " === 1")
	}
	back.down.Store(true)
	b.cut()
	for _, w := range windows {
		w.until("!document.querySelector('#offline').hidden")
	}
	connections := back.bundled.Load()
	back.write(logEntry(time.Now(), "warn", "internal", "meanwhile"))
	back.down.Store(false)
	for _, w := range windows {
		w.until("document.querySelector('#offline').hidden")
	}
	back.write(logEntry(time.Now(), "warn", "internal", "after"))
	for _, i := range []int{0, 4, 7} {
		windows[i].until(lines("after") + " > 0")
		for _, text := range []string{"before", "meanwhile", "after"} {
			if n := windows[i].text(lines(text)); n != "1" {
				t.Errorf("the line %q is shown %s times", text, n)
			}
		}
	}
	if n := back.bundled.Load() - connections; n >= int32(len(windows)) {
		t.Errorf("%d windows came back with %d connections", len(windows), n)
	}
	back.carry(t, 1)
}

// TestWithoutAWorkerEachWindowHasOneConnection plays browsers that have no such worker, in which it does not start, and in
// which it does not reach OIBus.
func TestWithoutAWorkerEachWindowHasOneConnection(t *testing.T) {
	t.Parallel()
	long(t)
	for name, script := range map[string]string{
		"none": "delete window.SharedWorker",
		"cut off": `window.SharedWorker = class { constructor() { const { port1, port2 } = new MessageChannel(); this.port = port1;
			port2.onmessage = () => port2.postMessage({}); setInterval(() => port2.postMessage({ line: 'broken' }), 200); } }`,
		"broken": "const Real = window.SharedWorker; window.SharedWorker = class { constructor(url, options) { return new Real(url.href.replace('worker.js', 'nothing.js'), options); } }",
	} {
		back := newBackend(t)
		b := newTab(t, back)
		windows := []*tab{b, b.window(), b.window()}
		for _, w := range windows {
			w.run(call(page.Enable, page.EnableParams{}), call(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}))
			w.open("/logs")
		}
		for _, w := range windows {
			w.lives()
		}
		t.Log(name)
		back.carry(t, 3)
		back.write(logEntry(time.Now(), "info", "internal", "for all"))
		for _, w := range windows {
			w.until(lines("for all") + " === 1")
		}
	}
}

// TestAWorkerThatDiesIsReplaced ends the worker as a browser short of memory does.
func TestAWorkerThatDiesIsReplaced(t *testing.T) {
	t.Parallel()
	long(t)
	back := newBackend(t)
	b := newTab(t, back)
	windows := b.windows("/logs", "/logs", "/")
	for _, w := range windows {
		w.lives()
	}
	ended := 0
	b.run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		c := chromedp.FromContext(ctx)
		found, err := cdp.Call(ctx, c.Browser, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			return err
		}
		for _, info := range found.TargetInfos {
			if info.Type == "shared_worker" && strings.HasPrefix(info.URL, b.url) {
				if _, err := cdp.Call(ctx, c.Browser, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID}); err != nil {
					return err
				}
				ended++
			}
		}
		return nil
	}))
	if ended != 1 {
		t.Fatalf("%d workers were there", ended)
	}
	back.carry(t, 0)
	back.write(logEntry(time.Now(), "info", "internal", "meanwhile"))
	for _, w := range windows {
		w.lives()
	}
	back.carry(t, 1)
	for _, w := range windows[:2] {
		w.until(lines("meanwhile") + " === 1")
	}
}

// slowWindow is a window that takes nothing for a while, beside one that takes all, of the hub that a worker has.
const slowWindow = `(async () => {
	const { Hub } = await import(document.querySelector('link[href*="js/shell.js"]').href.replace('shell.js', 'hub.js'));
	const hub = new Hub();
	const open = (address, after, slow) => {
		const channel = new MessageChannel();
		const w = { port: channel.port2, got: [], messages: 0, slow };
		w.say = () => w.port.postMessage({ wants: [[1, address, after]] });
		w.port.onmessage = ({ data }) => {
			if (!data.events) return;
			w.messages++;
			for (const [, , text] of data.events) if (text) w.got.push(JSON.parse(text).message ?? 'state');
			if (!w.slow) w.port.postMessage({ taken: true });
		};
		w.wake = () => { w.slow = false; for (let i = 0; i < w.messages; i++) w.port.postMessage({ taken: true }); };
		hub.join(channel.port1);
		w.say();
		setInterval(w.say, 5000);
		return w;
	};
	window.slow = open('/sse/logs', '0', true);
	window.quick = open('/sse/logs', '0', false);
})()`

func TestASlowWindowIsSentNoMoreThanItTakesAndLosesNothing(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/about")
	b.until(`document.querySelector('link[href*="js/shell.js"]')`)
	b.do(slowWindow)
	b.until("window.quick")
	const entries = 300
	var all []string
	for i := range entries {
		all = append(all, fmt.Sprint("line ", i))
		back.write(logEntry(time.Now(), "info", "internal", all[i]))
		if i%3 == 0 {
			b.until(fmt.Sprintf("quick.got.length === %d", i+1)) // so that there are many messages
		}
	}
	b.until(fmt.Sprintf("quick.got.length === %d", entries))
	if n := b.text("slow.messages"); n != "50" {
		t.Errorf("a window that takes nothing was sent %s messages", n)
	}
	b.do("slow.wake()")
	b.until(fmt.Sprintf("slow.got.length >= %d", entries))
	for _, name := range []string{"slow", "quick"} {
		if got := b.text(name + ".got.join('|')"); got != strings.Join(all, "|") {
			t.Errorf("the %s window got %s", name, got)
		}
	}
}

// TestAnotherPersonGetsAnotherConnection has two people in the windows of one browser: a stream stands on the session of the last.
func TestAnotherPersonGetsAnotherConnection(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	b := newTab(t, back)
	b.open("/about")
	b.lives()
	b.hide(true)
	back.carry(t, 0)
	b.do(`import(document.querySelector('link[href*="js/shell.js"]').href.replace('shell.js', 'hub.js')).then(({ Hub }) => {
		const hub = new Hub();
		window.people = {};
		window.come = (user) => {
			const { port1, port2 } = new MessageChannel();
			window.people[user] = 0;
			port2.onmessage = ({ data }) => { if (data.events) { window.people[user]++; port2.postMessage({ taken: true }); } };
			hub.join(port1);
			const say = () => port2.postMessage({ user, wants: [[1, '/page/live', null]] });
			say();
			setInterval(say, 1000);
		};
	})`)
	b.until("window.come")
	before := back.bundled.Load()
	for i, user := range []string{"first", "second"} {
		b.do("come('" + user + "')")
		b.until("people." + user + " > 3")
		if n := back.bundled.Load() - before; n < int32(i+1) {
			t.Errorf("after the %s person there were %d connections", user, n)
		}
	}
	b.until("people.first > 6 && people.second > 6")
	if n := back.bundled.Load() - before; n > 4 {
		t.Errorf("two people had %d connections", n)
	}
	back.carry(t, 1)
}

// TestWindowsOnTheRealServer opens what an audit froze the page with, under the real policy, and signs out in one window.
func TestWindowsOnTheRealServer(t *testing.T) {
	t.Parallel()
	long(t)
	p := newPlant(t)
	south, north := p.scanner("Quality reports", "temperatures"), p.console("To look at")
	b := p.tab()
	windows := b.windows("/souths", "/norths/"+north+"#status", "/norths/"+north+"#status", "/souths/"+south, "/history", "/norths", "/souths", "/transformers")
	for _, w := range windows {
		w.lives()
	}
	workers := 0
	b.run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		found, err := cdp.Call(ctx, chromedp.FromContext(ctx).Browser, target.GetTargets, target.GetTargetsParams{})
		for _, info := range found.TargetInfos {
			if info.Type == "shared_worker" && strings.HasPrefix(info.URL, b.url) {
				workers++
			}
		}
		return err
	}))
	if workers != 1 {
		t.Errorf("%d workers share the streams", workers)
	}
	for _, w := range windows {
		w.quiet()
	}
	b.do("document.querySelector('form[action=\"/logout\"]').submit()")
	for _, w := range windows {
		w.until("location.pathname === '/login'")
	}
	if got := b.awaited("fetch('/sse/bundle?of=/page/live', { headers: { Accept: 'application/json' } }).then((answer) => answer.status)"); got != fmt.Sprint(http.StatusUnauthorized) {
		t.Errorf("who is signed out is answered %s", got)
	}
}
