package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// undo makes everything as it was, after a step failed for a reason, and returns why. Each part can be done again. What
// ours has collected meanwhile is kept.
func (s *switcher) undo(ctx context.Context, reason error) error {
	ctx = context.WithoutCancel(ctx)
	s.Reason = reason.Error()
	if s.show != nil {
		fmt.Fprintln(s.show, "it failed, making everything as it was ...")
	}
	if err := s.enter(s.m, undoing); err != nil {
		reason = errors.Join(reason, err) // the disk may be full: that is no reason to leave the site without an OIBus
	}
	kept, err := s.restore(ctx, true)
	if err == nil {
		err = s.forget(s.m)
	}
	if err == nil && !s.Known && !s.HadSettings {
		_ = os.Remove(filepath.Dir(s.Ours.Settings)) // fails when there is something in it
	}
	how := "runs again"
	if !s.Old.Running {
		how = "is as it was"
	}
	if err != nil {
		text := ""
		if s.awake {
			text = fmt.Sprintf("; the other OIBus, service %q, %s", s.Old.Name, how)
		}
		return fmt.Errorf("cannot switch: %w%s; not all could be undone, the same command goes on with that: %w", reason, text, err)
	}
	text := ""
	if kept != "" {
		text = "; what this OIBus has collected meanwhile is in " + kept
	}
	return fmt.Errorf("cannot switch: %w; the other OIBus, service %q, %s%s", reason, s.Old.Name, how, text)
}

// restore stops ours and gives the other its place again; with all, what was imported and installed goes, too. Ours is
// not running any more before the other starts, and the other starts even when something of ours could not be cleaned up.
func (s *switcher) restore(ctx context.Context, all bool) (kept string, err error) {
	i := s.Ours
	inPlace, _, err := s.oursInPlace(ctx)
	if err == nil && inPlace {
		_, err = pause(ctx, s.m, i)
	}
	if err != nil {
		return "", err // as long as ours may run, the other must not
	}
	var held error // why what was imported may still be there
	if all {
		kept, held = takeBack(ctx, s.m, i, s.key(), s.Tried)
	}
	failed := held
	if s.sharesName() {
		if err := s.m.RestoreUnit(ctx, s.Old.Name); err != nil {
			failed = errors.Join(failed, err)
			if back, err := s.oldInPlace(ctx); err != nil || !back {
				return kept, errors.Join(failed, err) // its name still means ours
			}
		}
	}
	failed = errors.Join(failed, s.changePlaces(ctx, all, held))
	if s.Old.Running {
		err = s.m.Start(ctx, s.Old.Name)
	}
	s.awake = err == nil
	if all {
		var left error
		if held == nil {
			kept, left = s.clearData(kept)
		}
		failed = errors.Join(failed, left, s.restoreSettings())
	}
	switch {
	case err != nil || !all || !s.WasOn:
	case held != nil: // both would run as the same OIBus
		err = fmt.Errorf("this OIBus, service %q, stays stopped, since it may still have what was imported", i.Service)
	default:
		err = s.m.Start(ctx, i.Service)
	}
	if failed = errors.Join(err, failed); failed == nil && all && !s.Known && !s.Programs { // they are needed to do the rest
		_, failed = removePrograms(s.registry, i)
	}
	return kept, failed
}

// again says of what could not be done how it goes on, and that the site has its OIBus meanwhile.
func (s *switcher) again(err error) error {
	text := ""
	if s.awake && s.Old.Running {
		text = fmt.Sprintf("; the other OIBus, service %q, runs again", s.Old.Name)
	}
	return fmt.Errorf("cannot go back: %w%s; the same command goes on with it", err, text)
}

// changePlaces lets the other start with the machine again, and ours no more. No order of the two is safe by itself when the
// power is cut in between, so what counts is what the machine then starts:
//
//   - the other first, as a rule: nothing comes to a machine on which neither starts and which nobody attends to. When
//     all becomes as it was, ours has nothing of the site by then and is nobody to OIAnalytics; when somebody goes back,
//     both have it for as long as one call of the service manager takes.
//   - ours first while it may have what was imported and could not be taken back: that may stay so for long.
//   - ours first, too, where one name means both: there it is in place only while a unit of the other lies below it.
func (s *switcher) changePlaces(ctx context.Context, all bool, held error) error {
	wake := func() error { return s.m.SetStart(ctx, s.Old.Name, s.Old.start()) }
	yield := func() error {
		err := s.unregister(ctx, all, held)
		if err != nil {
			err = fmt.Errorf("this OIBus, service %q, is left over and may start with the machine: %w", s.Ours.Service, err)
		}
		return err
	}
	if held != nil || s.sharesName() {
		wake, yield = yield, wake
	}
	err := wake()
	return errors.Join(err, yield())
}

