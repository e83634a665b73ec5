package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/north"
)

// startPatience is how long what is handed to one North directly waits for it to start: it was made or changed a moment
// ago, or this OIBus has just started.
const startPatience = 20 * time.Second

// PostFile hands a content that was uploaded to Norths, in their order. Norths that are unknown, switched off or have no
// use for it are passed over. One that fails keeps nothing from the others; its error is returned.
func (s *Service) PostFile(ctx context.Context, northIDs []string, dataSourceID string, c content.Content) error {
	var errs []error
	for _, id := range northIDs {
		_, _, err := s.accept(ctx, id, c, content.Source{Origin: content.FromAPI, DataSourceID: dataSourceID})
		if err != nil && !errors.Is(err, north.ErrNotWanted) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Setpoint puts setpoints into the cache of a North.
func (s *Service) Setpoint(ctx context.Context, northID string, setpoints []content.Setpoint) error {
	takes, found, err := s.accept(ctx, northID, content.FromSetpoints(setpoints), content.Source{Origin: content.FromCloud})
	switch {
	case !found:
		return entity.NotFound("Could not find North \"%s\" in engine", northID)
	case !takes:
		return entity.Invalid("North connector \"%s\" disabled", northID)
	}
	return err
}

// accept hands a content to one North, all of it or nothing, as soon as that runs. A North that does not exist or does
// not take content is passed over.
func (s *Service) accept(ctx context.Context, id string, c content.Content, src content.Source) (takes, found bool, err error) {
	s.mu.RLock()
	slot := s.norths[id]
	s.mu.RUnlock()
	if slot == nil {
		return false, false, nil
	}
	patience, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("north %q is not running", id))
	defer cancel()
	for {
		r, _, takes, changed := slot.view()
		if !takes {
			return false, true, nil
		}
		if r != nil {
			err := r.Accept(ctx, c, src, north.ReportFailure)
			if !errors.Is(err, north.ErrStopped) {
				return true, true, err
			}
		}
		select {
		case <-changed:
		case <-patience.Done():
			return true, true, context.Cause(patience)
		}
	}
}
