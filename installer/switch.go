package installer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/platform"
)

const (
	// contactLimit is how long OIAnalytics may take to answer the first poll unless something else is said: the agent tries
	// more than once in it.
	contactLimit = 2 * time.Minute
	// spareSpace is what must be free beside what is imported.
	spareSpace = 100 << 20
	// apartSuffix ends the name of our service where two services cannot have one name.
	apartSuffix = "-Go"
)

// switchJob moves the site of another OIBus of this machine to this one, services and all.
type switchJob struct {
	*installJob
	from, oldName string
	replace       bool
	wait          time.Duration
	show          io.Writer // where a person sees what is being done
}

func (j *switchJob) options(o *flag.FlagSet) (back *bool) {
	o.StringVar(&j.from, "switch-from", "", "take the place of the OIBus 3.8 of this machine with the data in `FOLDER`")
	o.StringVar(&j.oldName, "old-service", "", "with --switch-from: `NAME` of its service, when it cannot be found")
	o.BoolVar(&j.replace, "replace", false, "with --switch-from: put aside the configuration that this OIBus has")
	o.DurationVar(&j.wait, "wait", contactLimit, "with --switch-from: how `LONG` OIAnalytics may take to answer")
	return o.Bool("switch-back", false, "let the OIBus run again whose place was taken")
}

// misused says which options do not go together.
func (j *switchJob) misused(back bool) error {
	switch {
	case back && j.from != "":
		return badUsage("give --switch-from or --switch-back, not both")
	case j.from == "" && (j.oldName != "" || j.replace):
		return badUsage("--old-service and --replace need --switch-from, the data folder of the other OIBus")
	case j.from != "" && (j.register || j.engineName != "" || j.adminUser != "" || j.password.asked() || j.noStart || j.byMSI):
		return badUsage("with --switch-from, registration, name and users are those of the other OIBus: leave out what says them")
	case j.from == "" && j.wait != contactLimit:
		return badUsage("--wait needs --switch-from, the data folder of the other OIBus")
	case j.wait <= 0:
		return badUsage("--wait needs a time, such as 2m")
	}
	return nil
}

// switchStep is a part of a switch. It can be done again after a crash in the middle of it.
type switchStep struct {
	phase phase
	text  string
	do    func(s *switcher, ctx context.Context) error
}

var switchSteps = []switchStep{
	{stopping, "stopping the other OIBus", (*switcher).stopOld},
	{importing, "bringing its site over", (*switcher).bringOver},
	{turning, "letting this OIBus start with the machine instead", (*switcher).turn},
	{trial, "starting this OIBus, and waiting for it to serve and to reach OIAnalytics", (*switcher).tryOut},
}

// switcher carries a switch out.
type switcher struct {
	*switchJob
	*switchRecord
	registry *registry
	site     *site
	page     string
	awake    bool // the other OIBus has its place again
}

// run begins a switch, or goes on with one that was interrupted.
func (j *switchJob) run(ctx context.Context) (answer, error) {
	from, err := filepath.Abs(j.from)
	if err == nil {
		err = errors.Join(j.check(), j.m.Administrator(), j.m.HasServiceManager())
	}
	if err != nil {
		return nil, err
	}
	return alone(j.m, "switching from "+from, func() (answer, error) { return j.begin(ctx, from) })
}

func (j *switchJob) begin(ctx context.Context, from string) (answer, error) {
	s := &switcher{switchJob: j}
	var err error
	if s.registry, err = openRegistry(j.m); err != nil {
		return nil, err
	}
	if s.switchRecord, err = readSwitch(j.m, j.name); err != nil {
		return nil, err
	}
	if s.switchRecord == nil {
		if s.switchRecord, err = s.plan(ctx, from); err != nil {
			return nil, fmt.Errorf("nothing is changed: %w", because(ctx, err))
		}
		return s.goOn(ctx, stopping)
	}
	return s.resume(ctx, from)
}

