package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"

	"oibus/platform"
)

var resetPasswordVerb = verb{
	name: "reset-password", args: "", summary: "give the user admin a new password",
	help: `
Gives the user admin, made when missing, a new random password: it is shown at a terminal and kept in a file in the data
folder that only the service and administrators read, until it is changed. Or set one that you choose: from a file, the
standard input, OIBUS_ADMIN_PASSWORD or the keyboard, never as an argument. OIBus is stopped for about a second; sessions
of the page end.

  sudo oibus-installer reset-password
  sudo oibus-installer reset-password --instance line4 --ask-password
  pass show oibus | sudo oibus-installer reset-password --password-file - --json`,
	setup: func(o *flag.FlagSet) action {
		t := targetOptions(o)
		secret := secretOptions(o, "password", "the new password", "OIBUS_ADMIN_PASSWORD")
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			return resetPassword(ctx, realMachine{}, t, secret)
		}
	},
}

func firstPasswordPath(i instance) string {
	return filepath.Join(i.Data, "secrets", firstPasswordName)
}

func resetPassword(ctx context.Context, m machine, t *target, secret *secretSource) (answer, error) {
	chosen, err := secret.read()
	if err != nil {
		return nil, err
	}
	i, err := t.find(m)
	if err != nil {
		return nil, err
	}
	if i.Service != "" {
		if err := m.Administrator(); err != nil {
			return nil, err
		}
	}
	running, err := pause(ctx, m, i)
	if err != nil {
		return nil, err
	}
	launcher, err := platform.ExecutableNear(i.Programs, "oibus-launcher")
	if err == nil {
		err = settle(m, i)
	}
	if err == nil {
		_, err = m.Run(ctx, i.Data, launcher, "--reset-password", "--config", i.Data, "--settings", i.Settings)
	}
	if running {
		err = errors.Join(err, m.Start(ctx, i.Service))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot reset the password: %w", err)
	}
	login, password, err := readFirstPassword(m, i.Data)
	a := &passwordAnswer{User: login, PasswordFile: firstPasswordPath(i), password: password}
	if err != nil || chosen == "" {
		return a, err
	}
	if !running {
		return a, fmt.Errorf("the password is the random one in %s: to set the chosen one OIBus must run", a.PasswordFile)
	}
	a.PasswordFile, a.password = "", ""
	return a, setPassword(ctx, m, i, login, password, chosen)
}

// pause stops the service if it runs, since only one program at a time may use the data folder.
func pause(ctx context.Context, m machine, i instance) (running bool, err error) {
	if i.Service == "" {
		return false, nil
	}
	p, err := placeOf(ctx, m, i)
	if err != nil || p.foreign { // that one does not use our data
		return false, err
	}
	s, err := m.Query(ctx, i.Service)
	if err != nil || s.State == platform.ServiceStopped || s.State == platform.ServiceFailed || s.State == platform.ServiceAbsent {
		return false, err
	}
	return true, m.Stop(ctx, i.Service)
}

// setPassword changes the random password into the one that was chosen, through the API.
func setPassword(ctx context.Context, m machine, i instance, login, password, chosen string) error {
	l, err := connect(ctx, m, i)
	if err != nil {
		return err
	}
	l.login, l.password = login, password
	var user struct {
		ID string `json:"id"`
	}
	if err := l.do(ctx, http.MethodGet, "/api/users/current-user", nil, &user); err != nil {
		return err
	}
	return l.do(ctx, http.MethodPut, "/api/users/"+user.ID+"/password", map[string]string{"newPassword": chosen}, nil)
}

// connect prepares to speak with the agent of an instance, once it answers.
func connect(ctx context.Context, m machine, i instance) (*local, error) {
	w, err := readWeb(m, i)
	if err != nil {
		return nil, err
	}
	l, err := newLocal(w)
	if err != nil {
		return nil, err
	}
	return l, l.waitReady(ctx, readyLimit)
}

type passwordAnswer struct {
	User         string `json:"user"`
	PasswordFile string `json:"passwordFile,omitempty"` // "" when it is the chosen one
	password     string
}

func (a *passwordAnswer) text() string {
	if a.PasswordFile == "" {
		return "The user " + a.User + " has the new password.\n"
	}
	return "The user " + a.User + " has a new password.\n" + passwordLine(a.password, a.PasswordFile)
}
