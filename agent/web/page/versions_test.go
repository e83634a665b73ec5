package page

import (
	"net/http"
	"strings"
	"testing"

	"oibus/agent/web/access"
)

// versions is the state of an agent with a launcher, as GET /api/upgrade answers.
func versions() map[string]any {
	return map[string]any{
		"managed": true, "version": "3.9.0", "launcherVersion": "3.9.0", "phase": "idle", "target": "", "source": "", "previous": "3.8.8",
		"folder": "/var/lib/oibus/update", "problem": "",
		"packages": []any{
			map[string]any{"name": "oibus-linux_x64-v3.9.1.zip", "bytes": 21_000_000, "at": "2026-03-04T08:15:30.000Z", "reason": ""},
			map[string]any{"name": "oibus-win_x64-v3.9.1.zip", "bytes": 22_000_000, "at": "2026-03-04T08:15:30.000Z", "reason": "it is for windows x64, this machine is linux x64"},
		},
		"bad": []any{map[string]any{"version": "3.8.9", "reason": "the agent ended: exit status 1", "at": "2026-03-03T08:15:30.000Z"}},
		"last": map[string]any{"version": "3.9.0", "source": "request", "outcome": "committed", "reason": "", "previous": "3.8.8",
			"warnings": []any{"nothing proves who made it: it is not signed"}, "at": "2026-03-04T07:15:30.000Z"},
		"progress": nil,
	}
}

// receives lets the backend take packages and wishes to go back.
func (b *backend) receives() {
	b.mux.HandleFunc("POST /api/upgrade/", guard(access.API, func(w http.ResponseWriter, r *http.Request) {
		b.change(func() { b.requests = append(b.requests, r.Method+" "+r.URL.RequestURI()) })
		if strings.Contains(r.URL.RawQuery, "bad") {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"message":"the package is refused: its end is missing"}`))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
}

func TestVersionsAreShownAndTheWayBackIsExplainedBeforeItIsTaken(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.receives()
	back.overview.Upgrade = versions()
	b := newTab(t, back)
	for _, w := range windows {
		b.size(w.width, w.height, w.scheme)
		b.open("/versions")
		b.until(`document.querySelector('[data-version=running]').textContent === '3.9.0' && document.querySelectorAll('#package-rows tr').length === 2`)
		b.fits(w.width)
		b.whole(w.width, w.height)
		b.shoot("versions-" + w.name)
	}
	for selector, want := range map[string]string{
		"[data-version=previous]": "3.8.8", "[data-version=phase]": "No upgrade", "#bad-rows": "exit status 1", "#package-rows": "Rejected: it is for windows",
		"[data-version=outcome]": "Installed", "#rollback": "Go back to version 3.8.8",
	} {
		if got := b.text("document.querySelector(" + quote(selector) + ").textContent"); !strings.Contains(got, want) {
			t.Errorf("%s shows %q", selector, got)
		}
	}
	b.click("#rollback")
	b.until(`document.querySelector('#confirm-text').textContent.includes('starts version 3.8.8 on trial')`)
	if n, _ := back.asked("POST /api/upgrade/rollback"); n > 0 {
		t.Error("it goes back before the person has said yes")
	}
	b.click("#confirm-yes")
	b.toast("goes back to version 3.8.8")
	if n, _ := back.asked("POST /api/upgrade/rollback"); n != 1 {
		t.Errorf("%d requests", n)
	}

	back.change(func() {
		v := versions()
		v["phase"], v["target"], v["source"] = "on-trial", "3.9.1", "request"
		v["progress"] = map[string]any{"commandId": "c", "version": "3.9.1", "text": "Downloading version 3.9.1: 40 %", "bytes": 40, "size": 100, "bytesPerSecond": 5, "error": ""}
		back.overview.Upgrade = v
	})
	b.until(`!document.querySelector('#progress').hidden && document.querySelector('[data-version=progress-meter]').getAttribute('aria-valuenow') === '40'`)
	if got := b.text(`document.querySelector('#rollback').disabled && document.querySelector('#send').disabled`); got != "true" {
		t.Error("during an upgrade another one can be begun")
	}
	b.quiet()
}

func TestAPackageIsUploadedAndARefusalIsShown(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.receives()
	back.overview.Upgrade = versions()
	b := newTab(t, back)
	b.open("/versions")
	b.until(`!document.querySelector('#send').disabled`)
	for _, name := range []string{"oibus.zip", "bad.zip"} {
		b.until(`!document.querySelector('#send').disabled`)
		b.do(`const files = new DataTransfer(); files.items.add(new File(['PK'], '` + name + `')); document.querySelector('#package').files = files.files;`)
		b.click("#send")
		b.until(`document.querySelector('#confirm').open && document.querySelector('#confirm-title').textContent.includes('` + name + `')`)
		b.click("#confirm-yes")
		if name == "bad.zip" {
			b.toast("its end is missing")
			continue
		}
		b.until(`document.querySelector('#upload-state').textContent.includes('The package is good')`)
	}
	if n, last := back.asked("POST /api/upgrade/package?name="); n != 2 || !strings.HasSuffix(last, "bad.zip") {
		t.Errorf("%d uploads, the last one %s", n, last)
	}
}

func TestWithoutALauncherThePageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	back := newBackend(t)
	back.overview.Upgrade = map[string]any{"managed": false, "version": "3.9.0", "packages": []any{}, "bad": []any{}, "phase": "", "previous": ""}
	b := newTab(t, back)
	b.open("/versions")
	b.until(`!document.querySelector('#unmanaged').hidden && document.querySelector('#send').disabled && document.querySelector('#rollback').disabled`)
	b.quiet()
}
