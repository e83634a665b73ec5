package page

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/entity"
	"oibus/agent/web/access"
	"oibus/agent/web/bundle"
)

// backend stands in for the web server and the REST API behind the pages: everything in memory, the answers and error
// bodies of protocol/rest-notes.md, and knobs to break it.
type backend struct {
	mu           sync.Mutex
	site         *Site
	registration entity.Registration
	engine       entity.Engine
	scanModes    []entity.ScanMode
	filters      []entity.IPFilter
	certificates []entity.Certificate
	users        []entity.User
	commands     []map[string]any
	logs         []map[string]any
	overview     Overview
	pins         map[string]string
	passwordFile string
	guideOff     map[string]bool // by user
	signedIn     atomic.Bool
	down         atomic.Bool      // nothing answers
	bundles      atomic.Int32     // connections with streams
	bundled      atomic.Int32     // such connections since the start
	client       string           // address the browser is said to come from
	written      []map[string]any // entries since the start, for those who follow the log
	writing      chan struct{}    // closed at the next one
	requests     []string         // what the API was asked for, with bodies
	mux          *http.ServeMux
}

const cookieName = "oibus-session"

func newBackend(t testing.TB) *backend {
	t.Helper()
	b := &backend{writing: make(chan struct{}), pins: map[string]string{}, engine: entity.Engine{Settings: entity.DefaultEngineSettings()}}
	b.signedIn.Store(true)
	b.fill(t)
	b.site = New(Options{
		Session:  b,
		User:     b.user,
		Overview: b.state,
		Certificate: func(id string) (entity.Certificate, error) {
			for _, c := range b.certificates {
				if c.ID == id {
					return c, nil
				}
			}
			return entity.Certificate{}, entity.NotFound("Certificate %q not found", id)
		},
		Pinned:            func(path string) (string, bool) { f, ok := b.pins[path]; return f, ok },
		PinnedKey:         strings.NewReplacer("webServer.", "web.", "logger.", "log.", "registration.", "oianalytics.").Replace,
		FirstPasswordFile: func() string { return b.passwordFile },
		GuideOff: func(user string) bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.guideOff[user]
		},
		TurnGuideOff: func(user string) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.guideOff = map[string]bool{user: true}
			return nil
		},
	})
	b.mux = b.routes()
	return b
}

func (b *backend) user(id string) (entity.User, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range b.users {
		if u.ID == id {
			return u, nil
		}
	}
	return entity.User{}, entity.NotFound("User %q not found", id)
}

func (b *backend) state() Overview {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.overview
	o.Info.Name = b.engine.Settings.General.Name
	r := b.registration
	o.Registration = Registration{Status: r.Status, Host: r.Host, ActivationCode: text(r.ActivationCode), ExpiresAt: text(r.ActivationExpirationDate), ActivatedAt: text(r.ActivationDate)}
	now := time.Now()
	wave := math.Sin(float64(now.UnixMilli())/2500) + math.Sin(float64(now.UnixMilli())/900)
	o.Resources.CPU = 0.021 + 0.006*wave
	o.Resources.Memory = uint64(31<<20 + 900_000*wave)
	for _, c := range b.commands {
		switch c["status"] {
		case "RETRIEVED":
			o.Commands.Waiting++
		case "RUNNING":
			o.Commands.Running++
			o.Commands.Current, _ = c["type"].(string)
		case "COMPLETED":
			o.Commands.Completed++
		case "ERRORED":
			o.Commands.Errored++
		}
	}
	return o
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func (b *backend) SignIn(w http.ResponseWriter, _ *http.Request, login, password string) error {
	switch {
	case login == "many":
		return &access.LimitedError{RetryAfter: 30 * time.Second}
	case login != "admin" || password != "right" && password != "right and long":
		return access.ErrCredentials
	}
	b.signedIn.Store(true)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: "u1", Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	return nil
}

func (b *backend) SignOut(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1})
}

