// Package auth finds out who sends a request: a session cookie, Basic credentials or a Bearer token, as
// protocol/rest-notes.md describes them. It promises that every proof dies with the password it was obtained with,
// that passwords cannot be guessed quickly from one address or from many, and that a script which sends Basic
// credentials with each call does not pay for a password hash each time. It guards against the forged token, the
// stolen session file (which holds only hashes) and the memory that grows with the number of attackers.
package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"oibus/agent/entity"
	"oibus/agent/web/access"
)

var (
	// ErrNone says that the request carries no credentials at all.
	ErrNone = errors.New("no credentials")
	// ErrToken says that a Bearer token is forged, expired, or of a password that has changed.
	ErrToken = errors.New("invalid token")
)

// Users is where logins and passwords are checked. User must be cheap: it is asked for at every request.
type Users interface {
	User(id string) (entity.User, error)
	Authenticate(login, password string) (entity.User, error)
}

// Options are what a Gate needs. Sessions may be nil: sessions then end with the process.
type Options struct {
	Users    Users
	Lifetime func() time.Duration                             // of a session or token, asked for each time
	Signer   func(ctx context.Context) (crypto.Signer, error) // RSA key of the tokens; asked for when a token is needed
	Sessions SessionStore
	Cookie   string // name of the session cookie
	Log      *slog.Logger
	Now      func() time.Time
}

// Gate tells who calls. It is safe for concurrent use.
type Gate struct {
	users    Users
	sessions *sessions
	tokens   tokens
	basic    *basicCache
	limiter  *limiter
	checking chan struct{}
	log      *slog.Logger
	now      func() time.Time
}

// maxChecking bounds how many passwords are checked, or wait to be checked, at a time: each takes memory and time.
const maxChecking = 8

// New makes a Gate with the sessions that are still in the store.
func New(o Options) *Gate {
	return &Gate{
		users:    o.Users,
		sessions: newSessions(o),
		tokens:   tokens{signer: o.Signer, lifetime: o.Lifetime, now: o.Now},
		basic:    newBasicCache(o.Now),
		limiter:  newLimiter(o.Now),
		checking: make(chan struct{}, maxChecking),
		log:      o.Log,
		now:      o.Now,
	}
}

// Caller is who sends a request, and how long that holds.
type Caller struct {
	access.Identity
	valid func() bool
}

// Valid says whether the proof still holds: not expired, not signed out, the password unchanged, the user not deleted.
func (c Caller) Valid() bool { return c.valid != nil && c.valid() }

// Identify says who sends r. Its errors are ErrNone, ErrToken, access.ErrCredentials, *access.LimitedError, or what
// kept the credentials from being checked. tokenInURL also takes a token from the query, for EventSource.
func (g *Gate) Identify(r *http.Request, tokenInURL bool) (Caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return g.fromHeader(r, header)
	}
	if token := r.URL.Query().Get("token"); tokenInURL && token != "" {
		return g.fromToken(r.Context(), token)
	}
	return g.Session(r)
}

func (g *Gate) fromHeader(r *http.Request, header string) (Caller, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "basic":
		login, password, ok := r.BasicAuth()
		if !ok {
			return Caller{}, access.ErrCredentials
		}
		return g.fromBasic(r, login, password)
	case "bearer":
		return g.fromToken(r.Context(), strings.TrimSpace(rest))
	}
	return Caller{}, ErrNone
}

// Session says who sends r by its session cookie alone.
func (g *Gate) Session(r *http.Request) (Caller, error) {
	s, ok := g.sessions.find(r)
	if !ok {
		return Caller{}, ErrNone
	}
	user, ok := g.unchanged(s.UserID, s.PasswordMark)
	if !ok {
		g.sessions.remove(s.Hash)
		return Caller{}, ErrNone
	}
	return g.caller(user, access.Cookie, func() bool { return g.sessions.alive(s.Hash) }), nil
}

