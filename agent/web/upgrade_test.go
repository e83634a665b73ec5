package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"oibus/agent/entity"
)

type fakeVersions struct {
	mu       sync.Mutex
	received []string
	bytes    int64
	rolled   string
}

func (f *fakeVersions) Status() any { return map[string]any{"version": "3.9.0"} }
func (f *fakeVersions) Receive(_ context.Context, name string, size int64, body io.Reader) error {
	n, err := io.Copy(io.Discard, body)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.received, f.bytes = append(f.received, name), n
	if name == "bad.zip" || size >= 0 && size != n {
		return entity.Invalid("the package is refused: it is cut")
	}
	return nil
}
func (f *fakeVersions) RollBack(login string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rolled = login
	return nil
}

func TestVersionsAreShownReceivedAndRolledBack(t *testing.T) {
	t.Parallel()
	versions := &fakeVersions{}
	s := newSite(t, func(o *Options) { o.Upgrades = versions })
	const long = maxBody + 5<<20 // more than any other body may have
	call := func(method, path string, body io.Reader, login string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.server.URL()+path, body)
		if err != nil {
			t.Fatal(err)
		}
		if login != "" {
			r.SetBasicAuth(login, adminPassword)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	for _, path := range []string{"GET /api/upgrade", "POST /api/upgrade/package?name=a.zip", "POST /api/upgrade/rollback"} {
		method, path, _ := strings.Cut(path, " ")
		if status, _ := call(method, path, nil, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without a password: %d", path, status)
		}
	}
	if status, text := call("GET", "/api/upgrade", nil, adminLogin); status != 200 || text != `{"version":"3.9.0"}` {
		t.Errorf("%d %s", status, text)
	}
	if status, text := call("POST", "/api/upgrade/package?name=oibus.zip", bytes.NewReader(make([]byte, long)), adminLogin); status != 204 || versions.bytes != long {
		t.Errorf("%d %s, %d bytes", status, text, versions.bytes)
	}
	if status, text := call("POST", "/api/upgrade/package?name=bad.zip", strings.NewReader("x"), adminLogin); status != 400 || !strings.Contains(text, "it is cut") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := call("POST", "/api/upgrade/rollback", nil, adminLogin); status != 204 || versions.rolled != adminLogin {
		t.Errorf("%d, %q", status, versions.rolled)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.server.URL()+"/api/upgrade/rollback", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(adminLogin, adminPassword)
	r.Header.Set("Origin", "https://evil.example")
	if answer, err := http.DefaultClient.Do(r); err != nil || answer.StatusCode != http.StatusForbidden {
		t.Errorf("a page of another site: %v, %v", answer, err)
	}
}
