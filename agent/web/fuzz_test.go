package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"oibus/agent/entity"
	"oibus/testing/contract"
)

// stillSettings are those of a site without anything: what gets through to them is told that it is invalid.
type stillSettings struct{ Settings }

func (stillSettings) Engine() (e entity.Engine) { return e }

func (stillSettings) User(string) (entity.User, error) {
	return entity.User{Audit: entity.Audit{ID: "u1"}, Login: "ops"}, nil
}

func (stillSettings) Authenticate(string, string) (entity.User, error) {
	return stillSettings{}.User("u1")
}

func (stillSettings) Users() []entity.User               { return nil }
func (stillSettings) ScanModes() []entity.ScanMode       { return nil }
func (stillSettings) IPFilters() []entity.IPFilter       { return nil }
func (stillSettings) Certificates() []entity.Certificate { return nil }

func refused(json.RawMessage) error { return entity.Invalid("refused") }

func (stillSettings) UpdateGeneral(_ string, b json.RawMessage) error    { return refused(b) }
func (stillSettings) UpdateWebServer(_ string, b json.RawMessage) error  { return refused(b) }
func (stillSettings) UpdateProxy(_ string, b json.RawMessage) error      { return refused(b) }
func (stillSettings) UpdateLogger(_ string, b json.RawMessage) error     { return refused(b) }
func (stillSettings) UpdateEngine(_ string, b json.RawMessage) error     { return refused(b) }
func (stillSettings) UpdateEngineFlat(_ string, b json.RawMessage) error { return refused(b) }
func (stillSettings) CreateUser(_ string, b json.RawMessage) (entity.User, error) {
	return entity.User{}, refused(b)
}

func FuzzRequestsAreAnsweredWithoutPanicOrServerError(f *testing.F) {
	s := makeServer(f, plain(stillSettings{}))
	for _, c := range contract.General {
		method, path, _ := strings.Cut(c.Operation, " ")
		f.Add(method, path, c.Body)
	}
	f.Add("GET", "/api/users?page=1e9&login=%zz", "")
	f.Add("GET", "/api/logs?start=x", "")
	f.Fuzz(func(t *testing.T, method, target, body string) {
		path, _, _ := strings.Cut(target, "?")
		known := path == "/api/users" || strings.HasPrefix(path, "/api/engine") && path != "/api/engine/info" && path != "/api/engine/restart" || path == "/api/scan-modes/verify"
		r, err := http.NewRequest(method, "http://localhost", strings.NewReader(body))
		if err != nil || !known {
			return // not HTTP, or of a part that is not there
		}
		if r.URL, err = r.URL.Parse(target); err != nil || r.URL.Host != "localhost" {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		r.SetBasicAuth("ops", "right")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
		}
		if w.Code >= 400 && !json.Valid(w.Body.Bytes()) && w.Code != http.StatusUnauthorized {
			t.Fatalf("%s %s %q: %d with %q", method, target, body, w.Code, w.Body)
		}
	})
}

func FuzzOnlyOurOwnNamesAreAnswered(f *testing.F) {
	list := newHostList("127.0.0.1", []string{"gateway"})
	f.Add("localhost")
	f.Add("[::1]:1")
	f.Add("gateway:80")
	f.Add("a@localhost")
	f.Fuzz(func(t *testing.T, host string) {
		if host == "" || !list.allows(host) {
			return
		}
		u, err := url.Parse("http://" + host) // what a browser would have asked for
		if err != nil || u.Host != host {
			return
		}
		name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
		ip, err := netip.ParseAddr(name)
		if !list.names[name] && (err != nil || !ip.Unmap().IsLoopback()) {
			t.Fatalf("%q is answered, it is the host %q", host, name)
		}
	})
}
