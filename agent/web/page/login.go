package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"oibus/agent/web/access"
)

// maxForm bounds the sign-in form: login, password and the page to return to.
const maxForm = 64 << 10

// loginForm is what the sign-in page shows.
type loginForm struct {
	Login, Next, Error, Notice string
	PasswordFile               string // where in the data folder the first password stands, while it holds
}

// showLogin draws the sign-in page, or sends on who is signed in already.
func (s *Site) showLogin(w http.ResponseWriter, r *http.Request) {
	next := access.LocalPath(r.FormValue("next"))
	if _, ok := s.user(r.Context()); ok {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	form := loginForm{Next: next}
	switch r.FormValue("why") {
	case "ended":
		form.Notice = "login.ended"
	case "out":
		form.Notice = "login.out"
	}
	s.drawLogin(w, r, http.StatusOK, form)
}

func (s *Site) drawLogin(w http.ResponseWriter, r *http.Request, status int, form loginForm) {
	form.PasswordFile = s.passwordFile()
	s.write(w, r, status, "login", shell{
		Lang: s.lang(r), Name: "login", Script: "js/pages/login.js", Theme: theme(r), Overview: s.o.Overview(), Data: form,
	})
}

// passwordFile is where in the data folder the first password stands: a visitor need not learn where that folder is.
func (s *Site) passwordFile() string {
	file := s.o.FirstPasswordFile()
	if file == "" {
		return ""
	}
	inside, err := filepath.Rel(s.o.Overview().Info.DataDirectory, file)
	if err != nil || !filepath.IsLocal(inside) {
		return filepath.Base(file)
	}
	return inside
}

// signIn checks login and password: a form of a person goes on to the page that was asked for, a script that accepts
// JSON gets a bare status.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.Error(w, r, http.StatusBadRequest, err.Error())
		return
	}
	script := strings.Contains(r.Header.Get("Accept"), "application/json")
	login := r.PostFormValue("login")
	err := s.o.Session.SignIn(w, r, login, r.PostFormValue("password"))
	if err != nil {
		status, text := s.refusal(w, s.lang(r), err)
		if script {
			s.refuse(w, status, text)
			return
		}
		s.drawLogin(w, r, status, loginForm{Login: login, Next: access.LocalPath(r.PostFormValue("next")), Error: text})
		return
	}
	if script {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, access.LocalPath(r.PostFormValue("next")), http.StatusSeeOther)
}

// refusal is the status and the text for a failed sign-in.
func (s *Site) refusal(w http.ResponseWriter, lang string, err error) (int, string) {
	t, terr := s.pages[lang].texts()
	if terr != nil {
		return http.StatusInternalServerError, terr.Error()
	}
	var limited *access.LimitedError
	switch {
	case errors.As(err, &limited):
		seconds := strconv.Itoa(max(1, int(limited.RetryAfter/time.Second)))
		w.Header().Set("Retry-After", seconds)
		return http.StatusTooManyRequests, t.get("login.limited", "seconds", seconds)
	case errors.Is(err, access.ErrCredentials):
		return http.StatusForbidden, t.get("login.wrong")
	}
	s.o.Log.Error("cannot sign in", "error", err)
	return http.StatusInternalServerError, t.get("login.failed")
}

func (s *Site) refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": text, "status": status}) // a browser that went away is no one to tell
}

func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	s.o.Session.SignOut(w, r)
	http.Redirect(w, r, "/login?why=out", http.StatusSeeOther)
}

// failure is what an error page shows.
type failure struct {
	Status      int
	Title, Text string
	SignedIn    bool
}

// NotFound answers that there is no such page.
func (s *Site) NotFound(w http.ResponseWriter, r *http.Request) {
	s.Error(w, r, http.StatusNotFound, "")
}

// Error answers with an error page. The text, when there is one, stands below what the page says itself of the status.
func (s *Site) Error(w http.ResponseWriter, r *http.Request, status int, text string) {
	lang := s.lang(r)
	t, err := s.pages[lang].texts()
	if err != nil {
		http.Error(w, fmt.Sprint(status, " ", text), status)
		return
	}
	key := "error." + strconv.Itoa(status)
	if !t.has(key + ".title") {
		key = "error.other"
	}
	if text == "" {
		text = t.get(key + ".text")
	}
	_, signedIn := s.user(r.Context())
	s.write(w, r, status, "error", shell{
		Lang: lang, Name: "error", Script: "js/pages/login.js", Theme: theme(r), Overview: s.o.Overview(),
		Data: failure{Status: status, Title: t.get(key + ".title"), Text: text, SignedIn: signedIn},
	})
}
