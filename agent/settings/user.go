package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/agent/entity"
	"oibus/agent/schema"
	"oibus/agent/secret"
	"oibus/platform"
)

// AdminLogin is the user of a first start.
const AdminLogin = "admin"

// maxPassword bounds what is hashed.
const maxPassword = 1024

var (
	userForm = schema.Object(
		schema.Required("login", schema.String().MinLength(4)),
		schema.Required("firstName", textOrEmpty),
		schema.Required("lastName", textOrEmpty),
		schema.Required("email", textOrEmpty),
		schema.Required("language", schema.Enum("fr", "en")),
		schema.Required("timezone", schema.String()),
	)
	newUserForm = schema.Object(
		schema.Required("user", userForm),
		schema.Required("password", schema.String()),
	)
)

// ErrCredentials says that there is no user with this login and password.
var ErrCredentials = errors.New("invalid credentials")

// UserInfo is how an author of changes is shown.
type UserInfo struct {
	ID           string `json:"id"`
	FriendlyName string `json:"friendlyName"`
}

// seedUsers makes the provisioned user when it is missing, or, when there is no user at all, one with a random
// password that stands in a file of its own until it is changed.
func (s *Service) seedUsers() error {
	login, password := s.o.Provision.AdminUsername, s.o.Provision.AdminPassword
	if login == "" {
		login = AdminLogin
	}
	if password != "" {
		if _, there := s.byLogin(login); there {
			return nil
		}
		return s.addUser(login, password, secret.HashPassword)
	}
	if len(s.users.items) > 0 {
		return nil
	}
	password = secret.NewPassword()
	if err := s.writeFirstPassword(login, password); err != nil {
		return err
	}
	return s.addUser(login, password, secret.HashGenerated)
}

func (s *Service) addUser(login, password string, how func(string) (string, error)) error {
	hash, err := how(password)
	if err != nil {
		return err
	}
	u := entity.User{
		Audit: entity.NewAudit(s.users.newID(), entity.System, s.o.Now()), Login: login, PasswordHash: hash,
		Language: "en", Timezone: "Europe/Paris",
	}
	return save(s, &s.users, s.users.with(u))
}

// ResetAdmin gives the user admin, made when missing, a random password and its first profile.
func (s *Service) ResetAdmin() (password string, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	password = secret.NewPassword()
	if err := s.writeFirstPassword(AdminLogin, password); err != nil {
		return "", err
	}
	if u, there := s.byLogin(AdminLogin); there {
		if err := save(s, &s.users, s.users.without(u.ID)); err != nil {
			return "", err
		}
	}
	return password, s.addUser(AdminLogin, password, secret.HashGenerated)
}

// FirstPasswordFile is the file that holds the random password until it is changed.
func (s *Service) FirstPasswordFile() string {
	return filepath.Join(s.o.DataDir, "secrets", "first-password.txt")
}

// HasFirstPassword says whether the random password is still in use.
func (s *Service) HasFirstPassword() bool {
	_, err := os.Stat(s.FirstPasswordFile())
	return err == nil
}

// FirstPassword reads the file of the random password: its user and the password.
func (s *Service) FirstPassword() (login, password string, err error) {
	data, err := os.ReadFile(s.FirstPasswordFile())
	if err != nil {
		return "", "", fmt.Errorf("cannot read the first password: %w", err)
	}
	login, password, _ = strings.Cut(strings.TrimSpace(string(data)), " ")
	return login, password, nil
}

func (s *Service) writeFirstPassword(login, password string) error {
	return platform.WriteFile(s.FirstPasswordFile(), []byte(login+" "+password+"\n"), 0o600)
}

// forgetFirstPassword removes the file when it is the password of login.
func (s *Service) forgetFirstPassword(login string) error {
	of, _, err := s.FirstPassword()
	if errors.Is(err, fs.ErrNotExist) || err == nil && of != login {
		return nil
	}
	if err := os.Remove(s.FirstPasswordFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the file of the first password: %w", err)
	}
	return nil
}

func (s *Service) byLogin(login string) (entity.User, bool) {
	for _, u := range s.Users() {
		if u.Login == login {
			return u, true
		}
	}
	return entity.User{}, false
}

// Users lists the users in the order they were made.
func (s *Service) Users() []entity.User { return all(s, &s.users) }

// User returns one of them.
func (s *Service) User(id string) (entity.User, error) { return one(s, &s.users, "User", id) }

