// Package page is the admin page: a shell rendered here with html/template, one style sheet, and small JavaScript
// modules that move data between the forms and the REST API with the session cookie. It promises pages that need no
// other host, run under a Content-Security-Policy without inline code, are labelled and usable by keyboard, and take
// every text from one table. It guards against an agent that works but whose state nobody can see or repair on site.
package page

import (
	"context"
	"log/slog"
	"net/http"

	"oibus/agent/entity"
	"oibus/agent/web/access"
)

// Session signs people in and out; the web server is one.
type Session interface {
	SignIn(w http.ResponseWriter, r *http.Request, login, password string) error
	SignOut(w http.ResponseWriter, r *http.Request)
}

// Options are what the pages show and act on. The functions are called while a page is drawn: they answer from memory.
// User and Overview and Session are required; any other may be nil.
type Options struct {
	Session Session
	// User is the user with this id.
	User func(id string) (entity.User, error)
	// Overview is the state of the agent now.
	Overview func() Overview
	// Certificate is the certificate with this id.
	Certificate func(id string) (entity.Certificate, error)
	// Pinned tells which file of the machine decides the setting at path ("webServer.port"), if one does; PinnedKey
	// how the setting is called there ("web.port").
	Pinned    func(path string) (file string, pinned bool)
	PinnedKey func(path string) string
	// FirstPasswordFile is the file that holds the first password while nobody has changed it, "" afterwards.
	FirstPasswordFile func() string
	// Installed are the types of connectors that can run; nil means all of the catalogue.
	Installed func() (souths, norths []string)
	// GuideOff tells whether the user with this id wants the guide no more; TurnGuideOff remembers it.
	GuideOff     func(user string) bool
	TurnGuideOff func(user string) error
	Log          *slog.Logger
}

// Site is the admin page.
type Site struct {
	o      Options
	assets *assets
	pages  renderer
}

// New makes the admin page. It is cheap: templates are read, and assets hashed, when the first page is asked for.
func New(o Options) *Site {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Pinned == nil {
		o.Pinned = func(string) (string, bool) { return "", false }
	}
	if o.PinnedKey == nil {
		o.PinnedKey = func(path string) string { return path }
	}
	if o.FirstPasswordFile == nil {
		o.FirstPasswordFile = func() string { return "" }
	}
	if o.Installed == nil {
		o.Installed = func() (souths, norths []string) { return nil, nil }
	}
	if o.GuideOff == nil {
		o.GuideOff, o.TurnGuideOff = func(string) bool { return false }, func(string) error { return nil }
	}
	a := newAssets()
	return &Site{o: o, assets: a, pages: newRenderer(a, o.pin)}
}

// pin is what decides the setting at path, nil when it can be changed from the page.
func (o Options) pin(path string) *pin {
	file, pinned := o.Pinned(path)
	if !pinned {
		return nil
	}
	return &pin{Key: o.PinnedKey(path), File: file}
}

// Routes are the pages, their assets, sign-in and sign-out, and the live state behind the overview.
func (s *Site) Routes() []access.Route {
	routes := []access.Route{
		{Method: "GET", Path: "/login", Level: access.Public, Handler: s.showLogin},
		{Method: "POST", Path: "/login", Level: access.Public, Handler: s.signIn},
		{Method: "POST", Path: "/logout", Level: access.Public, Handler: s.signOut},
		{Method: "GET", Path: "/assets/{build}/{file...}", Level: access.Public, Handler: s.assets.serve},
		{Method: "GET", Path: "/favicon.ico", Level: access.Public, Handler: s.assets.serveIcon},
		{Method: "GET", Path: "/page/overview", Level: access.API, Handler: s.overview},
		{Method: "GET", Path: "/page/live", Level: access.Stream, Handler: s.live},
		{Method: "DELETE", Path: "/page/guide", Level: access.API, Handler: s.turnGuideOff},
		{Method: "GET", Path: "/page/certificates/{id}", Level: access.API, Handler: s.certificate},
		{Method: "GET", Path: "/page/licences/{name}", Level: access.Page, Handler: s.licence},
		{Method: "GET", Path: "/page/bill-of-materials", Level: access.Page, Handler: s.materials},
	}
	for _, v := range views {
		routes = append(routes, access.Route{Method: "GET", Path: v.route(), Level: access.Page, Handler: s.show(v)})
	}
	return routes
}

// lang is the language of who is signed in, else the one that the browser asks for.
func (s *Site) lang(r *http.Request) string {
	if u, ok := s.user(r.Context()); ok {
		return known(u.Language)
	}
	return preferred(r.Header.Get("Accept-Language"))
}

// user is who is signed in on this request.
func (s *Site) user(ctx context.Context) (entity.User, bool) {
	id, ok := access.From(ctx)
	if !ok {
		return entity.User{}, false
	}
	u, err := s.o.User(id.UserID)
	return u, err == nil
}
