package south

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"oibus/agent/entity"
)

// Times between two attempts to subscribe what could not be subscribed.
const (
	firstSubscribe = 10 * time.Second
	lastSubscribe  = 5 * time.Minute
)

// subscriptions keeps what is subscribed equal to what is configured until the connection is lost or ctx is done.
func (r *Runner) subscriptions(ctx context.Context) lost {
	have := map[string]Item{}
	retry := time.NewTimer(0)
	defer retry.Stop()
	wait := firstSubscribe
	for {
		select {
		case <-r.changed:
			wait = firstSubscribe
		case <-retry.C:
		case l := <-r.lost:
			return l
		case <-ctx.Done():
			return lost{}
		}
		// Anything that waits is done now, so that an attempt is not repeated for nothing.
		if !r.subscribe(ctx, have) && ctx.Err() == nil {
			retry.Reset(wait)
			wait = min(2*wait, lastSubscribe)
		}
	}
}

// subscribe makes have what it should be, and says whether it is.
func (r *Runner) subscribe(ctx context.Context, have map[string]Item) bool {
	s, ok := r.conn.(Subscriber)
	if !ok {
		return true
	}
	r.mu.Lock()
	p, d := r.plan, r.describer
	r.mu.Unlock()
	gone, missing := r.difference(p.subscribed, d, have)
	if len(gone) > 0 {
		err := r.call(ctx, "unsubscribe", func(ctx context.Context) error { return s.Unsubscribe(ctx, gone) })
		if err != nil && ctx.Err() == nil {
			r.failed(err)
			r.log.Error(fmt.Sprintf("Error when unsubscribing from items: %s", err))
			return false
		}
		for _, item := range gone {
			delete(have, item.ID)
		}
	}
	if len(missing) > 0 {
		err := r.call(ctx, "subscribe", func(ctx context.Context) error { return s.Subscribe(ctx, missing) })
		if err != nil {
			if ctx.Err() == nil {
				r.failed(err)
				r.log.Error(fmt.Sprintf("Error when subscribing to new items: %s", err))
			}
			return false
		}
		for _, item := range missing {
			have[item.ID] = item
		}
	}
	return true
}

// difference is what is subscribed and should not be, or not as it is, and what should be and is not.
func (r *Runner) difference(wanted []*entity.SouthItem, d *describer, have map[string]Item) (gone, missing []Item) {
	stays := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		item, err := d.item(w)
		if err != nil {
			r.failed(err)
			r.log.Error(fmt.Sprintf("Error when subscribing to new items: %s", err))
			continue
		}
		old, subscribed := have[item.ID]
		if subscribed && old.Name == item.Name && old.GroupID == item.GroupID && bytes.Equal(old.Settings, item.Settings) {
			stays[item.ID] = true
			continue
		}
		missing = append(missing, item)
	}
	for id, item := range have {
		if !stays[id] {
			gone = append(gone, item)
		}
	}
	return gone, missing
}
