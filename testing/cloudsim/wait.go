package cloudsim

import (
	"context"
	"fmt"
)

// WaitRegistration waits until an agent waits for its code and returns the oldest such registration.
func (s *Sim) WaitRegistration(ctx context.Context) (Registration, error) {
	var found []Registration
	err := s.events.wait(ctx, func() bool {
		found = s.Registrations()
		return len(found) > 0
	})
	if err != nil {
		return Registration{}, fmt.Errorf("no agent asked to register: %w", err)
	}
	return found[0], nil
}

// WaitConfiguration waits for a configuration that matches and returns the newest.
func (s *Sim) WaitConfiguration(ctx context.Context, f ConfigurationFilter) (Configuration, error) {
	var found []Configuration
	f.Limit = 1
	err := s.events.wait(ctx, func() bool {
		found = s.Configurations(f)
		return len(found) > 0
	})
	if err != nil {
		return Configuration{}, fmt.Errorf("no %s after number %d: %w", orAny(f.Kind, "configuration"), f.After, err)
	}
	return found[0], nil
}

// WaitRequests waits until n requests match and returns all that do. The journal keeps a bounded number of requests:
// waiting for more than that never ends.
func (s *Sim) WaitRequests(ctx context.Context, f RequestFilter, n int) ([]Request, error) {
	var found []Request
	err := s.traffic.wait(ctx, func() bool {
		found = s.Requests(f)
		return len(found) >= n
	})
	if err != nil {
		return nil, fmt.Errorf("%d of %d requests to %s after number %d: %w", len(found), n, orAny(f.Endpoint, "any endpoint"), f.After, err)
	}
	return found, nil
}

// WaitLogs waits until n log entries match and returns all that do.
func (s *Sim) WaitLogs(ctx context.Context, f LogFilter, n int) ([]LogEntry, error) {
	var found []LogEntry
	err := s.events.wait(ctx, func() bool {
		found = s.Logs(f)
		return len(found) >= n
	})
	if err != nil {
		return nil, fmt.Errorf("%d of %d log entries with %q: %w", len(found), n, f.Text, err)
	}
	return found, nil
}

// WaitData waits until this many time values and files were received in all.
func (s *Sim) WaitData(ctx context.Context, values, files uint64) error {
	err := s.events.wait(ctx, func() bool {
		v, f, _ := s.DataTotals()
		return v >= values && f >= files
	})
	if err != nil {
		v, f, _ := s.DataTotals()
		return fmt.Errorf("%d of %d time values and %d of %d files: %w", v, values, f, files, err)
	}
	return nil
}

func orAny(value, other string) string {
	if value == "" {
		return other
	}
	return value
}