// UserInfo shows an author of changes.
func (s *Service) UserInfo(id string) UserInfo {
	switch id {
	case entity.System:
		return UserInfo{id, "System"}
	case entity.OIAnalytics:
		return UserInfo{id, "OIAnalytics"}
	}
	u, err := s.User(id)
	if err != nil {
		return UserInfo{id, id}
	}
	return UserInfo{id, FriendlyName(u)}
}

// FriendlyName is "Admin", "First Last (login)" or the login.
func FriendlyName(u entity.User) string {
	if u.Login == AdminLogin {
		return "Admin"
	}
	var names []string
	for _, n := range []*string{u.FirstName, u.LastName} {
		if n != nil && *n != "" {
			names = append(names, *n)
		}
	}
	if len(names) == 0 {
		return u.Login
	}
	return fmt.Sprintf("%s (%s)", strings.Join(names, " "), u.Login)
}

// CreateUser makes a user from {user, password}.
func (s *Service) CreateUser(author string, body json.RawMessage) (entity.User, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	var b struct {
		User     json.RawMessage `json:"user"`
		Password string          `json:"password"`
	}
	if err := schema.Decode(newUserForm, body, &b); err != nil {
		return entity.User{}, err
	}
	hash, err := hashPassword("password", b.Password)
	if err != nil {
		return entity.User{}, err
	}
	u := entity.User{Audit: entity.NewAudit(s.users.newID(), author, s.o.Now()), PasswordHash: hash}
	err = s.storeUser(&u, b.User)
	return u, err
}

// UpdateUser changes the profile of a user.
func (s *Service) UpdateUser(author, id string, body json.RawMessage) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	u, err := s.User(id)
	if err != nil {
		return err
	}
	u.Audit = u.Touched(author, s.o.Now())
	return s.storeUser(&u, body)
}

func (s *Service) storeUser(u *entity.User, body json.RawMessage) error {
	u.FirstName, u.LastName, u.Email = nil, nil, nil
	if err := schema.Decode(userForm, body, u); err != nil {
		return err
	}
	if _, err := time.LoadLocation(u.Timezone); err != nil || u.Timezone == "Local" {
		return entity.Invalid(`"timezone" must be a time zone of the IANA list, it is %q`, u.Timezone)
	}
	if other, taken := s.byLogin(u.Login); taken && other.ID != u.ID {
		return entity.Invalid("UNIQUE constraint failed: users.login")
	}
	if err := save(s, &s.users, s.users.with(*u)); err != nil {
		return err
	}
	s.announce(Users)
	return nil
}

// DeleteUser removes a user, but never the last one.
func (s *Service) DeleteUser(author, id string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	u, err := s.User(id)
	if err != nil {
		return err
	}
	if len(s.Users()) == 1 {
		return entity.Invalid("User %q is the last one and cannot be deleted", u.Login)
	}
	if err := save(s, &s.users, s.users.without(id)); err != nil {
		return err
	}
	s.announce(Users)
	return s.forgetFirstPassword(u.Login)
}

// UpdatePassword changes the password of a user; sessions with the old one end.
func (s *Service) UpdatePassword(author, id, password string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	u, err := s.User(id)
	if err != nil {
		return err
	}
	if u.PasswordHash, err = hashPassword("newPassword", password); err != nil {
		return err
	}
	u.Audit = u.Touched(author, s.o.Now())
	if err := save(s, &s.users, s.users.with(u)); err != nil {
		return err
	}
	s.announce(Users)
	return s.forgetFirstPassword(u.Login)
}

func hashPassword(field, password string) (string, error) {
	if password == "" {
		return "", entity.Invalid("%q is not allowed to be empty", field)
	}
	if len(password) > maxPassword {
		return "", entity.Invalid("%q must have at most %d bytes, it has %d", field, maxPassword, len(password))
	}
	return secret.HashPassword(password)
}

// noUser is the hash that is compared with when there is no such user, so that the time of an answer does not tell
// which logins exist.
const noUser = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Authenticate returns the user with this login and password, or ErrCredentials.
func (s *Service) Authenticate(login, password string) (entity.User, error) {
	u, there := s.byLogin(login)
	hash := noUser
	if there {
		hash = u.PasswordHash
	}
	if len(password) > maxPassword || !secret.VerifyPassword(hash, password) || !there {
		return entity.User{}, ErrCredentials
	}
	return u, nil
}
