package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/platform"
)

var statusVerb = verb{
	name: "status", args: "", summary: "show the instances: service, versions, page, registration, upgrades",
	help: `
Shows each OIBus of this machine: its service, which version runs, which one the package or archive has installed (the
factory release) and which one a remote upgrade has brought, what became of the last upgrade, where the page is, and how
its registration with OIAnalytics stands. The newer of the two releases runs; both are told. Exit code 5 says that one of
them does not serve. To see all, it needs the rights of an administrator: without them, what is not known is called so,
and the exit code is 7.

  sudo oibus-installer status
  sudo oibus-installer status --instance line4 --json | jq -r .instances[0].registration.activationCode
  oibus-installer status --config ./data`,
	setup: func(o *flag.FlagSet) action {
		t := targetOptions(o)
		return func(ctx context.Context, args []string) (answer, error) {
			if err := none(args); err != nil {
				return nil, err
			}
			return statusOf(ctx, realMachine{}, t)
		}
	},
}

// statusOf looks at one instance, or at all.
func statusOf(ctx context.Context, m machine, t *target) (answer, error) {
	var list []instance
	if t.name == "" && t.data == "" {
		r, err := openRegistry(m)
		if err != nil {
			return nil, err
		}
		list = r.all()
	}
	if len(list) == 0 {
		i, err := t.find(m)
		if err != nil {
			return nil, err
		}
		list = []instance{i}
	}
	a := statusAnswer{Factory: platform.Version}
	for _, i := range list {
		a.Instances = append(a.Instances, look(ctx, m, i))
	}
	return a, nil
}

type statusAnswer struct {
	Factory   string           `json:"factory"` // version of the programs that a package or archive has installed
	Instances []instanceStatus `json:"instances"`
}

type instanceStatus struct {
	instance
	State        platform.ServiceStatus `json:"state"`
	Running      string                 `json:"running,omitempty"`     // version
	FromUpgrade  *bool                  `json:"fromUpgrade,omitempty"` // it lies under versions/ in the data folder
	Previous     string                 `json:"previous,omitempty"`
	Phase        string                 `json:"phase,omitempty"` // of an upgrade under way
	Last         *handover.Result       `json:"last,omitempty"`  // upgrade
	Bad          []string               `json:"bad,omitempty"`   // versions that failed their trial
	Page         string                 `json:"page,omitempty"`
	Answers      *bool                  `json:"answers,omitempty"`
	Registration *registrationStatus    `json:"registration,omitempty"`
	PasswordFile string                 `json:"passwordFile,omitempty"` // while the first password is not changed
	Problems     []string               `json:"problems,omitempty"`
	// NeedsRights says that something could not be read for lack of rights. What is absent then may be there.
	NeedsRights bool `json:"needsRights,omitempty"`

	versionsKnown, registrationKnown bool
}

type registrationStatus struct {
	Status         string `json:"status"`
	Host           string `json:"host"`
	ActivationCode string `json:"activationCode,omitempty"`
	ExpiresAt      string `json:"expiresAt,omitempty"`
}

// look finds out what can be known of an instance. What cannot is a problem, not a failure, and what this process may
// not read is neither: it stays unknown.
func look(ctx context.Context, m machine, i instance) instanceStatus {
	s := instanceStatus{instance: i}
	if i.Service != "" {
		var err error
		s.State, err = m.Query(ctx, i.Service)
		s.note(m, err)
	}
	s.lookAtPage(ctx, m, i)
	var versions, registration error
	err := m.AsOwner(existing(i.Data), func() error {
		versions, registration = s.readVersions(i), s.readRegistration(i)
		return nil
	})
	for _, err := range []error{err, versions, registration} {
		s.note(m, err)
	}
	login, _, err := readFirstPassword(m, existing(i.Data))
	if err == nil && login != "" {
		s.PasswordFile = firstPasswordPath(i)
	}
	s.note(m, err)
	return s
}

// note keeps what went wrong.
func (s *instanceStatus) note(m machine, err error) {
	if err != nil && !s.noteRights(m, err) {
		s.Problems = append(s.Problems, err.Error())
	}
}

// noteRights says whether an error comes from the lack of rights, which is told once.
func (s *instanceStatus) noteRights(m machine, err error) bool {
	lacks := lacksRights(m, err)
	s.NeedsRights = s.NeedsRights || lacks
	return lacks
}

// lacksRights says whether an error would not be there for an administrator.
func lacksRights(m machine, err error) bool {
	var rights *rightsError
	return errors.As(forbidden(m, err), &rights)
}

// lookAtPage finds the page and whether it answers, as far as its settings can be read.
func (s *instanceStatus) lookAtPage(ctx context.Context, m machine, i instance) {
	w, err := readWeb(m, i)
	if err != nil {
		s.note(m, err)
		return
	}
	s.Page = w.url()
	if w.own {
		if _, err := readPageCertificate(w.certificate); s.noteRights(m, err) {
			return
		}
	}
	l, err := newLocal(w)
	s.note(m, err)
	if lacksRights(m, err) {
		return
	}
	answers := err == nil && l.answers(ctx)
	s.Answers = &answers
}

// readVersions reads what the launcher keeps in the data folder.
func (s *instanceStatus) readVersions(i instance) error {
	h, err := handover.ReadStatus(i.Data)
	if err == nil {
		s.versionsKnown = true
		s.versions(h)
	}
	return err
}

// readRegistration reads what the agent keeps of it.
func (s *instanceStatus) readRegistration(i instance) error {
	r, err := readRegistration(i.Data)
	s.registrationKnown = err == nil
	if r.Status != "" {
		s.Registration = &r
	}
	return err
}

