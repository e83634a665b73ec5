package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// site has a button that slides in, one that a cover lies on until some time after the first click, one without a size, one under a cover for ever,
// one far below, and two that go aside the first time the mouse comes over them, or presses them.
const site = `<!doctype html><style>
	button { position: absolute; top: 20px; width: 90px; height: 30px } .cover { position: absolute; background: red }
	#late { left: 300px; transition: left 300ms } #late.there { left: 20px } #covered { left: 150px } #never { left: 500px } #none { display: none }
	.shy { top: 120px } .shy.aside { left: 400px }
</style>
<button id=late>late</button><button id=covered>covered</button><button id=never>never</button><button id=none>none</button>
<button id=shy class=shy>shy</button><button id=shyer class=shy style="top: 180px">shyer</button>
<button id=far style="top: 5000px">far</button>
<div class=cover id=lid style="left: 140px; top: 0; width: 120px; height: 60px"></div><div class=cover style="left: 490px; top: 0; width: 120px; height: 60px"></div>
<script>
	window.clicked = [];
	document.addEventListener('click', e => clicked.push(e.target.id));
	late.addEventListener('click', () => setTimeout(() => lid.remove(), 300));
	shy.addEventListener('mousemove', () => shy.classList.add('aside'));
	shyer.addEventListener('mousedown', () => shyer.classList.add('aside'));
	late.getBoundingClientRect();
	late.className = 'there';
</script>`

func TestAClickHitsWhatIsThereAndNothingElse(t *testing.T) {
	t.Parallel()
	if Path() == "" {
		t.Skip("no chromium on this machine")
	}
	tab, stop, err := Start("lang=en")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(site))
	}))
	defer server.Close()
	patient, cancel := context.WithTimeout(tab, 2*time.Minute)
	defer cancel()
	if err := chromedp.Do(patient, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	for _, selector := range []string{"#late", "#covered", "#shy", "#shyer", "#far"} {
		if err := Click(patient, selector); err != nil {
			t.Error(err)
		}
	}
	for _, selector := range []string{"#never", "#none", "#absent"} {
		short, cancel := context.WithTimeout(tab, time.Second)
		if err := Click(short, selector); err == nil || !strings.Contains(err.Error(), selector) {
			t.Errorf("%s: %v", selector, err)
		}
		cancel()
	}
	if got, err := chromedp.Run(patient, chromedp.Evaluate[string]("clicked.join(' ')")); err != nil || got != "late covered shy shyer far" {
		t.Errorf("clicked on %q, %v", got, err)
	}
}