// ServeHTTP recognises the cookie as the web server does.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.down.Load() {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
		return
	}
	w.Header().Set("Cache-Control", "no-store") // as the server has it in every answer
	if b.client != "" {
		r.RemoteAddr = b.client + ":4711"
	}
	if c, err := r.Cookie(cookieName); err == nil && c.Value == "u1" && b.signedIn.Load() {
		r = r.WithContext(access.With(r.Context(), access.Identity{UserID: "u1", Login: "admin", Means: access.Cookie}))
	}
	b.mux.ServeHTTP(w, r)
}

func (b *backend) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, route := range b.site.Routes() {
		mux.HandleFunc(route.Method+" "+route.Path, guard(route.Level, route.Handler))
	}
	api := func(pattern string, h func(r *http.Request, body []byte) (int, any)) {
		mux.HandleFunc(pattern, guard(access.API, func(w http.ResponseWriter, r *http.Request) { b.answer(w, r, h) }))
	}
	mux.HandleFunc("GET /api/status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("GET /sse/logs", guard(access.Stream, b.streamLogs))
	mux.HandleFunc("GET /sse/bundle", guard(access.Stream, b.streamBundle(mux)))
	b.engineRoutes(api)
	b.listRoutes(api)
	b.cloudRoutes(api)
	mux.HandleFunc("/", b.site.NotFound)
	return mux
}

func guard(level access.Level, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, ok := access.From(r.Context())
		switch {
		case ok || level == access.Public:
			h(w, r)
		case level == access.Page:
			http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		default:
			http.Error(w, `{"error":"Unauthorized","status":401}`, http.StatusUnauthorized)
		}
	}
}

func (b *backend) answer(w http.ResponseWriter, r *http.Request, h func(r *http.Request, body []byte) (int, any)) {
	var body json.RawMessage
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	b.mu.Lock()
	b.requests = append(b.requests, fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body))
	status, v := h(r, body)
	b.mu.Unlock()
	if v == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

type register func(pattern string, h func(r *http.Request, body []byte) (int, any))

func message(text string) map[string]string { return map[string]string{"message": text} }

func (b *backend) engineRoutes(api register) {
	s := &b.engine.Settings
	api("GET /api/engine", func(*http.Request, []byte) (int, any) { return 200, settingsDTO(b.engine) })
	api("PUT /api/engine/name", func(_ *http.Request, body []byte) (int, any) {
		_ = json.Unmarshal(body, &s.General)
		return 200, nil
	})
	api("PUT /api/engine/web-server", func(_ *http.Request, body []byte) (int, any) {
		next := s.WebServer
		_ = json.Unmarshal(body, &next)
		if next.Port == *s.ProxyServer.Port {
			return 400, message("Web server port and proxy port can not be the same")
		}
		moved := next.Port != s.WebServer.Port
		s.WebServer = next
		return 200, map[string]any{"needsRedirect": moved, "newPort": next.Port}
	})
	api("PUT /api/engine/proxy", func(_ *http.Request, body []byte) (int, any) {
		_ = json.Unmarshal(body, &s.ProxyServer)
		return 200, nil
	})
	api("PUT /api/engine/logger", func(_ *http.Request, body []byte) (int, any) {
		next := s.Logger
		_ = json.Unmarshal(body, &next)
		if next.Syslog.Host == "bad host" {
			return 400, message(`"syslog.host" must be a valid hostname. "loki.address" must be a valid uri`)
		}
		s.Logger = next
		return 200, nil
	})
	api("POST /api/engine/restart", func(*http.Request, []byte) (int, any) { return 204, nil })
}

func settingsDTO(e entity.Engine) map[string]any {
	s := e.Settings
	s.ProxyServer.Password, s.ProxyServer.Forward.Password, s.Logger.Loki.Password = nil, nil, ""
	return map[string]any{"general": s.General, "webServer": s.WebServer, "proxyServer": s.ProxyServer, "logger": s.Logger}
}

// one answers the thing with the id of the request.
func one[T any](r *http.Request, all []T, id func(T) string) (int, any) {
	for _, thing := range all {
		if id(thing) == r.PathValue("id") {
			return 200, thing
		}
	}
	return 404, map[string]string{"error": "not found"}
}

