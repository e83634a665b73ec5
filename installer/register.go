package installer

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"oibus/platform"
)

var registerVerb = verb{
	name: "register", args: "", summary: "ask OIAnalytics for an activation code and show it",
	help: `
Lets a running OIBus register with OIAnalytics and shows the 6-character code that a person enters there. With --wait it
then waits for that, and ends with 5 when it does not happen in time. Without --host it shows the code that is waiting,
or uses the host that was named at the installation; it ends with 5 when there is none of these. It acts as the first
user while the first password is not changed; afterwards name a user, and give the password in a file, on the standard
input, in OIBUS_PASSWORD or at the keyboard.

  sudo oibus-installer register --host https://site.oianalytics.com
  sudo oibus-installer register --host https://site.oianalytics.com --wait 10m
  sudo oibus-installer register --instance line4 --host https://site.oianalytics.com --user ops --password-file secret`,
	setup: func(o *flag.FlagSet) action {
		j := registerJob{m: realMachine{}, target: targetOptions(o), show: os.Stderr}
		o.StringVar(&j.host, "host", "", "`URL` of OIAnalytics")
		o.StringVar(&j.proxy, "proxy", "", "`URL` of the proxy on the way there; its user and password are set on the page")
		o.BoolVar(&j.accept, "accept-unauthorized", false, "do not verify the certificate of OIAnalytics")
		o.DurationVar(&j.wait, "wait", 0, "how `LONG` to wait until somebody has entered the code, such as 10m")
		o.StringVar(&j.user, "user", "", "`NAME` of a user of the page (default: the first one)")
		j.password = secretOptions(o, "password", "the password of that user", "OIBUS_PASSWORD")
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			return j.run(ctx)
		}
	},
}

type registerJob struct {
	m           machine
	target      *target
	host, proxy string
	accept      bool
	wait        time.Duration
	user        string
	password    *secretSource
	show        io.Writer // where who waits reads the code meanwhile, nil for nowhere
}

func (j registerJob) run(ctx context.Context) (answer, error) {
	if err := checkHost(j.host); err != nil {
		return nil, err
	}
	i, err := j.target.find(j.m)
	if err != nil {
		return nil, err
	}
	if err := j.runs(ctx, i); err != nil {
		return nil, err
	}
	l, err := connect(ctx, j.m, i)
	if err != nil {
		return nil, err
	}
	if err := logIn(j.m, l, i, j.user, j.password); err != nil {
		return nil, err
	}
	var r map[string]any
	if err := l.do(ctx, http.MethodGet, "/api/oianalytics/registration", nil, &r); err != nil {
		return nil, err
	}
	if host := j.wantedHost(i, r); host != "" {
		if err := j.ask(ctx, l, r, host); err != nil {
			return nil, err
		}
	}
	return j.follow(ctx, l)
}

// runs says at once what would show only after a minute without an answer.
func (j registerJob) runs(ctx context.Context, i instance) error {
	if i.Service == "" {
		return nil
	}
	if err := ours(ctx, j.m, i); err != nil {
		return err
	}
	s, err := j.m.Query(ctx, i.Service)
	if err == nil && (s.State == platform.ServiceStopped || s.State == platform.ServiceFailed || s.State == platform.ServiceAbsent) {
		return fmt.Errorf("the service %q does not run: oibus-installer start", i.Service)
	}
	if lacksRights(j.m, err) {
		return nil
	}
	return err
}

// logIn decides who asks: the user that the command line names, else the first one while its password is not changed.
func logIn(m machine, l *local, i instance, user string, password *secretSource) error {
	given, err := password.read()
	if err != nil {
		return err
	}
	l.login, l.password = user, given
	if given != "" {
		if user == "" {
			l.login = "admin"
		}
		return nil
	}
	login, first, err := readFirstPassword(m, i.Data)
	if err != nil {
		return err
	}
	if login == "" || user != "" && user != login {
		return fmt.Errorf("the password of a user is needed: give it with --user and --password-file or --ask-password")
	}
	l.login, l.password = login, first
	return nil
}

// wantedHost is the host to register with, "" when a code waits already or there is nothing to do.
func (j registerJob) wantedHost(i instance, r map[string]any) string {
	if j.host != "" {
		return j.host
	}
	if r["status"] != "NOT_REGISTERED" {
		return ""
	}
	return i.Host
}

// ask registers. What is not said stays as it is.
func (j registerJob) ask(ctx context.Context, l *local, r map[string]any, host string) error {
	form := map[string]any{}
	for _, key := range []string{"acceptUnauthorized", "useProxy", "proxyUrl", "proxyUsername", "useApiGateway", "apiGatewayHeaderKey",
		"apiGatewayBaseEndpoint", "commandRefreshInterval", "commandRetryInterval", "messageRetryInterval", "commandPermissions"} {
		form[key] = r[key]
	}
	form["host"], form["proxyPassword"], form["apiGatewayHeaderValue"] = host, nil, nil // blank secrets stay as they are
	if j.accept {
		form["acceptUnauthorized"] = true
	}
	if j.proxy != "" {
		form["useProxy"], form["proxyUrl"] = true, j.proxy
	}
	if err := l.do(ctx, http.MethodPost, "/api/oianalytics/register", form, nil); err != nil {
		return fmt.Errorf("cannot register with %s: %w", host, err)
	}
	return nil
}

// follow tells where the registration stands, when it is asked to after the code was entered.
func (j registerJob) follow(ctx context.Context, l *local) (answer, error) {
	a := &registerAnswer{waited: j.wait}
	look := func() error {
		var r struct {
			Status    string  `json:"status"`
			Host      string  `json:"host"`
			Code      *string `json:"activationCode"`
			ExpiresAt *string `json:"activationExpirationDate"`
		}
		if err := l.do(ctx, http.MethodGet, "/api/oianalytics/registration", nil, &r); err != nil {
			return err
		}
		a.Status, a.Host, a.ActivationCode, a.ExpiresAt = r.Status, r.Host, "", ""
		if r.Code != nil && r.Status == "PENDING" {
			a.ActivationCode = *r.Code
			if r.ExpiresAt != nil {
				a.ExpiresAt = *r.ExpiresAt
			}
		}
		return nil
	}
	if err := look(); err != nil || j.wait <= 0 {
		return a, err
	}
	if a.ActivationCode != "" && j.show != nil {
		// The answer comes when the waiting is over, but the code is needed for that.
		fmt.Fprint(j.show, a.text())
	}
	var failed error
	// That the time is over shows in the status.
	_ = until(ctx, j.wait, func() bool {
		failed = look()
		return failed != nil || a.Status != "PENDING"
	})
	return a, failed
}

type registerAnswer struct {
	registrationStatus
	waited time.Duration
}

func (a *registerAnswer) inOrder() bool {
	return a.Status == "REGISTERED" || a.Status == "PENDING" && a.waited == 0
}

func (a *registerAnswer) text() string {
	switch {
	case a.ActivationCode != "":
		return fmt.Sprintf("Activation code: %s\nEnter it in OIAnalytics at %s until %s.\n", a.ActivationCode, a.Host, a.ExpiresAt)
	case a.Status == "REGISTERED":
		return "Registered with " + a.Host + ".\n"
	}
	return "Not registered: oibus-installer register --host URL asks for an activation code.\n"
}

// hostOf is the address and port behind a URL.
func hostOf(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