// resume goes on with what was interrupted.
func (s *switcher) resume(ctx context.Context, from string) (answer, error) {
	if !platform.SameFolder(from, s.From) {
		return nil, fmt.Errorf("%s was switched from %s: go back with oibus-installer install --switch-back first", s.Ours.label(), s.From)
	}
	if err := apart(s.From, s.Ours); err != nil && s.Phase != done {
		return nil, err
	}
	switch s.Phase {
	case done:
		return s.answer(true)
	case goingBack:
		return nil, errors.New("going back was interrupted: oibus-installer install --switch-back goes on with it")
	case undoing:
		return nil, s.undo(ctx, errors.New(s.Reason))
	case turning:
		// The machine may have restarted in between, and the other OIBus have gone on: what was imported is old then.
		runs, err := s.oldRuns(ctx)
		if err != nil {
			return nil, err
		}
		if !runs {
			return s.goOn(ctx, turning)
		}
	case trial:
		return s.goOn(ctx, trial)
	}
	return s.goOn(ctx, stopping)
}

// goOn does the steps from one on. When one fails, everything becomes as it was.
func (s *switcher) goOn(ctx context.Context, from phase) (answer, error) {
	begun := false
	for _, step := range switchSteps {
		if begun = begun || step.phase == from; !begun {
			continue
		}
		if s.show != nil {
			fmt.Fprintf(s.show, "%s ...\n", step.text)
		}
		err := s.enter(s.m, step.phase)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = step.do(s, ctx)
		}
		if err != nil {
			return nil, s.undo(ctx, because(ctx, err))
		}
	}
	if err := s.enter(s.m, done); err != nil {
		return nil, s.undo(ctx, err)
	}
	_ = removeIfThere(keptSettings(s.Ours)) // one that stays is made anew before it is used
	return s.answer(false)
}

// plan looks at everything before anything is changed.
func (s *switcher) plan(ctx context.Context, from string) (*switchRecord, error) {
	old, err := s.findOld(ctx, from)
	if err != nil {
		return nil, err
	}
	i, known, err := s.target(old.Name)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(apart(from, i), s.vacantFor(ctx, old, i, known)); err != nil {
		return nil, err
	}
	r := &switchRecord{From: from, Old: old, Ours: i, Known: known, Port: s.port, Replace: s.replace, At: s.m.Now().UTC(), Programs: hasPrograms(i.Programs) == nil}
	if r.NoData, r.HadFolder, err = emptyOrAbsent(i.Data); err != nil {
		return nil, err
	}
	if platform.FoldersOverlap(i.Data, s.m.Folders().Registry) {
		r.NoData = false // what is in it is not only ours to remove
	}
	if s.site, err = foresee(ctx, s.m, i, from); err != nil {
		return nil, err
	}
	r.Version = s.site.Version
	if s.site.Registered {
		r.Cloud = s.site.Host
	}
	if s.site.Occupied && !s.replace {
		return nil, fmt.Errorf("%s has a configuration already: --replace puts it aside into %s", i.Data, filepath.Join(i.Data, "before-import-TIME"))
	}
	if known && !r.sharesName() {
		state, err := s.m.Query(ctx, i.Service)
		if err != nil {
			return nil, err
		}
		r.WasOn = state.State != platform.ServiceStopped && state.State != platform.ServiceFailed && state.State != platform.ServiceAbsent
	}
	return r, errors.Join(s.portReady(r), s.roomFor(i, from))
}

// findOld finds the service of the other OIBus.
func (s *switcher) findOld(ctx context.Context, from string) (oldService, error) {
	if _, err := os.Stat(filepath.Join(from, "oibus.db")); err != nil {
		return oldService{}, fmt.Errorf("%s is no data folder of an OIBus 3: %w", from, err)
	}
	name := s.oldName
	if name == "" {
		list, err := servicesOf(ctx, s.m, from)
		if err != nil {
			return oldService{}, err
		}
		var names []string
		for _, d := range list {
			names = append(names, d.Name)
		}
		switch len(names) {
		case 0:
			return oldService{}, fmt.Errorf("no service of this machine leads to %s: name it with --old-service; of an OIBus that is no service, oibus-installer import --from brings the site over", from)
		case 1:
			name = names[0]
		default:
			return oldService{}, fmt.Errorf("several services lead to %s: %s; say which one with --old-service", from, strings.Join(names, ", "))
		}
	}
	state, err := s.m.Query(ctx, name)
	if err == nil && state.State == platform.ServiceAbsent {
		err = fmt.Errorf("there is no service %q", name)
	}
	var start platform.ServiceStart
	if err == nil {
		start, err = s.m.StartOf(ctx, name)
	}
	return oldService{Name: name, AtBoot: state.AtBoot, Running: state.State != platform.ServiceStopped && state.State != platform.ServiceFailed, Start: start}, err
}