func (g *Gate) fromToken(ctx context.Context, token string) (Caller, error) {
	claims, err := g.tokens.parse(ctx, token)
	if err != nil {
		return Caller{}, err
	}
	user, ok := g.unchanged(claims.Subject, claims.PasswordMark)
	if !ok {
		return Caller{}, ErrToken
	}
	until := claims.ExpiresAt.Time
	return g.caller(user, access.Bearer, func() bool { return g.now().Before(until) }), nil
}

func (g *Gate) fromBasic(r *http.Request, login, password string) (Caller, error) {
	if seen, ok := g.basic.find(login, password); ok {
		if seen.userID == "" {
			return Caller{}, access.ErrCredentials
		}
		if user, ok := g.unchanged(seen.userID, seen.mark); ok {
			return g.caller(user, access.Basic, nil), nil
		}
	}
	user, err := g.Verify(r, login, password)
	if errors.Is(err, access.ErrCredentials) {
		g.basic.wrong(login, password)
	}
	if err != nil {
		return Caller{}, err
	}
	g.basic.right(login, password, user)
	return g.caller(user, access.Basic, nil), nil
}

// caller makes a Caller of user whose proof holds while holds does (nil: always) and the password stays the same.
func (g *Gate) caller(user entity.User, means access.Means, holds func() bool) Caller {
	mark := passwordMark(user)
	return Caller{
		Identity: access.Identity{UserID: user.ID, Login: user.Login, Means: means},
		valid: func() bool {
			_, same := g.unchanged(user.ID, mark)
			return same && (holds == nil || holds())
		},
	}
}

func (g *Gate) unchanged(userID, mark string) (entity.User, bool) {
	user, err := g.users.User(userID)
	return user, err == nil && passwordMark(user) == mark
}

// Verify checks a login and password sent by r, and counts the wrong ones.
func (g *Gate) Verify(r *http.Request, login, password string) (entity.User, error) {
	refund, err := g.limiter.take(ClientAddr(r))
	if err != nil {
		return entity.User{}, err
	}
	select {
	case g.checking <- struct{}{}:
		defer func() { <-g.checking }()
	case <-r.Context().Done():
		refund()
		return entity.User{}, r.Context().Err()
	}
	user, err := g.users.Authenticate(login, password)
	if err != nil { // the login is not told: people type passwords there
		g.log.Warn("wrong login or password for the admin page or the REST API", "client", ClientAddr(r).String())
		return entity.User{}, access.ErrCredentials
	}
	refund()
	return user, nil
}

// Token makes a Bearer token for user.
func (g *Gate) Token(ctx context.Context, user entity.User) (string, error) {
	return g.tokens.make(ctx, user)
}

// SignIn checks login and password and answers with a session cookie.
func (g *Gate) SignIn(w http.ResponseWriter, r *http.Request, login, password string) error {
	user, err := g.Verify(r, login, password)
	if err != nil {
		return err
	}
	g.sessions.start(w, r, user)
	g.log.Info("signed in to the admin page", "user", user.Login, "client", ClientAddr(r).String())
	return nil
}

// SignOut ends the session of r and takes its cookie back.
func (g *Gate) SignOut(w http.ResponseWriter, r *http.Request) { g.sessions.end(w, r) }

// ConfirmPassword checks that password is that of whom r was found to come from.
func (g *Gate) ConfirmPassword(r *http.Request, password string) error {
	id, ok := access.From(r.Context())
	if !ok {
		return access.ErrCredentials
	}
	_, err := g.Verify(r, id.Login, password)
	return err
}

// passwordMark changes with the password of user and tells nothing about it: the hash behind is salted.
func passwordMark(user entity.User) string {
	sum := sha256.Sum256([]byte("oibus password mark\x00" + user.ID + "\x00" + user.PasswordHash))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// ClientAddr is the address that r comes from, IPv4 in its plain form. It is the zero Addr when r has none.
func ClientAddr(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}
