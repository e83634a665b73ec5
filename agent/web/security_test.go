package web

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"oibus/agent/web/access"
)

func TestCredentialsAreAnsweredAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	const unauthorized = `{"error":"Unauthorized","status":401}`
	const invalidToken = `{"error":"Invalid token","status":403}`
	const wrong = `{"error":"Invalid credentials","status":403}`

	s.do(call{method: "GET", path: "/api/status"}).want(t, "public status", 204, "")
	s.do(call{method: "GET", path: "/api/engine/status"}).want(t, "public engine status", 204, "")
	s.do(call{method: "GET", path: "/api/engine"}).want(t, "no credentials", 401, unauthorized)
	s.do(call{method: "GET", path: "/api/nothing"}).want(t, "no credentials, unknown path", 401, unauthorized)
	s.do(call{method: "GET", path: "/api/engine", login: adminLogin, password: "no"}).want(t, "wrong password", 401, unauthorized)
	s.do(call{method: "GET", path: "/api/engine", header: map[string]string{"Authorization": "Bearer x.y.z"}}).want(t, "forged token", 403, invalidToken)
	s.do(call{method: "GET", path: "/api/engine", header: map[string]string{"Authorization": "Negotiate abc"}}).want(t, "other scheme", 401, unauthorized)
	for _, method := range []string{"GET", "POST"} {
		r := s.do(call{method: method, path: "/api/users/authentication", login: adminLogin, password: "no"})
		r.want(t, method+" authentication with a wrong password", 403, wrong)
		if r.header.Get("WWW-Authenticate") != "" {
			t.Error("a failed authentication must not ask for a password")
		}
	}
	s.do(call{method: "POST", path: "/api/users/authentication"}).want(t, "authentication without credentials", 403, wrong)
	if r := s.do(call{method: "GET", path: "/api/engine", header: map[string]string{"Authorization": "bearer " + s.token()}}); r.status != 200 {
		t.Errorf("with a token: %d %s", r.status, r.body)
	}
}

func TestOnlyClientsThatDidNotAskForJSONAreAskedForAPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, c := range []struct {
		what   string
		path   string
		header map[string]string
		want   string
	}{
		{"a script", "/api/engine", nil, `Basic realm="Secure Area"`},
		{"a person who typed the address", "/api/engine", map[string]string{"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}, `Basic realm="Secure Area"`},
		{"a front end", "/api/engine", map[string]string{"Accept": "application/json, text/plain, */*"}, ""},
		{"a script of a page", "/api/engine", map[string]string{"Accept": "*/*", "Sec-Fetch-Mode": "cors"}, ""},
		{"an event source", "/sse/engine", map[string]string{"Accept": "text/event-stream"}, ""},
	} {
		r := s.do(call{method: "GET", path: c.path, header: c.header})
		if got := r.header.Get("WWW-Authenticate"); r.status != 401 || got != c.want {
			t.Errorf("%s: got %d with WWW-Authenticate %q", c.what, r.status, got)
		}
	}
}

func TestATokenHasTheFormOfTheReferenceAndNoSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	var claims jwt.MapClaims
	parsed, _, err := jwt.NewParser().ParseUnverified(s.token(), &claims)
	if err != nil {
		t.Fatal(err)
	}
	issued, _ := claims.GetIssuedAt()
	expires, _ := claims.GetExpirationTime()
	if parsed.Method.Alg() != "RS256" || claims["iss"] != "oibus" || expires.Sub(issued.Time) != 7*24*time.Hour {
		t.Errorf("token %v with %v", parsed.Header, claims)
	}
	if text, _ := json.Marshal(claims); strings.Contains(string(text), "argon2") {
		t.Errorf("the token carries the password hash: %s", text)
	}
}

func TestTokensThatWereNotMadeHereAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	good := s.token()
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(good, &claims); err != nil {
		t.Fatal(err)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	symmetric, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("oibus"))
	if err != nil {
		t.Fatal(err)
	}
	other := jwt.MapClaims{"iss": "other", "sub": claims["sub"], "exp": claims["exp"], "passwordMark": claims["passwordMark"]}
	otherIssuer, err := jwt.NewWithClaims(jwt.SigningMethodRS256, other).SignedString(testKey())
	if err != nil {
		t.Fatal(err)
	}
	eternal := jwt.MapClaims{"iss": "oibus", "sub": claims["sub"], "passwordMark": claims["passwordMark"]}
	withoutEnd, err := jwt.NewWithClaims(jwt.SigningMethodRS256, eternal).SignedString(testKey())
	if err != nil {
		t.Fatal(err)
	}
	for what, token := range map[string]string{"unsigned": unsigned, "symmetric": symmetric, "of another issuer": otherIssuer,
		"without an end": withoutEnd, "cut": good[:len(good)-4], "empty": ""} {
		if r := s.do(call{method: "GET", path: "/api/engine", header: map[string]string{"Authorization": "Bearer " + token}}); r.status != 403 {
			t.Errorf("a token that is %s: got %d", what, r.status)
		}
	}
	s.clock.advance(7*24*time.Hour + time.Second)
	if r := s.do(call{method: "GET", path: "/api/engine", header: map[string]string{"Authorization": "Bearer " + good}}); r.status != 403 {
		t.Errorf("an expired token: got %d", r.status)
	}
}

func TestEveryProofDiesWithThePassword(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	token, browser := s.token(), s.browser()
	bearer := map[string]string{"Authorization": "Bearer " + token}
	if r := s.do(call{method: "GET", path: "/api/engine", client: browser}); r.status != 200 {
		t.Fatalf("with a session: %d", r.status)
	}
	if err := s.settings.UpdatePassword("yFHk16", s.admin.ID, "another-pass"); err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]reply{
		"session":                  s.do(call{method: "GET", path: "/api/engine", client: browser}),
		"token":                    s.do(call{method: "GET", path: "/api/engine", header: bearer}),
		"cached Basic credentials": s.as("GET", "/api/engine", ""),
	} {
		if got.status != 401 && got.status != 403 {
			t.Errorf("the %s outlived the password: %d", what, got.status)
		}
	}
	if r := s.do(call{method: "GET", path: "/api/engine", login: adminLogin, password: "another-pass"}); r.status != 200 {
		t.Errorf("the new password: %d %s", r.status, r.body)
	}
}

func TestAPageIsForWhoIsSignedInAndOthersAreSentToSignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	html := map[string]string{"Accept": "text/html,*/*"}
	r := s.do(call{method: "GET", path: "/", header: html})
	if r.status != http.StatusSeeOther || r.header.Get("Location") != "/login" {
		t.Errorf("signed out: %d to %q", r.status, r.header.Get("Location"))
	}
	browser := s.browser()
	s.do(call{method: "GET", path: "/", header: html, client: browser}).want(t, "signed in", 200, "home")
	s.do(call{method: "GET", path: "/login", client: browser}).want(t, "a public page knows the session", 200, "sign in admin")
	s.do(call{method: "POST", path: "/logout", client: browser})
	if r := s.do(call{method: "GET", path: "/", header: html, client: browser}); r.status != http.StatusSeeOther {
		t.Errorf("signed out again: %d", r.status)
	}
}

func TestTheSessionCookieCannotBeReadByScriptsNorSentByOtherSites(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	r := s.do(call{method: "POST", path: "/login", body: "login=" + adminLogin + "&password=" + adminPassword,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
	cookie := r.header.Get("Set-Cookie")
	for _, part := range []string{"oibus-session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=604800"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %q lacks %s", cookie, part)
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Errorf("cookie %q names a domain", cookie)
	}
}

func TestRequestsUnderAForeignNameAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.AllowedHosts = []string{"Gateway.Plant.Example"} })
	for host, want := range map[string]int{
		"localhost": 204, "localhost:2223": 204, "LOCALHOST.": 204, "127.0.0.1:99": 204, "[::1]:2223": 204,
		"gateway.plant.example:2223": 204,
		"evil.example":               421, "evil.example:2223": 421, "localhost.evil.example": 421, "192.0.2.7": 421, "evil.plant.example": 421,
	} {
		if r := s.do(call{method: "GET", path: "/api/status", host: host}); r.status != want {
			t.Errorf("Host %q: got %d, want %d", host, r.status, want)
		}
	}
}

