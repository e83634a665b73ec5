package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/web/access"
)

// authenticate answers Basic credentials with a token (protocol/rest-notes.md, "Log in").
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) error {
	login, password, given := r.BasicAuth()
	if !given {
		refuse(w, http.StatusForbidden, "Invalid credentials")
		return nil
	}
	user, err := s.gate.Verify(r, login, password)
	if errors.Is(err, access.ErrCredentials) {
		refuse(w, http.StatusForbidden, "Invalid credentials")
		return nil
	}
	if err != nil {
		return err
	}
	token, err := s.gate.Token(r.Context(), user)
	if err != nil {
		return err
	}
	return ok(w, map[string]string{"access_token": token})
}

func (s *Server) currentUser(w http.ResponseWriter, r *http.Request) error {
	user, err := s.o.Settings.User(author(r))
	if err != nil {
		return err
	}
	return ok(w, currentUserDTO(user))
}

// searchUsers finds users by a part of their login, in the order of their logins.
func (s *Server) searchUsers(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	number := q.page()
	if err := q.err(); err != nil {
		return err
	}
	part := strings.ToLower(q.text("login"))
	found := slices.DeleteFunc(slices.Clone(s.o.Settings.Users()), func(u entity.User) bool {
		return !strings.Contains(strings.ToLower(u.Login), part)
	})
	slices.SortFunc(found, func(a, b entity.User) int { return cmp.Compare(a.Login, b.Login) })
	return ok(w, pageOf(found, number, s.userDTO))
}

func (s *Server) findUser(w http.ResponseWriter, r *http.Request) error {
	user, err := s.o.Settings.User(r.PathValue("id"))
	if err != nil {
		return err
	}
	return ok(w, s.userDTO(user))
}

func (s *Server) createUser(w http.ResponseWriter, r *http.Request) error {
	content, err := body(r, newUserForm)
	if err != nil {
		return err
	}
	user, err := s.o.Settings.CreateUser(author(r), content)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, s.userDTO(user))
	return nil
}

func (s *Server) updateUser(r *http.Request, content json.RawMessage) error {
	return s.o.Settings.UpdateUser(author(r), r.PathValue("id"), content)
}

func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request) error {
	if err := s.o.Settings.DeleteUser(author(r), r.PathValue("id")); err != nil {
		return err
	}
	return noContent(w)
}

// updatePassword asks for the caller's own password, so that an open page or a stolen token is not enough to take an
// account over (the reference does not ask: W-71). Basic credentials are that password already.
func (s *Server) updatePassword(r *http.Request, content json.RawMessage) error {
	var change struct{ CurrentPassword, NewPassword string }
	if err := json.Unmarshal(content, &change); err != nil {
		return err
	}
	if err := s.confirm(r, change.CurrentPassword); err != nil {
		return err
	}
	return s.o.Settings.UpdatePassword(author(r), r.PathValue("id"), change.NewPassword)
}

func (s *Server) confirm(r *http.Request, password string) error {
	if id, _ := access.From(r.Context()); id.Means == access.Basic {
		return nil
	}
	if password == "" {
		return entity.Invalid(`"currentPassword" is required`)
	}
	err := s.gate.ConfirmPassword(r, password)
	if errors.Is(err, access.ErrCredentials) {
		return entity.Invalid(`"currentPassword" is not your present password`)
	}
	return err
}