func (s *instanceStatus) versions(h handover.Status) {
	if h.Agent != nil {
		s.Running = h.Agent.Version
	}
	brought := !h.Upgrades.Running.IsFactory()
	s.FromUpgrade = &brought
	if h.Upgrades.Previous != nil {
		s.Previous = h.Upgrades.Previous.Version
	}
	if h.Phase != "idle" {
		s.Phase = h.Phase
	}
	s.Last = h.Upgrades.Last
	for _, b := range h.Upgrades.Bad {
		s.Bad = append(s.Bad, b.Version)
	}
}

// readRegistration reads how the registration stands from what the agent keeps; the zero value when there is none yet.
func readRegistration(data string) (registrationStatus, error) {
	var r struct {
		Status    string  `json:"status"`
		Host      string  `json:"host"`
		Code      *string `json:"activationCode"`
		ExpiresAt *string `json:"activationExpirationDate"`
	}
	if err := readDocument(data, "registration", &r); err != nil {
		return registrationStatus{}, err
	}
	s := registrationStatus{Status: r.Status, Host: r.Host}
	if r.Code != nil && r.Status == "PENDING" {
		s.ActivationCode = *r.Code
		if r.ExpiresAt != nil {
			s.ExpiresAt = *r.ExpiresAt
		}
	}
	return s, nil
}

func (s instanceStatus) answers() bool { return s.Answers != nil && *s.Answers }

func (s instanceStatus) fromUpgrade() bool { return s.FromUpgrade != nil && *s.FromUpgrade }

func (s instanceStatus) well() bool { return s.answers() && len(s.Problems) == 0 }

func (a statusAnswer) needsRights() bool {
	return slices.ContainsFunc(a.Instances, func(s instanceStatus) bool { return s.NeedsRights })
}

func (a statusAnswer) inOrder() bool {
	for _, s := range a.Instances {
		if !s.well() {
			return false
		}
	}
	return true
}

func (a statusAnswer) text() string {
	var b strings.Builder
	for n, s := range a.Instances {
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s.text(a.Factory))
	}
	return b.String()
}

func (s instanceStatus) text(factory string) string {
	title := s.label()
	if s.Name == "" && s.Service != "" {
		title = "OIBus"
	}
	text := title + "\n" + lines("service", s.serviceLine(), "runs", s.versionLine(factory), "factory", factory+", in "+s.Programs,
		"go back to", s.Previous, "upgrade", s.Phase, "last upgrade", lastLineOf(s.Last), "failed before", strings.Join(s.Bad, ", "),
		"page", s.pageLine(), "registration", s.registrationLine(), "data", s.Data, "settings", s.Settings)
	if s.PasswordFile != "" {
		text += lines("password", "in "+s.PasswordFile+" until it is changed")
	}
	for _, p := range s.Problems {
		text += lines("problem", strings.ReplaceAll(p, "\n", "\n"+strings.Repeat(" ", labelWidth+3)))
	}
	if s.NeedsRights {
		text += lines("rights", rightsWanted)
	}
	return text
}

const (
	// unknownValue stands for what cannot be read, for which rightsWanted gives the reason.
	unknownValue = "unknown without more rights"
	rightsWanted = "needs " + platform.Administrator + " to show all"
)

func (s instanceStatus) pageLine() string {
	switch {
	case s.Page == "" && !s.NeedsRights:
		return "" // why is a problem of its own
	case s.Page == "":
		return unknownValue
	case s.Answers == nil:
		return s.Page + " (whether it answers is " + unknownValue + ")"
	case !*s.Answers:
		return s.Page + " (does not answer)"
	}
	return s.Page
}

func (s instanceStatus) serviceLine() string {
	if s.Service == "" {
		return ""
	}
	if s.State.State == "" { // the question had no answer: when rights do not say why, a problem does
		return s.Service + ": unknown"
	}
	text := s.Service + ": " + string(s.State.State)
	if s.State.PID != 0 {
		text += fmt.Sprintf(", process %d", s.State.PID)
	}
	if !s.State.AtBoot && s.State.State != platform.ServiceAbsent {
		text += ", does not start with the machine"
	}
	return text
}

func (s instanceStatus) versionLine(factory string) string {
	switch {
	case !s.versionsKnown && s.NeedsRights:
		return unknownValue
	case !s.versionsKnown:
		return "" // why is a problem of its own
	case s.Running == "":
		return "nothing"
	case s.fromUpgrade():
		return s.Running + ", brought by an upgrade"
	case s.Running != factory:
		return s.Running + ", the factory release is newer and runs after a restart"
	}
	return s.Running + ", the factory release"
}

func (s instanceStatus) registrationLine() string {
	r := s.Registration
	switch {
	case !s.registrationKnown && s.NeedsRights:
		return unknownValue
	case r == nil:
		return ""
	case r.ActivationCode != "":
		return fmt.Sprintf("enter the code %s in OIAnalytics at %s (until %s)", r.ActivationCode, r.Host, r.ExpiresAt)
	case r.Status == "REGISTERED":
		return "registered with " + r.Host
	}
	return "not registered"
}

func lastLineOf(r *handover.Result) string {
	if r == nil {
		return ""
	}
	text := fmt.Sprintf("to %s at %s: %s", r.Version, r.EndedAt.Local().Format(time.DateTime), r.Outcome)
	if r.Reason != "" {
		text += ", " + r.Reason
	}
	return text
}