func (b *backend) listRoutes(api register) {
	api("GET /api/scan-modes/{id}", func(r *http.Request, _ []byte) (int, any) {
		return one(r, b.scanModes, func(m entity.ScanMode) string { return m.ID })
	})
	api("GET /api/ip-filters/{id}", func(r *http.Request, _ []byte) (int, any) {
		return one(r, b.filters, func(f entity.IPFilter) string { return f.ID })
	})
	api("GET /api/certificates/{id}", func(r *http.Request, _ []byte) (int, any) {
		return one(r, b.certificates, func(c entity.Certificate) string { return c.ID })
	})
	api("GET /api/users/{id}", func(r *http.Request, _ []byte) (int, any) {
		return one(r, b.users, func(u entity.User) string { return u.ID })
	})
	api("GET /api/scan-modes", func(*http.Request, []byte) (int, any) { return 200, b.scanModes })
	api("POST /api/scan-modes", func(_ *http.Request, body []byte) (int, any) {
		var m entity.ScanMode
		_ = json.Unmarshal(body, &m)
		for _, other := range b.scanModes {
			if other.Name == m.Name {
				return 400, message(fmt.Sprintf("Scan mode name %q already exists", m.Name))
			}
		}
		m.Audit = entity.NewAudit(entity.NewID(6), "u1", time.Now())
		b.scanModes = append(b.scanModes, m)
		return 201, m
	})
	api("PUT /api/scan-modes/{id}", func(r *http.Request, body []byte) (int, any) {
		for i := range b.scanModes {
			if b.scanModes[i].ID == r.PathValue("id") {
				_ = json.Unmarshal(body, &b.scanModes[i])
			}
		}
		return 204, nil
	})
	api("DELETE /api/scan-modes/{id}", func(r *http.Request, _ []byte) (int, any) {
		if b.scanModes[0].ID == r.PathValue("id") {
			return 500, map[string]string{"error": "FOREIGN KEY constraint failed"}
		}
		b.scanModes = slices.DeleteFunc(b.scanModes, func(m entity.ScanMode) bool { return m.ID == r.PathValue("id") })
		return 204, nil
	})
	api("POST /api/scan-modes/verify", func(_ *http.Request, body []byte) (int, any) { return 200, verifyCron(body) })
	api("GET /api/ip-filters", func(*http.Request, []byte) (int, any) { return 200, b.filters })
	api("POST /api/ip-filters", func(_ *http.Request, body []byte) (int, any) {
		var f entity.IPFilter
		_ = json.Unmarshal(body, &f)
		for _, other := range b.filters {
			if other.Address == f.Address {
				return 500, map[string]string{"error": "UNIQUE constraint failed: ip_filters.address"}
			}
		}
		f.Audit = entity.NewAudit(entity.NewID(6), "u1", time.Now())
		b.filters = append(b.filters, f)
		return 201, f
	})
	api("DELETE /api/ip-filters/{id}", func(r *http.Request, _ []byte) (int, any) {
		b.filters = slices.DeleteFunc(b.filters, func(f entity.IPFilter) bool { return f.ID == r.PathValue("id") })
		return 204, nil
	})
	api("GET /api/certificates", func(*http.Request, []byte) (int, any) { return 200, b.certificates })
	api("POST /api/certificates", func(*http.Request, []byte) (int, any) {
		return 400, map[string]any{"message": map[string]any{"requestBody.options.countryName": map[string]string{"message": "two letters please"}}}
	})
	api("GET /api/users", func(r *http.Request, _ []byte) (int, any) {
		found := slices.DeleteFunc(slices.Clone(b.users), func(u entity.User) bool { return !strings.Contains(u.Login, r.FormValue("login")) })
		return 200, onePage(found, r)
	})
	api("POST /api/users", func(_ *http.Request, body []byte) (int, any) {
		var c struct {
			User     entity.User
			Password string
		}
		_ = json.Unmarshal(body, &c)
		if len(c.User.Login) < 4 {
			return 400, message(`"login" length must be at least 4 characters long`)
		}
		c.User.ID = entity.NewID(6)
		b.users = append(b.users, c.User)
		return 201, c.User
	})
	api("GET /api/users/current-user", func(*http.Request, []byte) (int, any) { return 200, b.users[0] })
	api("PUT /api/users/{id}", func(_ *http.Request, body []byte) (int, any) {
		_ = json.Unmarshal(body, &b.users[0])
		return 204, nil
	})
	api("POST /api/users/{id}/password", func(_ *http.Request, body []byte) (int, any) {
		if !strings.Contains(string(body), `"currentPassword":"right"`) {
			return 400, message(`"currentPassword" is wrong`)
		}
		return 204, nil
	})
}

