package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// pace is how often it is looked whether an element rests, and whether a click was received.
const pace = 20 * time.Millisecond

// resting is where the middle of an element is, once it is where it was the last time this was asked, and nothing lies on it.
// From then on a press or a release that something else would receive is kept from the page: the element moved away under the mouse.
const resting = `(() => {
	const e = document.querySelector(%s);
	if (!e) return '';
	e.scrollIntoView({ block: 'nearest', behavior: 'instant' });
	const r = e.getBoundingClientRect();
	const at = [r.x + r.width / 2, r.y + r.height / 2];
	const hit = document.elementFromPoint(...at);
	const own = (n) => e.contains(n) || !!e.closest('label')?.contains(n);
	const rests = String(window.restsAt) === String(at) && !!hit && (own(hit) || hit.contains(e));
	window.restsAt = at;
	if (!rests || !r.width) return '';
	window.guard?.abort();
	const guard = window.guard = new AbortController();
	guard.missed = false;
	for (const kind of ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click']) {
		addEventListener(kind, (event) => {
			if (event.target !== hit && !own(event.target) && e.isConnected) {
				guard.missed = true;
				event.preventDefault();
				event.stopImmediatePropagation();
			}
			if (kind === 'click') guard.abort();
		}, { capture: true, signal: guard.signal });
	}
	return at.join(' ');
})()`

// missed tells whether something else received a part of the click, and ends the guard. After the page went elsewhere, nothing is missed.
const missed = `(() => { window.guard?.abort(); return !!window.guard?.missed; })()`

// Click waits for the first element that a selector finds, until ctx is done, and clicks on its middle.
func Click(ctx context.Context, selector string) error {
	quoted, err := json.Marshal(selector)
	if err != nil {
		return err
	}
	script := strings.ReplaceAll(resting, "%s", string(quoted))
	for {
		at, err := until(ctx, script, func(at string) bool { return at != "" })
		if err != nil {
			return fmt.Errorf("nobody can click on %s: %w", selector, err)
		}
		var x, y float64
		if _, err := fmt.Sscanf(at, "%g %g", &x, &y); err != nil {
			return fmt.Errorf("where %s is: %w", selector, err)
		}
		for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
			if _, err := chromedp.Run(ctx, chromedp.MouseEvent(kind, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1))); err != nil {
				return fmt.Errorf("cannot click on %s: %w", selector, err)
			}
		}
		again, err := until(ctx, missed, func(bool) bool { return true })
		if err != nil {
			return fmt.Errorf("what the click on %s did: %w", selector, err)
		}
		if !again {
			return nil
		}
	}
}

// until asks the page until it gives what is good. A page that goes elsewhere meanwhile is asked again, once it is there.
func until[T any](ctx context.Context, script string, good func(T) bool) (T, error) {
	look := time.NewTicker(pace)
	defer look.Stop()
	for {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
		if err == nil && good(got) {
			return got, nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return got, err
		}
	}
}
