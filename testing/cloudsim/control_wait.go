package cloudsim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errTimeout says that what a control call waited for did not happen in time.
var errTimeout = errors.New("not reached in time")

// defaultWait is short enough for the proxies and clients that give up after 30 s.
const defaultWait = 25 * time.Second

func (s *Sim) controlWait(r *http.Request) (any, error) {
	ctx, cancel, err := waitContext(r)
	if err != nil {
		return nil, err
	}
	defer cancel()
	v, err := s.waitAsked(ctx, r)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", errTimeout, err)
	}
	return v, err
}

func waitContext(r *http.Request) (context.Context, context.CancelFunc, error) {
	seconds, err := number(r, "timeout")
	if err != nil {
		return nil, nil, err
	}
	limit := time.Duration(seconds) * time.Second
	if limit == 0 {
		limit = defaultWait
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(limit, maxLongPoll))
	return ctx, cancel, nil
}

// waitAsked waits for the first thing that the query names.
func (s *Sim) waitAsked(ctx context.Context, r *http.Request) (any, error) {
	q := r.URL.Query()
	switch {
	case q.Has("commands"):
		return s.WaitTerminal(ctx, strings.Split(q.Get("commands"), ",")...)
	case q.Has("registrations"):
		return s.waitForRegistrations(ctx, r)
	case q.Has("configuration"):
		after, _, err := paging(r)
		if err != nil {
			return nil, err
		}
		return s.WaitConfiguration(ctx, ConfigurationFilter{Agent: q.Get("agent"), Kind: q.Get("configuration"), After: after})
	case q.Has("logs"):
		return s.waitForLogs(ctx, r)
	case q.Has("values"), q.Has("files"):
		return s.waitForData(ctx, r)
	case q.Has("requests"):
		return s.waitForRequests(ctx, r)
	case q.Has("agent"):
		return s.waitForAgent(ctx, q.Get("agent"))
	}
	return nil, errors.New("say what to wait for: commands, agent, registrations, configuration, logs, values, files or requests")
}

func (s *Sim) waitForRegistrations(ctx context.Context, r *http.Request) (any, error) {
	n, err := number(r, "registrations")
	if err != nil {
		return nil, err
	}
	var found []Registration
	err = s.events.wait(ctx, func() bool {
		found = s.Registrations()
		return len(found) >= n
	})
	return found, err
}

func (s *Sim) waitForAgent(ctx context.Context, id string) (any, error) {
	var found Agent
	err := s.events.wait(ctx, func() bool {
		a, err := s.Agent(id)
		found = a
		return err == nil && a.Token != ""
	})
	return found, err
}

func (s *Sim) waitForLogs(ctx context.Context, r *http.Request) (any, error) {
	n, err := number(r, "logs")
	if err != nil {
		return nil, err
	}
	f, err := logFilter(r)
	if err != nil {
		return nil, err
	}
	return s.WaitLogs(ctx, f, n)
}

func (s *Sim) waitForData(ctx context.Context, r *http.Request) (any, error) {
	values, err := number(r, "values")
	if err != nil {
		return nil, err
	}
	files, err := number(r, "files")
	if err != nil {
		return nil, err
	}
	return nil, s.WaitData(ctx, uint64(values), uint64(files))
}

func (s *Sim) waitForRequests(ctx context.Context, r *http.Request) (any, error) {
	n, err := number(r, "requests")
	if err != nil {
		return nil, err
	}
	f, err := requestFilter(r)
	if err != nil {
		return nil, err
	}
	return s.WaitRequests(ctx, f, n)
}

// controlChanges serves the page: it answers as soon as the version differs from the one that the page shows.
func (s *Sim) controlChanges(r *http.Request) (any, error) {
	ctx, cancel, err := waitContext(r)
	if err != nil {
		return nil, err
	}
	defer cancel()
	shown, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
	if err != nil {
		return nil, errors.New("since is not a number")
	}
	_ = s.events.wait(ctx, func() bool { _, version := s.events.next(); return version != shown }) // a timeout is an answer too
	_, version := s.events.next()
	return map[string]uint64{"version": version}, nil
}