// verifyCron knows enough of cron to try the page: five or six parts; the next runs are those of every full minute.
func verifyCron(body []byte) any {
	var q struct{ Cron string }
	_ = json.Unmarshal(body, &q)
	v := map[string]any{"isValid": false, "errorMessage": "", "nextExecutions": []string{}, "humanReadableForm": ""}
	parts := strings.Fields(q.Cron)
	if len(parts) < 5 || len(parts) > 6 {
		v["errorMessage"] = fmt.Sprintf("Cron Expression: Expression has only %d parts. At least 5 parts are required.", len(parts))
		return v
	}
	human := map[string]string{"* * * * * *": "Every second", "*/10 * * * * *": "Every 10 seconds", "0 * * * * *": "Every minute", "0 */10 * * * *": "Every 10 minutes", "0 0 * * * *": "Every hour", "0 0 0 * * *": "At 00:00", "0 0 6 * * mon-fri": "At 06:00, Monday through Friday"}
	step := map[string]time.Duration{"* * * * * *": time.Second, "*/10 * * * * *": 10 * time.Second, "0 */10 * * * *": 10 * time.Minute, "0 0 * * * *": time.Hour, "0 0 0 * * *": 24 * time.Hour}[q.Cron]
	if step == 0 {
		step = time.Minute
	}
	next := make([]string, 0, 5)
	for i := range 5 {
		next = append(next, entity.Milli(time.Now().Truncate(step).Add(time.Duration(i+1)*step)))
	}
	v["isValid"], v["nextExecutions"], v["humanReadableForm"] = true, next, human[q.Cron]
	if human[q.Cron] == "" {
		v["humanReadableForm"] = "At second 0, every 5 minutes"
	}
	return v
}

func onePage[T any](all []T, r *http.Request) map[string]any {
	const size = 50
	number, _ := strconv.Atoi(r.FormValue("page"))
	from, to := min(number*size, len(all)), min((number+1)*size, len(all))
	return map[string]any{"content": all[from:to], "totalElements": len(all), "size": size, "number": number, "totalPages": (len(all) + size - 1) / size}
}

