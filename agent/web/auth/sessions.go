package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"oibus/agent/entity"
)

// maxSessions are kept; the oldest end first. No site has as many people.
const maxSessions = 200

// Session is a signed-in browser. Its cookie value is not kept, only a hash of it.
type Session struct {
	Hash         string    `json:"hash"`
	UserID       string    `json:"userId"`
	PasswordMark string    `json:"passwordMark"`
	StartedAt    time.Time `json:"startedAt"`
}

// SessionStore keeps sessions over a restart, so that nobody has to sign in again after an upgrade.
type SessionStore interface {
	LoadSessions() ([]Session, error)
	SaveSessions([]Session) error
}

type sessions struct {
	cookie   string
	lifetime func() time.Duration
	now      func() time.Time
	store    SessionStore
	log      *slog.Logger

	mu     sync.Mutex
	byHash map[string]Session
	saving sync.Mutex
}

func newSessions(o Options) *sessions {
	s := &sessions{cookie: o.Cookie, lifetime: o.Lifetime, now: o.Now, store: o.Sessions, log: o.Log, byHash: map[string]Session{}}
	if s.store == nil {
		return s
	}
	kept, err := s.store.LoadSessions()
	if err != nil {
		s.log.Warn("cannot load the sessions: everybody has to sign in again", "error", err)
	}
	for _, session := range kept {
		s.byHash[session.Hash] = session
	}
	return s
}

func hashCookie(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (s *sessions) find(r *http.Request) (Session, bool) {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return Session{}, false
	}
	return s.get(hashCookie(c.Value))
}

func (s *sessions) get(hash string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.byHash[hash]
	return session, ok && !s.expired(session)
}

func (s *sessions) alive(hash string) bool {
	_, ok := s.get(hash)
	return ok
}

func (s *sessions) expired(session Session) bool {
	age := s.now().Sub(session.StartedAt)
	return age >= s.lifetime() || age < -time.Hour // a clock that was wrong does not make a session eternal
}

func (s *sessions) start(w http.ResponseWriter, r *http.Request, user entity.User) {
	var value [32]byte
	rand.Read(value[:])
	text := base64.RawURLEncoding.EncodeToString(value[:])
	session := Session{Hash: hashCookie(text), UserID: user.ID, PasswordMark: passwordMark(user), StartedAt: s.now().UTC()}
	s.mu.Lock()
	s.makeRoom()
	s.byHash[session.Hash] = session
	if old, err := r.Cookie(s.cookie); err == nil {
		delete(s.byHash, hashCookie(old.Value))
	}
	s.mu.Unlock()
	s.save()
	http.SetCookie(w, s.cookieFor(r, text, int(s.lifetime().Seconds())))
}

func (s *sessions) cookieFor(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: s.cookie, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true,
		Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(s.cookie); err == nil {
		s.remove(hashCookie(c.Value))
	}
	http.SetCookie(w, s.cookieFor(r, "", -1))
}

func (s *sessions) remove(hash string) {
	s.mu.Lock()
	_, known := s.byHash[hash]
	delete(s.byHash, hash)
	s.mu.Unlock()
	if known {
		s.save()
	}
}

// makeRoom drops the expired sessions, and the oldest when there are too many.
func (s *sessions) makeRoom() {
	for hash, session := range s.byHash {
		if s.expired(session) {
			delete(s.byHash, hash)
		}
	}
	if len(s.byHash) < maxSessions {
		return
	}
	delete(s.byHash, s.sorted()[0].Hash)
}

// sorted are the sessions, oldest first.
func (s *sessions) sorted() []Session {
	all := make([]Session, 0, len(s.byHash))
	for _, session := range s.byHash {
		all = append(all, session)
	}
	slices.SortFunc(all, func(a, b Session) int { return a.StartedAt.Compare(b.StartedAt) })
	return all
}

// save writes what is current by the time it is this call's turn. A session that cannot be kept still works until
// the next restart.
func (s *sessions) save() {
	if s.store == nil {
		return
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	all := s.sorted()
	s.mu.Unlock()
	if err := s.store.SaveSessions(all); err != nil {
		s.log.Warn("cannot save the sessions: after a restart everybody has to sign in again", "error", err)
	}
}
