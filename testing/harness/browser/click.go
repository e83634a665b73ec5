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

// pace is how often it is looked whether an element rests.
const pace = 20 * time.Millisecond

// resting is where the middle of an element is, once it is where it was the last time this was asked, and nothing lies on it.
const resting = `(() => {
	const e = document.querySelector(%s);
	if (!e) return '';
	e.scrollIntoView({ block: 'nearest', behavior: 'instant' });
	const r = e.getBoundingClientRect();
	const at = [r.x + r.width / 2, r.y + r.height / 2];
	const hit = document.elementFromPoint(...at);
	const rests = String(window.restsAt) === String(at) && !!hit && (e.contains(hit) || hit.contains(e) || !!e.closest('label')?.contains(hit));
	window.restsAt = at;
	return rests && r.width > 0 ? at.join(' ') : '';
})()`

// Click waits for the first element that a selector finds, until ctx is done, and clicks on its middle.
func Click(ctx context.Context, selector string) error {
	quoted, err := json.Marshal(selector)
	if err != nil {
		return err
	}
	script := strings.ReplaceAll(resting, "%s", string(quoted))
	var x, y float64
	look := time.NewTicker(pace)
	defer look.Stop()
	for {
		at, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
		if err == nil && at != "" {
			if _, err := fmt.Sscanf(at, "%g %g", &x, &y); err != nil {
				return fmt.Errorf("where %s is: %w", selector, err)
			}
			break
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("nobody can click on %s: %w", selector, ctx.Err())
		}
	}
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		if _, err := chromedp.Run(ctx, chromedp.MouseEvent(kind, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1))); err != nil {
			return fmt.Errorf("cannot click on %s: %w", selector, err)
		}
	}
	return nil
}
