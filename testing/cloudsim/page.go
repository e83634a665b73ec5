package cloudsim

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed page
var pageFiles embed.FS

// contentPolicy lets the page load its own files only: nothing from elsewhere, no code inside the HTML.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// routes builds the handler of everything.
func (s *Sim) routes() http.Handler {
	mux := http.NewServeMux()
	s.mount(mux)
	s.mountControl(mux)
	static, err := fs.Sub(pageFiles, "page/static")
	if err != nil {
		panic("cloudsim: embedded files: " + err.Error()) // a fault of the build
	}
	mux.Handle("GET /static/", s.guard(http.StripPrefix("/static/", http.FileServerFS(static))))
	for _, p := range pages() {
		mux.Handle(p.pattern, s.guard(s.pageHandler(p)))
	}
	mux.Handle("/", s.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.showError(w, &UnknownError{What: "page", ID: r.URL.Path})
	})))
	return mux
}

// guard keeps other web sites away from the page and the control API: it refuses requests that a browser sends on
// their behalf, and names other than those of this machine (DNS rebinding).
func (s *Sim) guard(next http.Handler) http.Handler {
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.knownHost(r.Host) {
			http.Error(w, fmt.Sprintf("the host %q is not one of this simulator: start it with --host-name", r.Host), http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	}))
}

func (s *Sim) knownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	return net.ParseIP(name) != nil || name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(s.o.HostNames, name)
}

// pageView is one address of the page, drawn with the template of its name. It may return a redirect or a problem
// instead of its content.
type pageView struct {
	pattern string
	name    string
	section string // of the navigation
	serve   func(*Sim, *http.Request) (any, error)
}

func pages() []pageView {
	return []pageView{
		{"GET /{$}", "agents", "agents", (*Sim).agentsPage},
		{"POST /approve", "agents", "agents", (*Sim).approvePage},
		{"POST /decline", "", "", (*Sim).declinePage},
		{"GET /agents/{agent}", "commands", "agents", (*Sim).commandsPage},
		{"GET /agents/{agent}/new", "new", "agents", (*Sim).newCommandPage},
		{"GET /agents/{agent}/commands/{seq}", "command", "agents", (*Sim).commandPage},
		{"POST /agents/{agent}/commands/{seq}/cancel", "", "", (*Sim).cancelPage},
		{"POST /agents/{agent}/revoke", "", "", (*Sim).revokePage},
		{"POST /agents/{agent}/remove", "", "", (*Sim).removePage},
		{"GET /agents/{agent}/configuration", "configuration", "agents", (*Sim).configurationPage},
		{"GET /agents/{agent}/logs", "logs", "agents", (*Sim).logsPage},
		{"GET /agents/{agent}/data", "data", "agents", (*Sim).dataPage},
		{"GET /agents/{agent}/requests", "requests", "agents", (*Sim).requestsPage},
		{"GET /logs", "logs", "logs", (*Sim).logsPage},
		{"GET /data", "data", "data", (*Sim).dataPage},
		{"GET /data/{seq}", "datum", "data", (*Sim).datumPage},
		{"GET /requests", "requests", "requests", (*Sim).requestsPage},
		{"GET /requests/{seq}", "request", "requests", (*Sim).requestPage},
		{"GET /packages", "packages", "packages", (*Sim).packagesPage},
		{"GET /rules", "rules", "rules", (*Sim).rulesPage},
		{"GET /help", "help", "help", (*Sim).helpPage},
	}
}

// layout is what every page has around its own content.
type layout struct {
	Section   string
	Version   uint64 // of what is shown, for the live refresh
	Waiting   int    // registrations
	SaveError string
	Problem   string // what went wrong with the request, beside its field
	Agent     *Agent // whose page it is
	Tab       string
	Content   any
}

// redirect is the address to go to instead of drawing the page.
type redirect string

// problem is the content of a page that is drawn again because its request was refused.
type problem struct {
	content any
	text    string
}

func (s *Sim) pageHandler(p pageView) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, version := s.events.next() // before reading: a change meanwhile is shown by the next refresh
		content, err := p.serve(s, r)
		if err != nil {
			s.showError(w, err)
			return
		}
		if to, ok := content.(redirect); ok {
			http.Redirect(w, r, string(to), http.StatusSeeOther)
			return
		}
		l := layout{Section: p.section, Version: version, Tab: p.name, Content: content}
		status := http.StatusOK
		if refused, ok := content.(problem); ok {
			l.Content, l.Problem, status = refused.content, refused.text, http.StatusUnprocessableEntity
		}
		if id := r.PathValue("agent"); id != "" {
			if a, err := s.Agent(id); err == nil {
				l.Agent = &a
			}
		}
		s.draw(w, status, p.name, l)
	})
}

func (s *Sim) draw(w http.ResponseWriter, status int, name string, l layout) {
	l.Waiting = len(s.Registrations())
	if err := s.SaveError(); err != nil {
		l.SaveError = err.Error()
	}
	var out bytes.Buffer
	if err := templates[name].ExecuteTemplate(&out, "layout", l); err != nil {
		http.Error(w, "cannot draw the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // the browser may have gone
}

func (s *Sim) showError(w http.ResponseWriter, err error) {
	s.draw(w, statusOf(err), "error", layout{Content: err.Error()})
}

// templates holds each page with the layout around it.
var templates = parseTemplates()

func parseTemplates() map[string]*template.Template {
	out := map[string]*template.Template{}
	files, err := fs.Glob(pageFiles, "page/*.html")
	if err != nil {
		panic("cloudsim: embedded templates: " + err.Error()) // a fault of the build
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "page/"), ".html")
		if name != "layout" {
			out[name] = template.Must(template.New(name).Funcs(functions).ParseFS(pageFiles, "page/layout.html", file))
		}
	}
	return out
}

// agentPath is the address of an agent's page: its id comes from the agent and may hold anything.
func agentPath(id string) string { return "/agents/" + url.PathEscape(id) }