func (b *backend) cloudRoutes(api register) {
	api("GET /api/oianalytics/registration", func(*http.Request, []byte) (int, any) {
		var dto map[string]any
		raw, _ := json.Marshal(b.registration)
		_ = json.Unmarshal(raw, &dto)
		for _, secret := range []string{"token", "proxyPassword", "apiGatewayHeaderValue", "publicCipherKey", "privateCipherKey", "previousPrivateCipherKey"} {
			delete(dto, secret)
		}
		return 200, dto
	})
	store := func(body []byte, status string) (int, any) {
		host := b.registration.Host
		_ = json.Unmarshal(body, &b.registration)
		if b.registration.Host == "https://refused.example.com" {
			b.registration.Host = host
			return 500, map[string]string{"error": "503 - Service Unavailable"}
		}
		if status == entity.Pending {
			b.pend(20 * time.Minute)
		}
		return 204, nil
	}
	api("POST /api/oianalytics/register", func(_ *http.Request, body []byte) (int, any) { return store(body, entity.Pending) })
	api("PUT /api/oianalytics/registration", func(_ *http.Request, body []byte) (int, any) { return store(body, "") })
	api("POST /api/oianalytics/registration/test-connection", func(_ *http.Request, body []byte) (int, any) {
		if strings.Contains(string(body), "refused") {
			return 500, map[string]string{"error": "Fetch error: connect ECONNREFUSED 192.0.2.7:443"}
		}
		return 204, nil
	})
	api("POST /api/oianalytics/unregister", func(*http.Request, []byte) (int, any) {
		b.registration.Status = entity.NotRegistered
		return 204, nil
	})
	api("GET /api/oianalytics/commands/search", func(r *http.Request, _ []byte) (int, any) {
		found := slices.DeleteFunc(slices.Clone(b.commands), func(c map[string]any) bool {
			return misses(r.FormValue("status"), c["status"]) || misses(r.FormValue("types"), c["type"]) || misses(r.FormValue("ack"), fmt.Sprint(c["ack"]))
		})
		return 200, onePage(found, r)
	})
	api("DELETE /api/oianalytics/commands/{id}", func(r *http.Request, _ []byte) (int, any) {
		b.commands = slices.DeleteFunc(b.commands, func(c map[string]any) bool { return c["id"] == r.PathValue("id") })
		return 204, nil
	})
	api("GET /api/logs", func(r *http.Request, _ []byte) (int, any) {
		found := slices.DeleteFunc(slices.Clone(b.logs), func(l map[string]any) bool {
			return misses(r.FormValue("levels"), l["level"]) || misses(r.FormValue("scopeTypes"), l["scopeType"]) || misses(r.FormValue("scopeIds"), l["scopeId"]) ||
				!strings.Contains(strings.ToLower(l["message"].(string)), strings.ToLower(r.FormValue("messageContent"))) ||
				l["timestamp"].(string) < r.FormValue("start") || l["timestamp"].(string) > r.FormValue("end")
		})
		return 200, onePage(found, r)
	})
	api("GET /api/logs/scopes/suggest", func(*http.Request, []byte) (int, any) {
		return 200, []map[string]string{{"scopeId": "s1", "scopeName": "Line 4 PLC"}}
	})
}

// misses tells that a comma-separated filter is given and does not name v.
func misses(filter string, v any) bool {
	return filter != "" && !slices.Contains(strings.Split(filter, ","), fmt.Sprint(v))
}

// write adds an entry to the log.
func (b *backend) write(entry map[string]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written = append(b.written, entry)
	close(b.writing)
	b.writing = make(chan struct{})
}

// since are the entries after the first n, and what is closed when there is another one.
func (b *backend) since(n int) ([]map[string]any, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.written[n:], b.writing
}

// streamLogs sends entries with their number as id, from the one on that the browser has had.
func (b *backend) streamLogs(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	all, _ := b.since(0)
	sent := len(all)
	if last := cmp.Or(r.Header.Get("Last-Event-ID"), r.FormValue("after")); last != "" {
		sent, _ = strconv.Atoi(last)
	}
	for {
		_, _ = fmt.Fprintf(w, "id: %d\n\n", sent)
		entries, next := b.since(sent)
		for _, entry := range entries {
			raw, _ := json.Marshal(entry)
			sent++
			_, _ = fmt.Fprintf(w, "data: %s\nid: %d\n\n", raw, sent)
		}
		_ = flush()
		select {
		case <-r.Context().Done():
			return
		case <-next:
		}
	}
}

