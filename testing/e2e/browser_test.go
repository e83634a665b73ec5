package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
	"oibus/testing/harness/browser"
)

// tab is a tab of a browser that notes everything the browser complains about.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// openBrowser starts a browser, with further flags, and returns its first tab. The test is skipped where there is none.
func openBrowser(t *testing.T, flags ...string) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes long")
	}
	if browser.Path() == "" {
		t.Skip("no chromium on this machine")
	}
	ctx, stop, err := browser.Start(flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	b := &tab{t: t, ctx: ctx}
	b.listen()
	return b
}

// another opens one more tab.
func (b *tab) another() *tab {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	other := &tab{t: b.t, ctx: ctx}
	other.listen()
	return other
}

func (b *tab) listen() {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate("about:blank")); err != nil {
		b.t.Fatal(err)
	}
	if err := chromedp.Listen(b.ctx, b.note); err != nil {
		b.t.Fatal(err)
	}
	b.run(call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}))
}

// call makes a step of a command of the browser whose answer does not matter.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level != log.EntryLevelVerbose && e.Entry.Level != log.EntryLevelInfo { // advice to authors
			b.complaints = append(b.complaints, string(e.Entry.Level)+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.complaints = append(b.complaints, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.complaints = append(b.complaints, "the page wrote an error to the console")
		}
	}
}

func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\n%s", err, b.shown())
	}
}

func (b *tab) open(address string) {
	b.t.Helper()
	b.run(chromedp.Navigate(address))
}

func (b *tab) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := browser.Click(ctx, selector); err != nil {
		b.t.Fatalf("%v\n%s", err, b.shown())
	}
}

// enter types into a control, as a person does.
func (b *tab) enter(selector, text string) {
	b.t.Helper()
	b.run(chromedp.Evaluate[chromedp.Void]("(() => { const e = document.querySelector(`"+selector+"`); e.focus(); e.select?.(); })()"), chromedp.KeyEvent(text))
}

// until waits until a JavaScript expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("never true: %s (%v)\n%s", expression, err, b.shown())
		}
	}
}

// text is the value of a JavaScript expression as text.
func (b *tab) text(expression string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// shown is what the person sees, for the message of a failure.
func (b *tab) shown() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText.slice(0, 1500)"))
	if err != nil {
		return err.Error()
	}
	return v
}

// shoot writes a picture to the folder OIBUS_SHOTS, when it is set.
func (b *tab) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("OIBUS_SHOTS")
	if dir == "" {
		return
	}
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o644)
	}))
}

func TestAPersonRegistersAndConfiguresInABrowser(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus-launcher")
	b := openBrowser(t)
	sim := harness.Simulator(t, cloudsim.Options{})
	a := harness.Start(t, harness.Options{Launcher: true})

	b.open(a.URL + "/scan-modes")
	b.until("location.pathname === '/login' && document.querySelector('#login-name')")
	b.shoot("e2e-1-login")
	b.enter("#login-name", a.Login)
	b.enter("#login-password", a.Password)
	b.click("#login button[type=submit]")
	b.until("location.pathname === '/scan-modes'")
	b.open(a.URL + "/")
	b.until("document.querySelector('[data-overview=uptime]').textContent !== '–'")
	b.shoot("e2e-2-overview")

	b.open(a.URL + "/registration")
	b.until("!document.querySelector('#registration-form').hidden")
	b.enter("[name=host]", sim.URL())
	b.click("#test")
	b.until("document.querySelector('#test-result.ok')")
	b.click("#submit")
	b.until("document.querySelector('#code').textContent.trim().length === 6")
	b.shoot("e2e-3-code")
	code := strings.TrimSpace(b.text("document.querySelector('#code').textContent"))

	cloud := b.another()
	cloud.open(sim.URL())
	cloud.until("document.querySelector('input[name=code]')")
	cloud.enter("input[name=code]", code)
	cloud.click(".code + button")
	cloud.until("location.pathname.startsWith('/agents/')")
	cloud.shoot("e2e-4-approved")

	b.until("!document.querySelector('#state-registered').hidden")
	b.shoot("e2e-5-registered")

	b.open(a.URL + "/scan-modes")
	b.until("document.querySelector('tbody tr')")
	b.click("[data-create]")
	b.enter("#editor [name=name]", "Every five minutes")
	b.click("[data-cron=\"0 */5 * * * *\"]")
	b.until("document.querySelector('.verify-next li')")
	b.shoot("e2e-6-scan-mode")
	b.click("#editor button[type=submit]")
	b.until("[...document.querySelectorAll('tbody tr')].some((row) => row.textContent.includes('Every five minutes'))")

	b.open(a.URL + "/logs")
	b.until("[...document.querySelectorAll('.log-line')].some((line) => line.textContent.includes('OIBus registered on " + sim.URL() + "'))")
	b.shoot("e2e-7-logs")
	b.quiet()
	cloud.quiet()

	err := sim.Wait(limited(t), func() bool {
		for _, c := range sim.Configurations(cloudsim.ConfigurationFilter{Kind: cloudsim.FullConfig}) {
			if strings.Contains(string(c.Body), "Every five minutes") {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Errorf("the cloud is not told of the scan mode: %v", err)
	}
}