// oursAsItWas lets our service, which was there before the switch, start as it did, unless it may have what was imported.
func (s *switcher) oursAsItWas(ctx context.Context, held error) error {
	inPlace, _, err := s.oursInPlace(ctx)
	if err != nil || !inPlace || s.sharesName() || s.OursStart.Type == "" {
		return err
	}
	if held != nil {
		return s.m.Disable(ctx, s.Ours.Service)
	}
	return s.m.SetStart(ctx, s.Ours.Service, oldService{Start: s.OursStart, Running: s.WasOn}.start())
}

// unregister takes our service away, or lets it start no more when a package has brought it. What was there before the
// switch stays when all becomes as it was.
func (s *switcher) unregister(ctx context.Context, all bool, held error) error {
	if s.Known && all {
		return s.oursAsItWas(ctx, held)
	}
	inPlace, mine, err := s.oursInPlace(ctx)
	if err != nil {
		return err
	}
	if inPlace && (s.Ours.ManagedBy != "" || !mine) {
		if err := s.m.Disable(ctx, s.Ours.Service); err != nil {
			return err
		}
	}
	if s.Ours.ManagedBy != "" {
		return nil
	}
	if mine {
		if err := s.m.Remove(ctx, s.Ours.Service); err != nil {
			return err
		}
	}
	if _, known := s.registry.named(s.Ours.Name); !known {
		return nil
	}
	return s.registry.remove(s.Ours.Name)
}

// back gives the other OIBus its place again, weeks later, too. Ours keeps its data.
func (j *switchJob) back(ctx context.Context) (answer, error) {
	if err := errors.Join(j.m.Administrator(), j.m.HasServiceManager()); err != nil {
		return nil, err
	}
	return alone(j.m, "switching back", func() (answer, error) { return j.goBack(ctx) })
}

func (j *switchJob) goBack(ctx context.Context) (answer, error) {
	r, err := readSwitch(j.m, j.name)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, fmt.Errorf("%s was not switched from another OIBus, or is back already", (instance{Name: j.name, Service: "-"}).label())
	}
	s := &switcher{switchJob: j, switchRecord: r}
	if s.registry, err = openRegistry(j.m); err != nil {
		return nil, err
	}
	a := &backAnswer{Service: r.Old.Name, From: r.From, Version: r.Version, Data: r.Ours.Data, At: r.At}
	if r.Phase != done && r.Phase != goingBack {
		a.Interrupted = true
		return a, s.giveUp(ctx)
	}
	if err := s.enter(j.m, goingBack); err != nil {
		return nil, err
	}
	s.Old.AtBoot, s.Old.Running = true, true // whoever goes back wants it to run
	if _, err := s.restore(context.WithoutCancel(ctx), false); err != nil {
		return nil, s.again(err)
	}
	a.Left = waitingIn(ctx, j.m, r.Ours) // the other runs: what is asked now delays nobody
	return a, s.forget(j.m)
}

// giveUp undoes a switch that was interrupted.
func (s *switcher) giveUp(ctx context.Context) error {
	s.Reason = "somebody went back before it was done"
	if err := s.enter(s.m, undoing); err != nil {
		return err
	}
	_, err := s.restore(context.WithoutCancel(ctx), true)
	if err != nil {
		return s.again(err)
	}
	return s.forget(s.m)
}

// backAnswer says what runs again.
type backAnswer struct {
	Service     string `json:"service"`
	From        string `json:"from"`
	Version     string `json:"version"`
	Data        string `json:"data"` // of ours
	Interrupted bool   `json:"interrupted"`
	// Left is what ours has not sent, nil when that cannot be told.
	Left *leftContents `json:"left,omitempty"`
	At   time.Time     `json:"switchedAt"`
}

func (a *backAnswer) text() string {
	text := fmt.Sprintf("Back: OIBus %s runs again, with the data in %s.\n", a.Version, a.From) + lines("service", a.Service)
	if a.Interrupted {
		return text + "The switch was not done yet; everything is as it was.\n"
	}
	text += "This OIBus is stopped and does not start any more. Its data stays in " + a.Data + ".\n"
	switch {
	case a.Left == nil:
		text += "How much of that was not sent yet cannot be told.\n"
	case a.Left.Waiting+a.Left.InError == 0:
		text += "It has sent all that it had collected.\n"
	default:
		text += fmt.Sprintf("It has not sent %d contents that wait and %d in error, which stay there: the other OIBus does not know of them.\n", a.Left.Waiting, a.Left.InError)
	}
	return text + fmt.Sprintf("The other OIBus goes on from where it was on %s: it sends again what waited then, and reads again what came since, as far as its sources still have it.\n", a.At.Local().Format(time.DateTime))
}