// streamBundle sends many streams at once, and counts the connections that do.
func (b *backend) streamBundle(mux *http.ServeMux) http.HandlerFunc {
	all := func(*http.Request) bool { return true }
	return func(w http.ResponseWriter, r *http.Request) {
		b.bundled.Add(1)
		b.bundles.Add(1)
		defer b.bundles.Add(-1)
		if err := bundle.Serve(w, r, mux, all, slog.New(slog.DiscardHandler)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}

// pend puts the registration into PENDING with a code that lives for left.
func (b *backend) pend(left time.Duration) {
	code, at, now := "aZ3k9Q", entity.Milli(time.Now().Add(left)), entity.Second(time.Now().Add(-2*time.Minute))
	b.registration.Status, b.registration.ActivationCode, b.registration.ActivationExpirationDate, b.registration.UpdatedAt = entity.Pending, &code, &at, now
}

// register puts the registration into REGISTERED.
func (b *backend) register() {
	at, none := entity.Milli(time.Now().Add(-72*time.Hour)), ""
	b.registration.Status, b.registration.Host, b.registration.ActivationDate, b.registration.ActivationCode = entity.Registered, "https://acme.oianalytics.com", &at, &none
	b.overview.Cloud.LastContact = entity.Milli(time.Now().Add(-12 * time.Second))
}

func (b *backend) fill(t testing.TB) {
	now := time.Now()
	b.engine.Settings.General.Name = "Line 4 gateway"
	b.overview = Overview{
		Info: Info{
			Version: "3.9.0", LauncherVersion: "3.9.0", AnnouncedVersion: "3.9.0", ID: "Q2d0kP8sLmA71xYz",
			OperatingSystem: "Linux 5.15.0-91-generic", Architecture: "x64", Hostname: "edge-07", ProcessID: "4242",
			DataDirectory: "/var/lib/oibus", BinaryDirectory: "/usr/lib/oibus/binaries/oibus", SettingsFile: "/etc/oibus/oibus.toml",
			Timezone: "Europe/Paris", StartedAt: entity.Milli(now.Add(-52*time.Hour - 14*time.Minute)),
		},
		Resources: Resources{CPUAverage: 0.018, Cores: 4, MemoryMax: 39 << 20, MemoryTotal: 8 << 30, DiskFree: 41 << 30, DiskTotal: 118 << 30},
	}
	b.registration = entity.Registration{
		Audit: entity.NewAudit("r1", entity.System, now), Status: entity.NotRegistered, CommandRefreshInterval: 60, CommandRetryInterval: 5,
		MessageRetryInterval: 5, CommandPermissions: entity.AllPermissions(),
	}
	first, last, mail := "Camille", "Martin", "camille.martin@acme.example"
	b.users = []entity.User{
		{Audit: entity.NewAudit("u1", entity.System, now), Login: "admin", Language: "en", Timezone: "Europe/Paris"},
		{Audit: entity.NewAudit("u2", "u1", now), Login: "camille", FirstName: &first, LastName: &last, Email: &mail, Language: "fr", Timezone: "Europe/Paris"},
	}
	b.fillScanModes(now)
	for i, a := range []string{"192.168.10.*", "10.4.0.17"} {
		d := []string{"Control room", ""}[i]
		b.filters = append(b.filters, entity.IPFilter{Audit: entity.NewAudit(fmt.Sprint("f", i), "u1", now.Add(-30*time.Hour)), Address: a, Description: &d})
	}
	b.fillCertificates(t, now)
	b.fillCommands(now)
	b.fillLogs(now)
}

func (b *backend) fillScanModes(now time.Time) {
	for i, m := range [][2]string{{"Every second", "* * * * * *"}, {"Every 10 seconds", "*/10 * * * * *"}, {"Every minute", "0 * * * * *"}, {"Every 10 minutes", "0 */10 * * * *"}, {"Every hour", "0 0 * * * *"}, {"Every 24 hours", "0 0 0 * * *"}} {
		d := "Trigger " + strings.ToLower(m[0])
		b.scanModes = append(b.scanModes, entity.ScanMode{Audit: entity.NewAudit(fmt.Sprint("s", i), entity.System, now), Name: m[0], Description: &d, Cron: m[1]})
	}
	d := "Used for subscription"
	b.scanModes = append(b.scanModes, entity.ScanMode{Audit: entity.NewAudit(entity.SubscriptionScanMode, entity.System, now), Name: "Subscription", Description: &d})
}

// certificateKey is made once for all tests: it takes a while.
var certificateKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func (b *backend) fillCertificates(t testing.TB, now time.Time) {
	for i, c := range []struct {
		name, description string
		days              int
	}{{"OPC UA client", "Boiler house server", 312}, {"MQTT line 4", "", 23}, {"Old gateway", "Replaced in May", -12}} {
		end := now.AddDate(0, 0, c.days)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(0x1A2B3C4D5E + i)), NotBefore: now.AddDate(-1, 0, 0), NotAfter: end,
			Subject: pkix.Name{CommonName: c.name, Organization: []string{"Acme"}, Country: []string{"FR"}, Locality: []string{"Chambery"}}, DNSNames: []string{"edge-07"},
			URIs: []*url.URL{{Scheme: "urn", Opaque: "edge-07:OIBus"}},
		}
		key := certificateKey()
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		b.certificates = append(b.certificates, entity.Certificate{
			Audit: entity.NewAudit(fmt.Sprint("c", i), "u1", now.Add(-100*time.Hour)), Name: c.name, Description: &c.description, Expiry: entity.Milli(end),
			Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			PublicKey:   string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		})
	}
}

