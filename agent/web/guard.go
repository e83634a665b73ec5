package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"oibus/agent/web/access"
	"oibus/agent/web/auth"
)

// Limits of a body: that of the reference for JSON, and what a form of a page can hold. Tables and uploads have their own.
const (
	maxBody = 20 << 20
	maxForm = 1 << 20
)

// securityHeaders go with every answer. The pages have their code and styles in files, so nothing inline ever runs.
var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// ServeHTTP passes a request through the checks that hold for every route, then to its route.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := &answer{ResponseWriter: w}
	defer s.recovered(t, r)
	header := w.Header()
	for name, value := range securityHeaders {
		header.Set(name, value)
	}
	if len(r.TransferEncoding) > 0 {
		header.Set("Connection", "close") // nobody in front and this server may disagree on where such a request ends
	}
	s.setDeadlines(w, s.patience)
	if s.admit(t, r) {
		defer func() { s.tidy.handled(t.moved(r)) }()
		s.mux.ServeHTTP(t, plainPath(r))
	}
}

// short is the beginning of what a client sent, for the log.
func short(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// admit makes the checks that need no credentials, and answers when one fails.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	client := auth.ClientAddr(r)
	if !s.o.AllowAddress(client) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "Access denied. IP ADDRESS %s UNAUTHORIZED", client)
		return false
	}
	if !s.hosts.allows(r.Host) {
		if times, ok := s.refused.Pass(s.o.Now()); ok {
			s.log.Warn("refused requests for a host name that is not this machine's", "host", short(r.Host), "client", client.String(), "times", times)
		}
		refuse(w, http.StatusMisdirectedRequest, "This OIBus is not known under the name used: add it to the allowed hosts in oibus.toml")
		return false
	}
	if err := s.crossing.Check(r); err != nil {
		if times, ok := s.crossed.Pass(s.o.Now()); ok {
			s.log.Warn("refused requests made by a page of another site", "origin", short(r.Header.Get("Origin")), "path", short(r.URL.Path), "times", times)
		}
		refuse(w, http.StatusForbidden, "Cross-origin request refused")
		return false
	}
	return !limited(r.URL.Path) || s.rate.admit(w, client)
}

// plainPath drops the slash at the end of a path of the API, as the reference does.
func plainPath(r *http.Request) *http.Request {
	path := r.URL.Path
	if !strings.HasPrefix(path, "/api/") || !strings.HasSuffix(path, "/") {
		return r
	}
	plain := r.Clone(r.Context())
	plain.URL.Path = strings.TrimRight(path, "/")
	plain.URL.RawPath = strings.TrimRight(r.URL.RawPath, "/")
	return plain
}

// guard lets only those callers through to next that level asks for.
func (s *Server) guard(level access.Level, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.identify(level, r)
		if err != nil {
			s.turnAway(w, r, level, err)
			return
		}
		if caller.UserID != "" {
			r = r.WithContext(access.With(r.Context(), caller.Identity))
		}
		if level == access.Stream {
			s.serveStream(w, r, caller, next)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r))
		next(w, r)
	}
}

// bodyLimit is how long the body of r may be.
func bodyLimit(r *http.Request) int64 {
	switch {
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		return maxForm
	case r.URL.Path == releasePath:
		return maxRelease
	case r.URL.Path == uploadPath:
		return maxUpload
	case (strings.HasPrefix(r.URL.Path, "/api/south/") || strings.HasPrefix(r.URL.Path, "/api/history/")) && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data"):
		return maxTable
	}
	return maxBody
}

// identify says who calls. On a public route only a session is looked at, and having none is no error.
func (s *Server) identify(level access.Level, r *http.Request) (auth.Caller, error) {
	if level != access.Public {
		return s.gate.Identify(r, level == access.Stream)
	}
	caller, err := s.gate.Session(r)
	if errors.Is(err, auth.ErrNone) {
		err = nil
	}
	return caller, err
}

// turnAway answers a caller that did not prove who it is (protocol/rest-notes.md, "Other calls").
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, level access.Level, err error) {
	var limited *access.LimitedError
	switch {
	case errors.As(err, &limited):
		tooManyTries(w, limited)
	case errors.Is(err, auth.ErrToken):
		refuse(w, http.StatusForbidden, "Invalid token")
	case !errors.Is(err, auth.ErrNone) && !errors.Is(err, access.ErrCredentials):
		s.fail(w, r, err)
	case level == access.Page && wants(r, "text/html") && r.Header.Get("Authorization") == "":
		http.Redirect(w, r, loginPath(r), http.StatusSeeOther)
	default:
		if mayAskPassword(r, level) {
			w.Header().Set("WWW-Authenticate", `Basic realm="Secure Area"`)
		}
		refuse(w, http.StatusUnauthorized, "Unauthorized")
	}
}

func tooManyTries(w http.ResponseWriter, limited *access.LimitedError) {
	w.Header().Set("Retry-After", strconv.Itoa(limited.Seconds()))
	refuse(w, http.StatusTooManyRequests, "Too many wrong passwords, please try again in "+strconv.Itoa(limited.Seconds())+" s")
}

func loginPath(r *http.Request) string {
	if r.Method != http.MethodGet || r.URL.Path == "/" {
		return "/login"
	}
	return "/login?next=" + url.QueryEscape(r.URL.RequestURI())
}

// wants says whether the client named this media type in its Accept header.
func wants(r *http.Request, mediaType string) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), mediaType)
}

// mayAskPassword says whether a 401 may make a browser show its password box: not to scripts of a page, which ask
// for JSON or for events, and which have a sign-in page of their own.
func mayAskPassword(r *http.Request, level access.Level) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return level != access.Stream && !wants(r, "application/json") && (mode == "" || mode == "navigate")
}

// answerNotFound answers for paths and methods that no route has. Who is not signed in does not learn which paths of
// the API exist.
func (s *Server) answerNotFound(w http.ResponseWriter, r *http.Request) {
	api := strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/api"
	if api {
		if _, err := s.gate.Identify(r, false); err != nil {
			s.turnAway(w, r, access.API, err)
			return
		}
	}
	if !api && s.notFound != nil && wants(r, "text/html") && !strings.HasPrefix(r.URL.Path, "/sse/") {
		s.notFound(w, r)
		return
	}
	writeJSON(w, http.StatusNotFound, map[string]any{"error": "Not Found", "message": "Cannot " + r.Method + " " + r.URL.Path})
}

// recovered turns a panic of a handler into an answer and a log line.
func (s *Server) recovered(w *answer, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.log.Error("a request made the web server panic", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if w.started {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	writeJSON(w, http.StatusInternalServerError, map[string]any{"error": "Internal Server Error"})
}

// setDeadlines bounds how long the body and the answer of the present request may take.
func (s *Server) setDeadlines(w http.ResponseWriter, limit time.Duration) {
	at := time.Now().Add(limit)
	c := http.NewResponseController(w)
	c.SetReadDeadline(at) // a connection that knows no deadlines has none
	c.SetWriteDeadline(at)
}

// answer notes whether anything was sent, and how much.
type answer struct {
	http.ResponseWriter
	started bool
	refused bool
	size    int64
}

// moved is how much went in and out. What was refused only says how long it is.
func (a *answer) moved(r *http.Request) int64 {
	if a.refused {
		return a.size
	}
	return a.size + max(0, r.ContentLength)
}

func (a *answer) WriteHeader(status int) {
	a.started, a.refused = true, status >= http.StatusBadRequest
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	a.started = true
	n, err := a.ResponseWriter.Write(p)
	a.size += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
