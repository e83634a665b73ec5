package page

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"oibus/agent/entity"
)

//go:embed templates/*.html
var templateFiles embed.FS

// policy is the Content-Security-Policy of every page: nothing but our own files, and no inline code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// renderer draws pages from the templates, in each language.
type renderer map[string]*edition

// edition draws pages in one language. Each page has its own copy of the shell, made when it is first asked for.
type edition struct {
	lang   string
	assets *assets
	pin    func(path string) *pin
	texts  func() (texts, error)
	base   func() (*template.Template, error)

	mu    sync.Mutex
	drawn map[string]*template.Template
}

func newRenderer(a *assets, pinned func(string) *pin) renderer {
	r := renderer{}
	for _, lang := range languages {
		e := &edition{lang: lang, assets: a, pin: pinned, drawn: map[string]*template.Template{}}
		e.texts = sync.OnceValues(func() (texts, error) { return loadTexts(lang) })
		e.base = sync.OnceValues(e.parseBase)
		r[lang] = e
	}
	return r
}

// parseBase reads the templates that every page shares: those whose file name starts with "_".
func (r *edition) parseBase() (*template.Template, error) {
	t, err := r.texts()
	if err != nil {
		return nil, err
	}
	f := fields{t, r.pin}
	base, err := template.New("base").Funcs(template.FuncMap{
		"t":            t.get,
		"icon":         icon,
		"asset":        func(name string) (string, error) { return r.assets.link(r.lang, name) },
		"field":        f.make,
		"pin":          r.pin,
		"list":         func(items ...string) []string { return items },
		"build":        build,
		"zone":         func(name string) string { return zoneText(name, time.Now()) },
		"permissions":  func() []permissionGroup { return permissionGroups },
		"commandTypes": func() []string { return commandTypes },
		"presets":      func() []string { return presets },
	}).ParseFS(templateFiles, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("cannot read templates: %w", err)
	}
	return base, nil
}

// template is the one of the page with this name.
func (r *edition) template(name string) (*template.Template, error) {
	base, err := r.base()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.drawn[name]; t != nil {
		return t, nil
	}
	t, err := base.Clone()
	if err == nil {
		t, err = t.ParseFS(templateFiles, "templates/"+name+".html")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read template of page %q: %w", name, err)
	}
	r.drawn[name] = t
	return t, nil
}

// shell is what the templates know.
type shell struct {
	Lang, Name, Title, Script, Theme string
	Nav                              []navGroup
	User                             entity.User
	Friendly, Initials               string
	Overview                         Overview
	FirstPassword                    bool
	Guide                            []step // nil when there is nothing to guide through
	Client                           string // address the browser comes from
	Data                             any
}

// render answers with the page of v.
func (s *Site) render(w http.ResponseWriter, r *http.Request, status int, v view, data any) {
	user, _ := s.user(r.Context())
	friendly := friendlyName(user)
	now := s.o.Overview()
	s.write(w, r, status, v.name, shell{
		Lang: known(user.Language), Name: v.name, Script: "js/pages/" + v.name + ".js", Theme: theme(r), Nav: navigation(v.name),
		User: user, Friendly: friendly, Initials: initials(friendly), Overview: now, Guide: s.guide(r, now),
		FirstPassword: s.o.FirstPasswordFile() != "", Client: clientAddress(r), Data: data,
	})
}

// write draws the template name into memory first, so that a failure is an error page and not half a page.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, name string, data shell) {
	var b bytes.Buffer
	t, err := s.pages[data.Lang].template(name)
	if err == nil {
		err = t.ExecuteTemplate(&b, "page", data)
	}
	if err != nil {
		s.o.Log.Error("cannot draw page", "page", name, "error", err)
		http.Error(w, "500 cannot draw this page", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	secure(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // nor is a page kept for going back: it would show what somebody saw who signed out
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that went away is no one to tell
}

// secure sets the headers that keep a page from being framed, sniffed or made to run foreign code.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
}
