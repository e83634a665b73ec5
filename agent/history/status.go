package history

import (
	"context"
	"errors"
	"fmt"

	"oibus/agent/connectors"
	"oibus/agent/entity"
)

// StartQuery starts a query. One that has ended begins again from nothing; any other goes on where it was.
func (s *Service) StartQuery(ctx context.Context, author, id string) error {
	return s.change(ctx, id, func(next *entity.HistoryQuery) (change, error) {
		ended := next.Status == entity.HistoryFinished || next.Status == entity.HistoryErrored
		next.Status, next.Reason = entity.HistoryRunning, ""
		return change{runs: true, reset: ended}, nil
	})
}

// PauseQuery stops a query, and waits until it does nothing any more. What it has read and cached stays.
func (s *Service) PauseQuery(ctx context.Context, author, id string) error {
	return s.change(ctx, id, func(next *entity.HistoryQuery) (change, error) {
		next.Status, next.Reason = entity.HistoryPaused, ""
		return change{runs: true}, nil
	})
}

// errChanged says that a query was changed while it ended: it goes on.
var errChanged = errors.New("the query was changed")

// ended notes how a run ended, unless the query was changed since it began.
func (s *Service) ended(run snapshot, status, reason string) error {
	err := s.edit(run.ID, func(next *entity.HistoryQuery) (change, error) {
		if now, known := s.snapshot(run.ID); !known || now.epoch != run.epoch || next.Status != entity.HistoryRunning {
			return change{}, errChanged
		}
		next.Status, next.Reason = status, reason
		return change{runs: true}, nil
	})
	var gone *entity.NotFoundError
	if errors.As(err, &gone) {
		return errChanged
	}
	if err != nil {
		return err
	}
	if status == entity.HistoryFinished {
		s.log(&run.HistoryQuery).Info(fmt.Sprintf("Finish History query \"%s\" (%s)", run.Name, run.ID))
	} else {
		s.log(&run.HistoryQuery).Error(fmt.Sprintf("History query \"%s\" (%s) ended with an error: %s", run.Name, run.ID, reason))
	}
	s.announce(run.ID)
	return nil
}

// draft says where the secrets of a test come from.
func (s *Service) draft(t connectors.HistoryTest) (connectors.HistoryDraft, error) {
	d := connectors.HistoryDraft{From: t.From, Decrypt: t.Decrypt}
	if t.ID == "" || t.ID == "create" {
		return d, nil
	}
	q, err := s.Query(t.ID)
	d.Query = &q
	return d, err
}

// DraftSouth makes the South that a test needs.
func (s *Service) DraftSouth(t connectors.HistoryTest) (entity.South, error) {
	d, err := s.draft(t)
	if err != nil {
		return entity.South{}, err
	}
	return s.o.Connectors.DraftHistorySouth(t.Type, t.Settings, d)
}

// DraftNorth makes the North that a test needs.
func (s *Service) DraftNorth(t connectors.HistoryTest) (entity.North, error) {
	d, err := s.draft(t)
	if err != nil {
		return entity.North{}, err
	}
	return s.o.Connectors.DraftHistoryNorth(t.Type, t.Settings, d)
}
