package page

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"oibus/testing/harness/browser"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a browser tab on a backend, signed in, that notes everything the browser complains about.
type tab struct {
	t    *testing.T
	ctx  context.Context
	back *backend
	url  string

	server *httptest.Server
	close  func() // of a further window

	mu         sync.Mutex
	complaints []string
}

// patience is how long a browser gets for one step; it is generous because machines are shared.
const patience = 90 * time.Second

// sharedBrowser is one browser for all tests; each test has its own tab, with its own cookies.
var sharedBrowser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func startBrowser() { sharedBrowser.ctx, sharedBrowser.stop, sharedBrowser.err = browser.Start() }

func TestMain(m *testing.M) {
	code := m.Run()
	if sharedBrowser.stop != nil {
		sharedBrowser.stop()
	}
	os.Exit(code)
}

// newTab opens a tab that is signed in. The test is skipped where there is no Chromium.
func newTab(t *testing.T, back *backend) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes long")
	}
	if browser.Path() == "" {
		t.Skip("no chromium on this machine")
	}
	if sharedBrowser.once.Do(startBrowser); sharedBrowser.err != nil {
		t.Fatal(sharedBrowser.err)
	}
	server := httptest.NewServer(back)
	t.Cleanup(server.Close)
	ctx, cancel := chromedp.NewContext(sharedBrowser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, back: back, url: server.URL, server: server}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	on := true
	b.run(call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}), call(log.Enable, cdp.Empty{}), call(runtime.Enable, cdp.Empty{}), call(network.Enable, network.EnableParams{}),
		call(network.SetCookie, network.SetCookieParams{Name: cookieName, Value: "u1", URL: server.URL, HTTPOnly: &on}))
	b.size(1280, 900, "light")
	return b
}

// call makes a step of a command of the browser whose answer does not matter.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// listen notes errors on the console, exceptions and what the security policy stopped.
func (b *tab) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if at := e.Request.URL; !strings.HasPrefix(at, b.url+"/") && !strings.HasPrefix(at, "data:") && !strings.HasPrefix(at, "blob:") && at != "about:blank" {
			b.complaints = append(b.complaints, "request to elsewhere: "+at)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelVerbose || e.Entry.Level == log.EntryLevelInfo {
			return // advice to authors, such as one form for each secret
		}
		b.complaints = append(b.complaints, string(e.Entry.Level)+": "+e.Entry.Text+" "+e.Entry.URL)
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		b.complaints = append(b.complaints, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			var text []string
			for _, a := range e.Args {
				text = append(text, string(a.Value)+a.Description)
			}
			b.complaints = append(b.complaints, "console.error: "+strings.Join(text, " "))
		}
	}
}

// quiet fails the test when the browser complained about something other than the given texts.
func (b *tab) quiet(but ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		if !slices.ContainsFunc(but, func(text string) bool { return strings.Contains(c, text) }) {
			b.t.Errorf("the browser complains: %s", c)
		}
	}
	b.complaints = nil
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.url + path))
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
			b.t.Fatalf("waiting in vain for %s: %v\n%s", expression, err, b.text(`location.href + '\n' + document.body.innerText.slice(0, 1500)`))
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

// awaited is the text that a promise ends with.
func (b *tab) awaited(expression string) string {
	b.t.Helper()
	b.do("window.awaited = undefined; " + expression + ".then((v) => { window.awaited = String(v); }, (e) => { window.awaited = 'failed: ' + e; })")
	b.until("window.awaited !== undefined")
	return b.text("window.awaited")
}

func (b *tab) do(script string) {
	b.t.Helper()
	b.text("(() => {" + script + "})()")
}

// click clicks as a person does, with the mouse.
func (b *tab) click(selector string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := browser.Click(ctx, selector); err != nil {
		b.t.Fatalf("%v\n%s", err, b.text(`location.href + '\n' + document.body.innerText.slice(0, 1500)`))
	}
}

// key presses keys where the focus is.
func (b *tab) key(keys string) {
	b.t.Helper()
	b.run(chromedp.KeyEvent(keys))
}

// fillIn replaces the content of a control.
func (b *tab) fillIn(selector, text string) {
	b.t.Helper()
	b.do(`const e = document.querySelector(` + quote(selector) + `); e.focus(); e.select?.();`)
	if text == "" {
		b.key("\b")
		return
	}
	b.run(call(input.InsertText, input.InsertTextParams{Text: text}))
}

func quote(s string) string { return "`" + strings.ReplaceAll(s, "`", "\\`") + "`" }

// size sets the window, light or dark.
func (b *tab) size(width, height int64, scheme string) {
	b.t.Helper()
	b.run(call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}))
}

// shoot writes a picture to the folder OIBUS_SHOTS, when it is set.
func (b *tab) shoot(name string) {
	b.t.Helper()
	if dir := os.Getenv("OIBUS_SHOTS"); dir != "" {
		b.picture(dir, name)
	}
}

// screenshots is where the pictures of the tour are kept: dist/screenshots, unless OIBUS_SHOTS names another folder.
func screenshots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("OIBUS_SHOTS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "dist", "screenshots")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skipf("no place for pictures: %v", err)
	}
	return dir
}

// picture writes what the tab shows to a file.
func (b *tab) picture(dir, name string) {
	b.t.Helper()
	b.run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		shot, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name+".png"), shot.Data, 0o644)
	}))
}

// resize sets the window and leaves the colours as they are.
func resize(width, height int64) chromedp.Action[chromedp.Void] {
	return call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
}

// cut breaks every connection that is open now.
func (b *tab) cut() { b.server.CloseClientConnections() }