// target is our instance, as install would have it.
func (s *switcher) target(oldName string) (i instance, known bool, err error) {
	if i, err = s.wanted(); err != nil {
		return i, false, err
	}
	before, known := s.registry.named(i.Name)
	if known {
		i = s.keep(i, before)
	}
	if samePath(oldName, i.Service) && !s.m.SharesNames() {
		if known {
			return i, known, fmt.Errorf("the service %q is that of the other OIBus and of ours: install ours with another name, such as --instance site", oldName)
		}
		i.Service += apartSuffix
	}
	if i.ManagedBy == byMSI && !known {
		return i, known, errors.New("install the MSI first, then switch")
	}
	return i, known, nil
}

// stopOld stops both: neither may write while the site moves. Ours, when it is there, must not start with the machine either,
// where it would be a second one as soon as it has the site.
func (s *switcher) stopOld(ctx context.Context) error {
	if err := s.keepSettings(); err != nil {
		return err
	}
	ours, _, err := s.oursInPlace(ctx)
	if err == nil && ours {
		_, err = pause(ctx, s.m, s.Ours)
	}
	if err != nil || s.sharesName() && ours {
		return err
	}
	if ours {
		if err := s.disableOurs(ctx); err != nil {
			return err
		}
	}
	return s.m.Stop(ctx, s.Old.Name)
}

// disableOurs remembers, once, how ours started when it was there before the switch.
func (s *switcher) disableOurs(ctx context.Context) error {
	if s.Known && s.OursStart.Type == "" {
		start, err := s.m.StartOf(ctx, s.Ours.Service)
		if err != nil {
			return err
		}
		s.OursStart = start
		if err := s.enter(s.m, s.Phase); err != nil {
			return err
		}
	}
	return s.m.Disable(ctx, s.Ours.Service)
}

// bringOver imports. What an earlier attempt has imported is taken back first: the other OIBus may have gone on since.
func (s *switcher) bringOver(ctx context.Context) error {
	i := s.Ours
	if err := s.m.EnsureUser(ctx, s.m.Folders().Data); err != nil {
		return err
	}
	if err := s.m.GiveFolder(i.Data, i.Service); err != nil {
		return err
	}
	if _, err := s.copyPrograms(ctx, s.registry, i); err != nil {
		return err
	}
	if _, err := takeBack(ctx, s.m, i, s.key(), false); err != nil {
		return err
	}
	brought, err := bringOver(ctx, s.m, i, s.From, s.key(), s.Replace)
	if err == nil {
		s.site = brought
	}
	return err
}

// turn lets ours start with the machine, and the other no more. Where they share a name, one file replaces the other.
func (s *switcher) turn(ctx context.Context) error {
	i := s.Ours
	if err := s.writeSettings(i, s.Port); err != nil {
		return err
	}
	if i.ManagedBy == "" || s.Known {
		if err := s.registry.put(i); err != nil {
			return err
		}
	}
	if s.sharesName() {
		if err := s.m.KeepUnit(i.Service); err != nil {
			return err
		}
	}
	if err := s.enable(ctx, i); err != nil {
		return err
	}
	if s.sharesName() {
		return nil
	}
	return s.m.Disable(ctx, s.Old.Name)
}

func (s *switcher) enable(ctx context.Context, i instance) error {
	if i.ManagedBy == "" {
		return s.m.Install(ctx, serviceSpec(i))
	}
	if s.sharesName() {
		if err := s.m.Unshadow(ctx, i.Service); err != nil {
			return err
		}
	}
	return s.m.Enable(ctx, i.Service)
}