func TestAnAddressCannotBeReboundSoItIsTakenOnAnOpenServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, host string
		want          bool
	}{
		{"0.0.0.0", "192.0.2.7:2223", true}, {"", "[2001:db8::1]", true}, {"192.0.2.7", "192.0.2.7", true}, {"0.0.0.0", "evil.example", false},
		{"127.0.0.1", "192.0.2.7", false}, {"localhost", "192.0.2.7", false}, {"::1", "[::ffff:127.0.0.1]", true},
		{"gateway", "gateway:2223", true}, {"127.0.0.1", "", true}, {"0.0.0.0", "192.0.2.7.evil.example", false},
	} {
		if got := newHostList(c.address, nil).allows(c.host); got != c.want {
			t.Errorf("listening on %q, Host %q: got %v", c.address, c.host, got)
		}
	}
}

func TestPagesOfOtherSitesCannotChangeAnything(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	browser := s.browser()
	foreign := []map[string]string{
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
		{"Origin": "https://evil.example"}, {"Origin": "null"},
	}
	for _, header := range foreign {
		header["Content-Type"] = "text/plain"
		r := s.do(call{method: "PUT", path: "/api/engine/name", body: `{"name":"owned"}`, header: header, client: browser})
		r.want(t, "a foreign page", 403, `{"error":"Cross-origin request refused","status":403}`)
		if r := s.do(call{method: "GET", path: "/api/engine", header: header, client: browser}); r.header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("a foreign page may read an answer")
		}
	}
	own := map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": s.url("")}
	if r := s.do(call{method: "PUT", path: "/api/engine/name", body: `{"name":"Line 4"}`, header: own, client: browser}); r.status != 200 {
		t.Errorf("our own page: %d %s", r.status, r.body)
	}
	if name := s.settings.Engine().Settings.General.Name; name != "Line 4" {
		t.Errorf("the engine is called %q", name)
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, path := range []string{"/api/status", "/login", "/nothing", "/api/engine", "/panic", "/healthz"} {
		r := s.do(call{method: "GET", path: path})
		for name, want := range securityHeaders {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
	policy := securityHeaders["Content-Security-Policy"]
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
}

func TestPasswordsCannotBeGuessedQuickly(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.as("GET", "/api/status", "") // nothing is counted for
	s.as("GET", "/api/engine", "").want(t, "before", 200, s.as("GET", "/api/engine", "").body)
	limited := 0
	for range 20 {
		r := s.do(call{method: "POST", path: "/api/users/authentication", login: adminLogin, password: "guess"})
		if r.status == http.StatusTooManyRequests {
			limited++
			if r.header.Get("Retry-After") == "" {
				t.Error("the caller is not told when to try again")
			}
		}
	}
	if limited != 10 {
		t.Errorf("%d of 20 guesses were refused", limited)
	}
	if r := s.do(call{method: "GET", path: "/api/engine", login: adminLogin, password: "guess"}); r.status != http.StatusTooManyRequests {
		t.Errorf("guessing with Basic: got %d", r.status)
	}
	if r := s.as("GET", "/api/engine", ""); r.status != 200 {
		t.Errorf("a script that was right before is locked out by others: %d", r.status)
	}
	s.clock.advance(13 * time.Second)
	if r := s.do(call{method: "POST", path: "/api/users/authentication", login: adminLogin, password: adminPassword}); r.status != 200 {
		t.Errorf("after the wait: %d %s", r.status, r.body)
	}
}

func TestTheIPFiltersHoldForEveryPathAndAtOnce(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	s := newSite(t, func(o *Options) { o.AllowAddress = func(a netip.Addr) bool { return !closed.Load() } })
	s.do(call{method: "GET", path: "/api/status"}).want(t, "allowed", 204, "")
	closed.Store(true)
	for _, path := range []string{"/api/status", "/api/engine", "/login", "/healthz", "/nothing", "/sse/engine"} {
		s.as("GET", path, "").want(t, path, 401, "Access denied. IP ADDRESS 127.0.0.1 UNAUTHORIZED")
	}
	closed.Store(false)
	s.do(call{method: "GET", path: "/api/status"}).want(t, "allowed again", 204, "")
}

func TestTheAPIHasTheRateLimitOfTheReference(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	r := s.do(call{method: "GET", path: "/api/status"})
	if r.header.Get("RateLimit-Limit") != "5000" || r.header.Get("RateLimit-Remaining") != "4999" || r.header.Get("RateLimit-Policy") != "5000;w=60" || r.header.Get("RateLimit-Reset") != "60" {
		t.Errorf("headers %v", r.header)
	}
	for range rateLimit {
		s.server.rate.count(netip.MustParseAddr("127.0.0.1"))
	}
	r = s.do(call{method: "GET", path: "/api/status"})
	r.want(t, "one too many", 429, `{"error":"Too many requests, please try again later."}`)
	if r.header.Get("Retry-After") == "" {
		t.Error("the caller is not told when to try again")
	}
	s.do(call{method: "GET", path: "/login"}).want(t, "the page", 200, "sign in ")
	s.clock.advance(time.Minute)
	s.do(call{method: "GET", path: "/api/status"}).want(t, "a minute later", 204, "")
}

func TestTheRateLimiterForgetsClients(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newRateLimiter(func() time.Time { return now })
	for i := range 3 * rateClients {
		l.count(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	if len(l.by) > rateClients {
		t.Errorf("%d clients are remembered", len(l.by))
	}
}

func TestAPasswordChangeAsksForThePresentOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	browser := s.browser()
	path := "/api/users/" + s.admin.ID + "/password"
	change := func(method, current string, header map[string]string) reply {
		return s.do(call{method: method, path: path, client: browser, header: header, body: `{"currentPassword":"` + current + `","newPassword":"another-pass"}`})
	}
	change("POST", "", nil).want(t, "empty", 400, `{"message":"\"currentPassword\" is required"}`)
	change("POST", "guess", nil).want(t, "wrong", 400, `{"message":"\"currentPassword\" is not your present password"}`)
	change("PUT", "guess", map[string]string{"Authorization": "Bearer " + s.token()}).want(t, "wrong, with a token", 400, `{"message":"\"currentPassword\" is not your present password"}`)
	if r := s.as("POST", path, `{"newPassword":""}`); r.status != 400 {
		t.Errorf("an empty new password: %d", r.status)
	}
	change("POST", adminPassword, nil).want(t, "right", 204, "")
	s.do(call{method: "PUT", path: path, login: adminLogin, password: "another-pass", body: `{"newPassword":"third-password"}`}).want(t, "Basic is the present password", 204, "")
	if r := s.do(call{method: "GET", path: "/api/engine", login: adminLogin, password: "third-password"}); r.status != 200 {
		t.Errorf("the new password: %d", r.status)
	}
}

func TestTheTableNamesAnAccessLevelForEachOperationAndFewArePublic(t *testing.T) {
	t.Parallel()
	s := makeServer(t, plain(openSettings(t, t.TempDir())))
	seen := map[string]bool{}
	for _, op := range s.table() {
		key := op.method + " " + op.path
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		public := op.path == "/api/status" || op.path == "/api/engine/status" || op.path == "/healthz" || op.path == "/api/users/authentication"
		if (op.level == access.Public) != public {
			t.Errorf("%s has level %v", key, op.level)
		}
		if strings.HasPrefix(op.path, "/sse/") != (op.level == access.Stream) {
			t.Errorf("%s has level %v", key, op.level)
		}
	}
}
