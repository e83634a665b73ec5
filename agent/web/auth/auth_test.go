package auth

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/agent/web/access"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// people are users whose password hash is their password.
type people struct {
	mu      sync.Mutex
	byID    map[string]entity.User
	checked int
}

func (p *people) User(id string) (entity.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u, ok := p.byID[id]; ok {
		return u, nil
	}
	return entity.User{}, entity.NotFound("User %q not found", id)
}

func (p *people) Authenticate(login, password string) (entity.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checked++
	for _, u := range p.byID {
		if u.Login == login && u.PasswordHash == password {
			return u, nil
		}
	}
	return entity.User{}, errors.New("no")
}

func (p *people) set(u entity.User) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[u.ID] = u
}

func user(id, login, password string) entity.User {
	return entity.User{Audit: entity.Audit{ID: id}, Login: login, PasswordHash: password}
}

// memory is a SessionStore.
type memory struct {
	kept []Session
	fail error
}

func (m *memory) LoadSessions() ([]Session, error) { return m.kept, m.fail }
func (m *memory) SaveSessions(all []Session) error { m.kept = all; return m.fail }

type fixture struct {
	*Gate
	people *people
	store  *memory
	now    time.Time
}

func newFixture(store *memory) *fixture {
	f := &fixture{people: &people{byID: map[string]entity.User{"u1": user("u1", "ops", "right")}}, store: store, now: time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)}
	f.Gate = f.open()
	return f
}

// open makes a Gate on the same users and store, as after a restart.
func (f *fixture) open() *Gate {
	return New(Options{Users: f.people, Sessions: f.store, Cookie: "c", Log: slog.New(slog.DiscardHandler),
		Lifetime: func() time.Duration { return time.Hour }, Now: func() time.Time { return f.now },
		Signer: func(context.Context) (crypto.Signer, error) { return testKey(), nil }})
}

func from(addr string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = addr
	return r
}

func basic(login, password string) *http.Request {
	r := from("192.0.2.1:1000")
	r.SetBasicAuth(login, password)
	return r
}

// signIn returns a request with the cookie of a new session.
func (f *fixture) signIn(t *testing.T, g *Gate) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	if err := g.SignIn(w, from("192.0.2.1:1000"), "ops", "right"); err != nil {
		t.Fatal(err)
	}
	r := from("192.0.2.1:1000")
	r.AddCookie(w.Result().Cookies()[0])
	return r
}

func TestASessionSurvivesARestartAndItsFileHoldsNoCookie(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	r := f.signIn(t, f.Gate)
	cookie, _ := r.Cookie("c")
	if len(f.store.kept) != 1 || f.store.kept[0].Hash == cookie.Value {
		t.Errorf("kept %+v for cookie %s", f.store.kept, cookie.Value)
	}
	caller, err := f.open().Identify(r, false)
	if err != nil || caller.UserID != "u1" || caller.Means != access.Cookie || !caller.Valid() {
		t.Errorf("after a restart: %+v, %v", caller, err)
	}
}

func TestASessionEnds(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(f *fixture, r *http.Request){
		"by expiry":                 func(f *fixture, _ *http.Request) { f.now = f.now.Add(time.Hour) },
		"by a clock set back":       func(f *fixture, _ *http.Request) { f.now = f.now.Add(-2 * time.Hour) },
		"with the password":         func(f *fixture, _ *http.Request) { f.people.set(user("u1", "ops", "new")) },
		"with the user":             func(f *fixture, _ *http.Request) { delete(f.people.byID, "u1") },
		"by signing out":            func(f *fixture, r *http.Request) { f.SignOut(httptest.NewRecorder(), r) },
		"by signing in once more":   func(f *fixture, r *http.Request) { f.Gate.SignIn(httptest.NewRecorder(), r, "ops", "right") },
		"when the cookie is forged": func(_ *fixture, r *http.Request) { r.Header.Set("Cookie", "c=forged") },
	} {
		f := newFixture(&memory{})
		r := f.signIn(t, f.Gate)
		caller, err := f.Identify(r, false)
		if err != nil || !caller.Valid() {
			t.Fatalf("%s: not even signed in: %v", what, err)
		}
		end(f, r)
		if _, err := f.Identify(r, false); !errors.Is(err, ErrNone) {
			t.Errorf("%s: still signed in, %v", what, err)
		}
		if what != "when the cookie is forged" && caller.Valid() {
			t.Errorf("%s: a stream would go on", what)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	first := f.signIn(t, f.Gate)
	for range maxSessions {
		f.now = f.now.Add(time.Second)
		f.signIn(t, f.Gate)
	}
	if n := len(f.store.kept); n != maxSessions {
		t.Errorf("%d sessions", n)
	}
	if _, err := f.Identify(first, false); !errors.Is(err, ErrNone) {
		t.Error("the oldest session should have ended")
	}
}

func TestSessionsThatCannotBeKeptStillWork(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{fail: errors.New("disk full")})
	if _, err := f.Identify(f.signIn(t, f.Gate), false); err != nil {
		t.Error(err)
	}
}

func TestRightBasicCredentialsAreCheckedOnceAMinute(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	for range 10 {
		if _, err := f.Identify(basic("ops", "right"), false); err != nil {
			t.Fatal(err)
		}
	}
	if f.people.checked != 1 {
		t.Errorf("checked %d times", f.people.checked)
	}
	f.now = f.now.Add(rightLifetime)
	if _, err := f.Identify(basic("ops", "right"), false); err != nil || f.people.checked != 2 {
		t.Errorf("a minute later: %v, checked %d times", err, f.people.checked)
	}
	f.people.set(user("u1", "ops", "new"))
	if _, err := f.Identify(basic("ops", "right"), false); !errors.Is(err, access.ErrCredentials) {
		t.Errorf("after a change of password: %v", err)
	}
}

func TestAScriptWithAnOldPasswordDoesNotLockItsAddressOut(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	for range 600 { // ten minutes, every second
		f.now = f.now.Add(time.Second)
		if _, err := f.Identify(basic("ops", "old"), false); !errors.Is(err, access.ErrCredentials) {
			t.Fatalf("got %v", err)
		}
	}
	if _, err := f.Verify(from("192.0.2.1:2000"), "ops", "right"); err != nil {
		t.Errorf("a person at the same address: %v", err)
	}
}

func TestBasicMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := newBasicCache(time.Now)
	for i := range 3 * maxBasic {
		c.wrong("ops", string(rune(i)))
	}
	if len(c.seen) > maxBasic {
		t.Errorf("%d credentials are remembered", len(c.seen))
	}
}

