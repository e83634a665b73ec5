package page

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"oibus/testing/harness"
)

// axeSource is axe-core, which looks for what keeps people from using a page; "" where it is not there.
var axeSource = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join(root, "dist", "peers", "node_modules", "axe-core", "axe.min.js"))
	if os.IsNotExist(err) {
		return "", nil
	}
	return string(source), err
})

// severe lists what axe-core finds that is serious or critical.
const severe = `(async () => {
	const found = await axe.run(document, { resultTypes: ['violations'], runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } });
	return found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id + ': ' + v.help + '\n' + v.nodes.slice(0, 4).map((n) => '    ' + n.target.join(' ') + ' ' + n.failureSummary.split('\n').slice(1).join('; ')).join('\n')).join('\n');
})()`

// accessible fails the test when axe-core finds something serious on the page as it is. Without axe-core it says nothing:
// TestAccessibilityIsLookedAt tells.
func (b *tab) accessible() {
	b.t.Helper()
	source, err := axeSource()
	if err != nil {
		b.t.Fatal(err)
	}
	if source == "" {
		return
	}
	b.text("(() => { if (!window.axe) { " + source + " } return '' })()")
	if found := b.awaited(severe); found != "" {
		b.t.Errorf("axe-core finds\n%s", found)
	}
}

func TestAccessibilityIsLookedAt(t *testing.T) {
	t.Parallel()
	harness.FindModule(t, "axe-core")
	b := newTab(t, newBackend(t))
	b.open("/about")
	b.do(`const image = document.createElement('img'); image.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw='; document.querySelector('main').append(image)`)
	source, err := axeSource()
	if err != nil {
		t.Fatal(err)
	}
	b.text("(() => { if (!window.axe) { " + source + " } return '' })()")
	if found := b.awaited(severe); found == "" {
		t.Error("axe-core finds nothing wrong with an image without a text")
	}
}
