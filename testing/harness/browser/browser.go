// Package browser starts a Chromium for tests, and clicks in it as a person does: on what is visible, rests, and is not covered.
// It guards against tests that click where something was a moment ago, or on what no person could reach.
package browser

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// Path is that of a Chromium of this machine, "" when there is none.
var Path = sync.OnceValue(func() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
})

// Start starts a browser, with further flags such as name=value, and returns its first tab. stop ends it and removes what it wrote.
func Start(flags ...string) (tab context.Context, stop func(), err error) {
	dir, err := os.MkdirTemp("", "oibus-browser-")
	if err != nil {
		return nil, nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(Path()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(dir), chromedp.WindowSize(1280, 900), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	for _, f := range flags {
		name, value, _ := strings.Cut(f, "=")
		options = append(options, chromedp.Flag(name, value))
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	tab, cancel := chromedp.NewContext(allocator)
	stop = func() {
		cancel()
		end()
		_ = os.RemoveAll(dir) // what the browser still holds is in the temporary folder
	}
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		stop()
		return nil, nil, err
	}
	return tab, stop, nil
}