// tryOut starts ours. It must serve and, when the site is registered, be answered by OIAnalytics.
func (s *switcher) tryOut(ctx context.Context) error {
	i := s.Ours
	s.Tried = true
	if err := s.enter(s.m, trial); err != nil {
		return err
	}
	err := s.m.Start(ctx, i.Service)
	if err == nil {
		var l *local
		if l, err = connect(ctx, s.m, i); err == nil {
			s.page = l.url
		}
	}
	if err != nil {
		return s.withLastWords(err)
	}
	if s.Cloud == "" {
		return nil
	}
	var c handover.Contact
	var failed error
	err = until(ctx, s.wait, func() bool {
		failed = s.m.AsOwner(i.Data, func() (err error) {
			c, _, err = handover.ReadContact(i.Data)
			return err
		})
		return failed == nil && !c.At.IsZero()
	})
	if err == nil {
		return nil
	}
	if c.Error != "" {
		err = fmt.Errorf("%w: %s", err, c.Error)
	}
	return errors.Join(fmt.Errorf("OIAnalytics at %s has not answered: %w", s.Cloud, err), failed)
}

// oldRuns says whether the other OIBus is in place, and runs.
func (s *switcher) oldRuns(ctx context.Context) (bool, error) {
	there, err := s.oldInPlace(ctx)
	if err != nil || !there {
		return false, err
	}
	state, err := s.m.Query(ctx, s.Old.Name)
	return state.State == platform.ServiceRunning || state.State == platform.ServiceStarting, err
}

// oldInPlace says whether the name of the other service means that one.
func (s *switcher) oldInPlace(ctx context.Context) (bool, error) {
	if !s.sharesName() {
		return true, nil
	}
	ours, _, err := s.oursInPlace(ctx)
	return !ours, err
}

// oursInPlace says whether there is a service of our name that works on our data, and whether it is the one of our
// programs: only that one is ever taken away or replaced.
func (s *switcher) oursInPlace(ctx context.Context) (there, mine bool, err error) {
	p, err := placeOf(ctx, s.m, s.Ours)
	there = err == nil && p.program != "" && !p.foreign
	return there, there && p.other == "", err
}

func (s *switcher) answer(already bool) (answer, error) {
	i := s.Ours
	if s.page == "" {
		w, err := readWeb(s.m, i)
		if err != nil {
			return nil, err
		}
		s.page = w.url()
	}
	return &switchAnswer{instance: i, Page: s.page, From: s.From, Version: s.Version, OldService: s.Old.Name, Cloud: s.Cloud, Site: s.site, Already: already}, nil
}

// switchAnswer says what runs now.
type switchAnswer struct {
	instance
	Page       string `json:"page"`
	From       string `json:"from"`
	Version    string `json:"version"` // of the other OIBus
	OldService string `json:"oldService"`
	Cloud      string `json:"cloud,omitempty"`
	Site       *site  `json:"site,omitempty"`
	Already    bool   `json:"already"`
}

func (a *switchAnswer) text() string {
	if a.Already {
		return fmt.Sprintf("%s was switched already from OIBus %s in %s.\n", upperFirst(a.label()), a.Version, a.From) + lines("page", a.Page, "service", a.Service)
	}
	text := ""
	if a.Site != nil {
		text = a.Site.text() + "\n" + pathsText(a.Site)
	}
	text += fmt.Sprintf("Switched: this OIBus runs in place of OIBus %s.\n", a.Version)
	if a.Cloud != "" {
		text += "OIAnalytics at " + a.Cloud + " has answered it.\n"
	}
	name := ""
	if a.Name != "" {
		name = " --instance " + a.Name
	}
	text += lines("page", a.Page, "service", a.Service, "data", a.Data, "settings", a.Settings, "programs", a.Programs)
	text += "The page answers on this machine; [web] address in the settings opens it to others. Users and passwords are those of before.\n"
	return text + fmt.Sprintf("The other OIBus is kept as it was, in %s, and does not start any more. Back to it: oibus-installer install --switch-back%s\n", a.From, name)
}
