package installer

import (
	"context"
	"os"
	"path/filepath"

	"oibus/platform"
)

// describe waits until it serves and says where, and who may come in.
func (j *installJob) describe(ctx context.Context, a *installAnswer) error {
	w, err := readWeb(j.m, a.instance)
	if err != nil {
		return err
	}
	a.Page = w.url()
	if j.byMSI || j.noStart {
		return nil
	}
	l, err := newLocal(w)
	if err != nil {
		return err
	}
	if err := l.waitReady(ctx, readyLimit); err != nil {
		return err
	}
	a.Started, a.command = true, command(j.m, a.instance)
	var registration registrationStatus
	err = j.m.AsOwner(a.Data, func() (err error) {
		registration, err = readRegistration(a.Data)
		return err
	})
	if a.Registered = registration.Status == "REGISTERED"; err != nil {
		return forbidden(j.m, err)
	}
	login, password, err := readFirstPassword(j.m, a.Data)
	if login != "" {
		a.User, a.PasswordFile, a.password = login, filepath.Join(a.Data, "secrets", firstPasswordName), password
	}
	return err
}

type installAnswer struct {
	instance
	Page         string `json:"page"`
	Started      bool   `json:"started"`
	Registered   bool   `json:"registered"`
	User         string `json:"user,omitempty"`
	PasswordFile string `json:"passwordFile,omitempty"`
	password     string
	command      string // what a person types for this program
}

func (a *installAnswer) text() string {
	text := "Installed: " + a.label() + "\n" + lines("page", a.Page, "service", a.Service, "data", a.Data, "settings", a.Settings, "programs", a.Programs)
	if a.User != "" {
		text += lines("user", a.User) + passwordLine(a.password, a.PasswordFile)
	}
	if a.Started && !a.Registered {
		name := ""
		if a.Name != "" {
			name = " --instance " + a.Name
		}
		text += "Next: " + a.command + " register" + name + " --host URL, or register on the page.\n"
	}
	return text
}

// passwordLine shows a password to a person only: what others see may be kept.
func passwordLine(password, file string) string {
	if password != "" && platform.IsTerminal(os.Stdout) {
		return lines("password", password+" (also in "+file+" until it is changed)")
	}
	return lines("password", "in "+file+" until it is changed")
}
