package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"oibus/launcher/handover"
	"oibus/launcher/release"
)

// errUnmanaged is the end of a command that nobody could carry out.
var errUnmanaged = errors.New("OIBus has not been updated: it is not run by its launcher, which alone installs another version. Start oibus-launcher instead of oibus, then send the command again")

// Run carries out the update-version of this id, or goes on with it. See command.Upgrades.
func (s *Service) Run(ctx context.Context, id string, content json.RawMessage, note func(text string)) (string, error) {
	o, err := parseOrder(id, content)
	if err != nil {
		return "", err
	}
	r := s.report(o, note)
	defer r.end()
	text, err := s.run(ctx, o, r)
	if err != nil && ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return text, err
}

func (s *Service) run(ctx context.Context, o order, r *reporter) (string, error) {
	place, result := s.where(o)
	switch {
	case place == answered:
		return s.verdict(o, result)
	case !s.o.Managed:
		return "", errors.Join(errUnmanaged, s.withdraw(o))
	case place == nowhere:
		if err := s.prepare(ctx, o, r); err != nil {
			return "", s.failure(err)
		}
	}
	return s.await(ctx, o, r)
}

// prepare downloads and verifies the release and asks the launcher for the upgrade.
func (s *Service) prepare(ctx context.Context, o order, r *reporter) error {
	p, err := s.open(o)
	if err != nil {
		return err
	}
	defer p.close()
	for {
		if err := s.o.Forbidden(); err != nil {
			return errors.Join(&toldError{err}, p.discard())
		}
		if err := s.download(ctx, o, p, r); err != nil {
			return err
		}
		err := s.stage(ctx, o, p, r)
		var refused *release.RefusedError
		if !errors.As(err, &refused) {
			return err
		}
		// What was put together from several parts may be a mixture, if the server did not notice that the release was
		// replaced between them: once, it is downloaded anew.
		patched, discardErr := p.patched(), p.discard()
		if !patched || discardErr != nil {
			return errors.Join(err, discardErr)
		}
		s.o.Log.Warn("The release that was downloaded in several parts is not good, it is downloaded anew", "asset", o.asset, "error", refused)
		p.renew()
	}
}

// failure words why nothing was handed over. What is not a release and what OIAnalytics answers are told as the
// reference does (protocol/control-plane.md, section 5.1).
func (s *Service) failure(err error) error {
	var notZip *release.NotZipError
	var refused *release.RefusedError
	var told *toldError
	switch {
	case errors.As(err, &notZip):
		return notZip
	case errors.As(err, &refused):
		return fmt.Errorf("OIBus has not been updated: the release is refused: %w", refused)
	case errors.As(err, &told):
		return told.err
	}
	return fmt.Errorf("OIBus has not been updated: %w", err)
}

// toldError is an error whose text is said as it is.
type toldError struct{ err error }

func (e *toldError) Error() string { return e.err.Error() }
func (e *toldError) Unwrap() error { return e.err }

// place is how far a command has come.
type place int

const (
	nowhere  place = iota // the launcher does not know of it
	asked                 // the launcher was asked, and has not answered
	answered              // the launcher has answered
)

// where finds out from disk how far a command has come. The launcher writes each of these before it removes the one
// before, so that there is no gap for a restart to fall into.
func (s *Service) where(o order) (place, handover.Result) {
	result, there, err := handover.ReadResult(s.o.DataDir)
	if there && err == nil && result.CommandID == o.id {
		return answered, result
	}
	s.note(err)
	request, there, err := handover.ReadRequest(s.o.DataDir)
	if there && err == nil && request.CommandID == o.id {
		return asked, handover.Result{}
	}
	s.note(err)
	status, err := handover.ReadStatus(s.o.DataDir)
	s.note(err)
	switch v := status.Upgrades; {
	case v.Attempt != nil && v.Attempt.CommandID == o.id:
		return asked, handover.Result{}
	case v.Last != nil && v.Last.CommandID == o.id:
		return answered, *v.Last
	}
	return nowhere, handover.Result{}
}

// withdraw takes a request back that no launcher will carry out.
func (s *Service) withdraw(o order) error {
	request, there, err := handover.ReadRequest(s.o.DataDir)
	if err != nil || !there || request.CommandID != o.id {
		return err
	}
	return errors.Join(handover.RemoveRequest(s.o.DataDir), s.removeStaged(request.Package))
}

// Settled forgets the answer once the end of the command is durable. See command.Upgrades.
func (s *Service) Settled(id string) {
	result, there, err := handover.ReadResult(s.o.DataDir)
	if there && err == nil && result.CommandID == id {
		err = handover.RemoveResult(s.o.DataDir)
	}
	s.note(err)
	s.tidy()
}

func (s *Service) note(err error) {
	if err != nil {
		s.o.Log.Warn("A file between OIBus and its launcher cannot be used", "error", err)
	}
}