func (b *backend) fillCommands(now time.Time) {
	kinds := []struct{ status, kind, result string }{
		{"RUNNING", "regenerate-cipher-keys", ""},
		{"RETRIEVED", "update-engine-logger", ""},
		{"RETRIEVED", "create-certificate", ""},
		{"COMPLETED", "create-scan-mode", "Scan mode created successfully"},
		{"ERRORED", "update-engine-web-server", `"webServer.port" is set in /etc/oibus/oibus.toml and cannot be changed from here: edit that file and restart OIBus`},
		{"COMPLETED", "update-registration-settings", "Registration settings updated successfully"},
		{"CANCELLED", "delete-ip-filter", ""},
		{"ERRORED", "delete-south", "Wrong target version: 3.8.7 for OIBus version 3.9.0"},
		{"COMPLETED", "restart-engine", "OIBus restarted"},
	}
	for i := range 63 {
		k := kinds[min(i, len(kinds)-1)]
		at := now.Add(-time.Duration(i*i) * time.Minute)
		c := map[string]any{
			"id": fmt.Sprintf("6f0e9a52-7d0b-4a0e-9a43-1f6f0a3c%04x", i), "type": k.kind, "status": k.status, "ack": i > 2, "targetVersion": "3.9.0",
			"retrievedDate": entity.Milli(at), "completedDate": nil, "result": nil, "createdAt": entity.Milli(at), "updatedAt": entity.Milli(at),
		}
		if k.result != "" {
			c["result"] = k.result
		}
		if k.status == "COMPLETED" {
			c["completedDate"] = entity.Milli(at.Add(time.Duration(40+i*i*13) * time.Millisecond))
		}
		if k.kind == "create-scan-mode" {
			c["commandContent"] = map[string]any{"name": "Every 5 seconds", "description": "", "cron": "*/5 * * * * *"}
		}
		b.commands = append(b.commands, c)
	}
}

func (b *backend) fillLogs(now time.Time) {
	lines := [][3]string{
		{"info", "internal", "Executing command regenerate-cipher-keys (6f0e9a52-7d0b-4a0e-9a43-1f6f0a3c0000)"},
		{"warn", "internal", "Registration not completed. Status: PENDING"},
		{"debug", "internal", "Retrieved 3 commands in 84 ms"},
		{"error", "internal", "Error while retrieving commands: Get \"https://acme.oianalytics.com/api/oianalytics/oibus/commands/pending\": dial tcp: lookup acme.oianalytics.com on 10.4.0.1:53: no such host"},
		{"info", "south", "Connected to opc.tcp://plc-4:4840"},
		{"info", "internal", "Scan mode \"Every 5 seconds\" created by oianalytics"},
		{"trace", "south", "Read 412 values from 3 items between 2026-03-04T08:15:30.000Z and 2026-03-04T08:16:30.000Z"},
		{"info", "internal", "OIBus 3.9.0 started on edge-07 (Linux 5.15.0-91-generic, x64), process 4242\n  data    /var/lib/oibus\n  settings /etc/oibus/oibus.toml"},
	}
	for i := range 230 {
		l := lines[i%len(lines)]
		b.logs = append(b.logs, logEntry(now.Add(-time.Duration(i*7+i*i/5)*time.Second), l[0], l[1], l[2]))
	}
}

func logEntry(at time.Time, level, scope, message string) map[string]any {
	e := map[string]any{"timestamp": entity.Milli(at), "level": level, "scopeType": scope, "scopeId": nil, "scopeName": nil, "itemId": nil, "itemName": nil, "groupId": nil, "groupName": nil, "message": message}
	if scope == "south" {
		e["scopeId"], e["scopeName"], e["itemName"] = "s1", "Line 4 PLC", "Temperature"
	}
	return e
}
