package winagent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Session is the connection to a source that the agent holds for a connector. It is used by one goroutine at a time.
type Session struct {
	Client *Client
	Body   any           // of connect
	Limit  time.Duration // of connect
	Dir    string        // for answers
	// Lost, when it is not nil, is told that the agent cannot be reached, and how long to wait.
	Lost  func(reason error, after time.Duration)
	Retry time.Duration

	ready bool // the agent has the connection, as far as is known
}

// Open has the agent connect.
func (s *Session) Open(ctx context.Context) error {
	err := s.Client.Connect(ctx, s.Body, s.Limit)
	s.ready = err == nil
	var status *StatusError
	if err == nil {
		return nil
	}
	if !errors.As(err, &status) && ctx.Err() == nil {
		err = fmt.Errorf("Error while sending connection HTTP request into agent. Reconnecting in %d ms. %w", s.Retry.Milliseconds(), err)
	}
	s.lose(ctx, err)
	return err
}

func (s *Session) lose(ctx context.Context, err error) {
	if s.Lost != nil && ctx.Err() == nil {
		s.Lost(err, s.Retry)
	}
}

// Read has the agent read. When that was refused, the agent is connected again before the next time: it may have been
// started anew, and know nothing of the connection.
func (s *Session) Read(ctx context.Context, body any, limit time.Duration) (*Answer, error) {
	if !s.ready {
		if err := s.Open(ctx); err != nil {
			return nil, err
		}
	}
	a, err := s.Client.Read(ctx, body, limit, s.Dir)
	var status *StatusError
	var local *LocalError
	switch {
	case err == nil || errors.As(err, &local):
	case errors.As(err, &status):
		s.ready = false
	default:
		s.ready = false
		s.lose(ctx, err)
	}
	return a, err
}

// Close has the agent leave the source, if it can be told.
func (s *Session) Close(ctx context.Context) error {
	defer s.Client.Close()
	if !s.ready {
		return nil
	}
	s.ready = false
	return s.Client.Disconnect(ctx)
}

// Assume takes it for granted that the agent has the connection.
func (s *Session) Assume() { s.ready = true }
