package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"oibus/agent/connector/mqtt"
	"oibus/agent/connector/setting"
	"oibus/agent/south"
)

// itemSettings are those of an item.
type itemSettings struct {
	Topic string `json:"topic"`
}

// subscription is an item that is subscribed.
type subscription struct {
	item   south.Item
	filter string
}

// Subscribe subscribes items. Those whose topics cannot be subscribed do not keep the others from it.
func (s *South) Subscribe(ctx context.Context, items []south.Item) error {
	faults, filters := s.enlist(items)
	if err := s.dropStale(ctx); err != nil {
		return err
	}
	if err := s.remember(); err != nil {
		return err
	}
	refused, err := s.client.Subscribe(ctx, filters, s.settings.QoS())
	if err != nil {
		return fmt.Errorf("Subscription error: %w", err) //lint:ignore ST1005 the reference's text
	}
	for _, filter := range filters {
		s.granted[filter] = true
	}
	for _, filter := range refused {
		delete(s.granted, filter)
		faults = append(faults, fmt.Sprintf("the broker refuses topic %q", filter))
	}
	return joined(faults)
}

// enlist has messages attributed to items from now on, and returns the filters that are not subscribed yet.
func (s *South) enlist(items []south.Item) (faults, filters []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := map[string]bool{}
	for _, item := range items {
		sub, err := describe(item)
		if err != nil {
			faults = append(faults, fmt.Sprintf("item %q: %s", item.Name, err))
			continue
		}
		if old := s.items[item.ID]; old != nil {
			s.index.Remove(old.filter, old)
		}
		s.items[item.ID] = sub
		s.index.Add(sub.filter, sub)
		if !s.granted[sub.filter] && !asked[sub.filter] {
			asked[sub.filter] = true
			filters = append(filters, sub.filter)
		}
	}
	s.ready = true
	s.inbox.signal()
	return faults, filters
}

// faultsShown is how many topics an error names.
const faultsShown = 10

func joined(faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	more := ""
	if n := len(faults); n > faultsShown {
		faults, more = faults[:faultsShown], fmt.Sprintf("; and %d more", n-faultsShown)
	}
	return errors.New("Subscription error: " + strings.Join(faults, "; ") + more)
}

func describe(item south.Item) (*subscription, error) {
	var own itemSettings
	if err := setting.Decode(item.Settings, &own); err != nil {
		return nil, err
	}
	if err := mqtt.CheckFilter(own.Topic); err != nil {
		return nil, err
	}
	return &subscription{item: item, filter: own.Topic}, nil
}

// Unsubscribe ends the subscriptions of items. What came of them before is handed on.
func (s *South) Unsubscribe(ctx context.Context, items []south.Item) error {
	gone := map[string]bool{}
	s.mu.RLock()
	for _, item := range items {
		if sub := s.items[item.ID]; sub != nil {
			gone[sub.filter] = true
		}
	}
	leaving := map[string]bool{}
	for _, item := range items {
		leaving[item.ID] = true
	}
	for id, sub := range s.items { // another item may have the same topic
		if !leaving[id] {
			delete(gone, sub.filter)
		}
	}
	s.mu.RUnlock()
	var filters []string
	for filter := range gone {
		filters = append(filters, filter)
		delete(s.granted, filter)
	}
	slices.Sort(filters)
	if err := s.client.Unsubscribe(ctx, filters); err != nil {
		return fmt.Errorf("Unsubscription error: %w", err) //lint:ignore ST1005 the reference's text
	}
	s.mu.Lock()
	for _, item := range items {
		if sub := s.items[item.ID]; sub != nil {
			s.index.Remove(sub.filter, sub)
			delete(s.items, item.ID)
		}
	}
	s.mu.Unlock()
	return s.remember()
}
