package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
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
	Factory   string           `json:"factory"` // version of this program, and of the programs that came with it
	Instances []instanceStatus `json:"instances"`
}

type instanceStatus struct {
	instance
	State        platform.ServiceStatus `json:"state"`
	Factory      string                 `json:"factory,omitempty"`     // version of the programs of this instance
	Running      string                 `json:"running,omitempty"`     // version
	FromUpgrade  *bool                  `json:"fromUpgrade,omitempty"` // it lies under versions/ in the data folder
	Previous     string                 `json:"previous,omitempty"`
	Phase        string                 `json:"phase,omitempty"` // of an upgrade under way
	Last         *handover.Result       `json:"last,omitempty"`  // upgrade
	Bad          []string               `json:"bad,omitempty"`   // versions that failed their trial
	Page         string                 `json:"page,omitempty"`
	Answers      *bool                  `json:"answers,omitempty"`
	OtherAnswers bool                   `json:"otherAnswers,omitempty"` // something else, on our port
	OtherProgram string                 `json:"otherProgram,omitempty"` // that the service of our name is of
	Registration *registrationStatus    `json:"registration,omitempty"`
	PasswordFile string                 `json:"passwordFile,omitempty"` // while the first password is not changed
	Problems     []string               `json:"problems,omitempty"`
	// NeedsRights says that something could not be read for lack of rights. What is absent then may be there.
	NeedsRights bool `json:"needsRights,omitempty"`

	versionsKnown, registrationKnown bool
	launched                         bool // there is or was a launcher, which notes the agent that runs
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
	s := instanceStatus{instance: i, Factory: factoryVersion(m, i)}
	if i.Service != "" {
		var err error
		s.State, err = m.Query(ctx, i.Service)
		s.note(m, err)
		s.lookAtPlace(ctx, m, i)
	}
	s.lookAtPage(ctx, m, i)
	var versions, registration error
	err := m.AsOwner(platform.Existing(i.Data), func() error {
		versions, registration = s.readVersions(i), s.readRegistration(i)
		return nil
	})
	for _, err := range []error{err, versions, registration} {
		s.note(m, err)
	}
	login, _, err := readFirstPassword(m, platform.Existing(i.Data))
	if err == nil && login != "" {
		s.PasswordFile = firstPasswordPath(i)
	}
	s.note(m, err)
	s.whoAnswers(ctx, m, i)
	return s
}

// lookAtPlace finds out whether the service of that name is ours. How another one is says nothing of ours.
func (s *instanceStatus) lookAtPlace(ctx context.Context, m machine, i instance) {
	p, err := placeOf(ctx, m, i)
	s.note(m, err)
	switch {
	case p.foreign:
		s.State, s.OtherProgram = platform.ServiceStatus{State: platform.ServiceAbsent}, p.program
	case p.inhabited():
		s.Problems = append(s.Problems, fmt.Sprintf("the service %s runs the programs in %s, not these: one of the two installations is too many", i.Service, p.other))
	}
}

// noteLimit is how long the launcher may take to note an agent that answers already.
const noteLimit = 5 * time.Second

// whoAnswers decides whether it is this OIBus that answers: it must run for that. Without a service nobody can tell.
func (s *instanceStatus) whoAnswers(ctx context.Context, m machine, i instance) {
	if !s.answers() || i.Service == "" || s.State.State == "" && s.OtherProgram == "" {
		return
	}
	if s.State.State == platform.ServiceRunning && s.launched && s.Running == "" {
		// That the time is over shows in what it has read last.
		_ = until(ctx, noteLimit, func() bool {
			err := m.AsOwner(i.Data, func() error { return s.readVersions(i) })
			return err != nil || s.Running != ""
		})
	}
	if s.State.State != platform.ServiceRunning || s.launched && s.Running == "" {
		no := false
		s.Answers, s.OtherAnswers = &no, true
	}
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
		s.versionsKnown, s.launched = true, h.Phase != ""
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
	s.Previous, s.Phase = "", ""
	if h.Phase != "idle" {
		s.Phase = h.Phase // which of the versions runs is being decided
	} else if known := goingBackTo(h.Upgrades, s.Factory); len(known) > 0 {
		s.Previous = known[0]
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

// well says that it is this OIBus that serves.
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
		b.WriteString(s.text())
	}
	return b.String()
}

func (s instanceStatus) text() string {
	title := s.label()
	if s.Name == "" && s.Service != "" {
		title = "OIBus"
	}
	text := title + "\n" + lines("service", s.serviceLine(), "runs", s.versionLine(), "factory", s.factoryLine(),
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
	case s.OtherAnswers:
		return s.Page + " (" + s.otherAnswersText() + ")"
	case s.Answers == nil:
		return s.Page + " (whether it answers is " + unknownValue + ")"
	case !*s.Answers:
		return s.Page + " (does not answer)"
	}
	return s.Page
}

// otherAnswersText says that what answers is not this OIBus.
func (s instanceStatus) otherAnswersText() string {
	port := s.Page
	if u, err := url.Parse(s.Page); err == nil {
		port = u.Port()
	}
	if s.State.State == platform.ServiceStarting {
		return "something answers on port " + port + " while this OIBus still starts: when that does not end, another program has the port"
	}
	return "another program answers on port " + port + ", this OIBus does not"
}

func (s instanceStatus) serviceLine() string {
	if s.Service == "" {
		return ""
	}
	if s.OtherProgram != "" {
		return s.Service + ": that of another program, " + s.OtherProgram
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

func (s instanceStatus) factoryLine() string {
	if s.Factory == "" {
		return "unknown version, in " + s.Programs
	}
	return s.Factory + ", in " + s.Programs
}

func (s instanceStatus) versionLine() string {
	switch {
	case !s.versionsKnown && s.NeedsRights:
		return unknownValue
	case !s.versionsKnown:
		return "" // why is a problem of its own
	case s.Running == "":
		return "nothing"
	case s.fromUpgrade():
		return s.Running + ", brought by an upgrade"
	case s.Factory == "":
		return s.Running
	case s.Running != s.Factory:
		return s.Running + ", the factory release is another one and runs after a restart"
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
