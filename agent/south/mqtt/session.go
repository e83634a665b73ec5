package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"oibus/agent/connector"
	"oibus/agent/connector/mqtt"
)

// remembered is where the filters are kept that a persistent session holds.
const remembered = "subscriptions"

// memory is where persistent sessions are remembered; nil when nothing lasts.
func (s *South) memory() connector.Memory {
	if s.settings.Clean() {
		return nil
	}
	return s.env.Memory
}

// dropStale ends what the session still holds from before and nobody asks for any more.
func (s *South) dropStale(ctx context.Context) error {
	if s.tidied {
		return nil
	}
	wanted, stale := s.filters(), map[string]bool{}
	for _, filter := range s.recall() {
		stale[filter] = !wanted[filter]
	}
	for filter := range s.granted {
		stale[filter] = !wanted[filter]
	}
	var filters []string
	for filter, yes := range stale {
		if yes && mqtt.CheckFilter(filter) == nil {
			filters = append(filters, filter)
		}
	}
	slices.Sort(filters)
	if err := s.client.Unsubscribe(ctx, filters); err != nil {
		return fmt.Errorf("Unsubscription error: %w", err) //lint:ignore ST1005 the reference's text
	}
	for _, filter := range filters {
		delete(s.granted, filter)
	}
	s.tidied = true
	return nil
}

// recall returns the filters that were noted.
func (s *South) recall() (filters []string) {
	memory := s.memory()
	if memory == nil {
		return nil
	}
	raw, ok := memory.Get(remembered)
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, &filters); err != nil {
		s.env.Log.Warn("cannot read which topics the session at the broker holds", "error", err)
	}
	return filters
}

// filters of all items.
func (s *South) filters() map[string]bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make(map[string]bool, len(s.items))
	for _, sub := range s.items {
		all[sub.filter] = true
	}
	return all
}

// remember notes what the session is to hold, before it is asked to.
func (s *South) remember() error {
	memory := s.memory()
	if memory == nil {
		return nil
	}
	list := slices.Sorted(maps.Keys(s.filters()))
	raw, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("cannot note which topics are subscribed: %w", err)
	}
	if slices.Equal(s.recall(), list) {
		return nil
	}
	if err := memory.Set(map[string]json.RawMessage{remembered: raw}); err != nil {
		return fmt.Errorf("cannot note which topics are subscribed: %w", err)
	}
	return nil
}