func TestGuessingFromOneAddressIsSlowedDownForThatAddressOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	try := func(addr, password string) error {
		_, err := f.Verify(from(addr), "ops", password)
		return err
	}
	for range tries {
		if err := try("192.0.2.1:1", "guess"); !errors.Is(err, access.ErrCredentials) {
			t.Fatal(err)
		}
	}
	var limited *access.LimitedError
	if err := try("192.0.2.1:2", "right"); !errors.As(err, &limited) || limited.Seconds() != 12 {
		t.Errorf("one guess too many: %v", err)
	}
	if err := try("192.0.2.2:1", "right"); err != nil {
		t.Errorf("another address: %v", err)
	}
	f.now = f.now.Add(tryEvery)
	if err := try("192.0.2.1:3", "right"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

func TestGuessingFromManyAddressesIsSlowedDownButNotOnTheMachine(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	limited := 0
	for i := range 200 {
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i % 250)}), 1000)
		var e *access.LimitedError
		if _, err := f.Verify(from(addr.String()), "ops", "guess"); errors.As(err, &e) {
			limited++
		}
	}
	if limited != 200-commonTries {
		t.Errorf("%d of 200 were refused", limited)
	}
	if _, err := f.Verify(from("127.0.0.1:1"), "ops", "right"); err != nil {
		t.Errorf("the person at the machine: %v", err)
	}
}

func TestOneSubscriberIsOneAddress(t *testing.T) {
	t.Parallel()
	l := newLimiter(time.Now)
	for i := range tries {
		if _, err := l.take(netip.MustParseAddr("2001:db8::" + string(rune('1'+i%9)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.take(netip.MustParseAddr("2001:db8::ffff")); err == nil {
		t.Error("another address of the same /64 has tries of its own")
	}
	if _, err := l.take(netip.MustParseAddr("2001:db8:1::1")); err != nil {
		t.Errorf("another /64: %v", err)
	}
}

func TestAddressesAreForgottenNotGathered(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLimiter(func() time.Time { now = now.Add(time.Second); return now })
	for i := range maxAddresses + 500 {
		l.take(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}))
	}
	if len(l.by) > maxAddresses {
		t.Errorf("%d addresses are remembered", len(l.by))
	}
}

func TestWhoGoesAwayWhileOthersAreCheckedCostsNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(&memory{})
	for range maxChecking {
		f.checking <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * tries {
		if _, err := f.Verify(from("192.0.2.1:1").WithContext(ctx), "ops", "guess"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}

func TestATokenNeedsTheKey(t *testing.T) {
	t.Parallel()
	missing := errors.New("the key is being made")
	f := newFixture(&memory{})
	f.tokens.signer = func(context.Context) (crypto.Signer, error) { return nil, missing }
	if _, err := f.Token(t.Context(), f.people.byID["u1"]); !errors.Is(err, missing) {
		t.Errorf("make: %v", err)
	}
	r := from("192.0.2.1:1")
	r.Header.Set("Authorization", "Bearer x.y.z")
	if _, err := f.Identify(r, false); !errors.Is(err, missing) {
		t.Errorf("check: %v", err)
	}
}

func TestTheClientAddressIsPlain(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{"192.0.2.1:99": "192.0.2.1", "[::ffff:192.0.2.1]:99": "192.0.2.1", "[fe80::1%eth0]:99": "fe80::1", "nonsense": "invalid IP"} {
		if got := ClientAddr(from(remote)).String(); got != want {
			t.Errorf("%s: got %s", remote, got)
		}
	}
}

func FuzzNoHeaderLetsAStrangerIn(f *testing.F) {
	fix := newFixture(&memory{})
	f.Add("Basic b3BzOm5v", "c=x")
	f.Add("Bearer e30.e30.e30", "")
	f.Add("Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJvaWJ1cyIsInN1YiI6InUxIiwiZXhwIjo5OTk5OTk5OTk5fQ.", "c=")
	f.Fuzz(func(t *testing.T, authorization, cookie string) {
		r := from("192.0.2.1:1")
		r.Header.Set("Authorization", authorization)
		r.Header.Set("Cookie", cookie)
		if login, password, _ := r.BasicAuth(); login == "ops" && password == "right" {
			return
		}
		if caller, err := fix.Identify(r, true); err == nil {
			t.Fatalf("%q and %q let %+v in", authorization, cookie, caller)
		}
	})
}
