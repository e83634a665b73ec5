package opcua

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector/opcua"
	"oibus/agent/content"
	"oibus/agent/south"
)

// What a subscription is asked for.
const (
	publishing      = 150 * time.Millisecond
	leastLife       = 100 // publishing intervals without a request, after which the server deletes it
	mostLife        = 4000
	keepAlive       = 10 // publishing intervals without a change, after which the server says so
	priority        = 10
	perNotification = 5000 // changes in an answer, which has to fit into a message
	leastQueue      = 10   // values of an item that wait at the server
	outstanding     = 2    // requests for notifications that wait at the server
	bridges         = 3    // times of reconnection that the server keeps what changes for
	flushRetry      = time.Second
	missingRetry    = 30 * time.Second // between two attempts to subscribe items that the server refused
)

// stream is the subscription of a South. It outlives a connection that is lost, because the server keeps it too. What
// it has received stays in its buffer until it is handed on.
type stream struct {
	o    *OPCUA
	most int           // values in the buffer
	each time.Duration // how long they stay there

	changing sync.Mutex // held while items are subscribed or unsubscribed

	mu       sync.Mutex
	id       uint32 // 0 for none
	silence  time.Duration
	running  bool
	next     uint32 // number of the notification that comes next
	acks     []*ua.SubscriptionAcknowledgement
	handles  uint32
	items    map[uint32]*monitored // by handle
	byID     map[string]uint32
	overflow time.Time // when it was logged

	buffer []received
}

// monitored is one subscribed item.
type monitored struct {
	item
	id     uint32 // of the server, 0 while it refuses
	wanted bool   // since the connection was made
	at     time.Time
	text   string // the last value and when it was, as its source says
}

// repeats says whether v is the last value once more. Servers tell it again when a session gets another connection.
func (m *monitored) repeats(v *ua.DataValue, text string) bool {
	same := !v.SourceTimestamp.IsZero() && v.SourceTimestamp.Equal(m.at) && m.text == text
	m.at, m.text = v.SourceTimestamp, text
	return same
}

// received is a value that is not handed on yet.
type received struct {
	value content.TimeValue
	item  south.Item
}

func newStream(o *OPCUA, most int, each time.Duration) *stream {
	return &stream{o: o, most: most, each: each, items: map[uint32]*monitored{}, byID: map[string]uint32{}}
}

// alive says whether there is something at the server that is worth keeping.
func (s *stream) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id != 0
}

// forget forgets what is at the server.
func (s *stream) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.next, s.acks, s.running = 0, 0, nil, false
	clear(s.items)
	clear(s.byID)
}

// connected takes up the subscription with a new connection. same says that the session is the one as before.
func (s *stream) connected(ctx context.Context, same bool) {
	s.mu.Lock()
	id := s.id
	s.running = false
	for _, m := range s.items {
		m.wanted = false
	}
	s.mu.Unlock()
	if id == 0 {
		return
	}
	if !same {
		if err := s.transfer(ctx, id); err != nil {
			s.o.log.Warn(fmt.Sprintf("The server has not kept the subscription over the interruption (%s): what changed meanwhile is not known, but for the last values", err))
			s.forget()
			return
		}
	}
	s.o.log.Debug("the subscription goes on where it was interrupted")
	s.run(true)
}

func (s *stream) transfer(ctx context.Context, id uint32) error {
	response, err := opcua.Ask[*ua.TransferSubscriptionsResponse](ctx, s.o.link, &ua.TransferSubscriptionsRequest{SubscriptionIDs: []uint32{id}})
	if err != nil {
		return err
	}
	if len(response.Results) != 1 || response.Results[0] == nil {
		return errors.New("the server does not answer")
	}
	if code := response.Results[0].StatusCode; code != ua.StatusOK {
		return errors.New(opcua.StatusName(code))
	}
	return nil
}

// run starts the publisher of the subscription. resumed says that it was at the server before.
func (s *stream) run(resumed bool) {
	s.mu.Lock()
	started := s.running
	s.running = true
	s.mu.Unlock()
	session := s.o.link.Session()
	if started || session == nil {
		return
	}
	s.o.link.Pin()
	s.o.link.Go("opcua publisher", func(ctx context.Context) error {
		p := &publisher{s: s, session: session, resumed: resumed}
		if err := p.run(ctx); err != nil && ctx.Err() == nil {
			s.o.link.Lose(err)
		}
		return nil
	})
}

// create makes the subscription.
func (s *stream) create(ctx context.Context) error {
	life := lifetime(s.o.client.Retry() + s.o.client.Timeout())
	response, err := opcua.Ask[*ua.CreateSubscriptionResponse](ctx, s.o.link, &ua.CreateSubscriptionRequest{
		RequestedPublishingInterval: float64(publishing / time.Millisecond), RequestedLifetimeCount: life, RequestedMaxKeepAliveCount: keepAlive,
		MaxNotificationsPerPublish: perNotification, PublishingEnabled: true, Priority: priority,
	})
	if err != nil {
		return err
	}
	if response.SubscriptionID == 0 {
		return errors.New("the server gives no subscription")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.next = response.SubscriptionID, 1
	// The server may be slower than it was asked to be: then the watchdog has more patience than the settings say.
	alive := time.Duration(response.RevisedPublishingInterval*float64(time.Millisecond)) * time.Duration(response.RevisedMaxKeepAliveCount)
	s.silence = max(s.o.client.Timeout(), min(2*alive, time.Hour))
	return nil
}

// lifetime is how many publishing intervals the server keeps a subscription whose client is away.
func lifetime(away time.Duration) uint32 {
	return uint32(min(max(leastLife, int64(bridges*away/publishing)), mostLife))
}

// Subscribe subscribes items. What is subscribed already, from before a connection was lost, stays as it is.
func (o *OPCUA) Subscribe(ctx context.Context, items []south.Item) error {
	s := o.stream
	s.changing.Lock()
	defer s.changing.Unlock()
	if !s.alive() {
		if err := o.link.Touch(ctx); err != nil { // from here on the session is not exchanged
			return o.failed(ctx, err)
		}
		o.link.Pin()
		if err := s.create(ctx); err != nil {
			return o.failed(ctx, err)
		}
	}
	surplus := s.want(items)
	err := s.remove(ctx, surplus)
	if err == nil {
		err = s.monitor(ctx)
	}
	s.run(false)
	return o.failed(ctx, err)
}

// Unsubscribe ends the subscription of items.
func (o *OPCUA) Unsubscribe(ctx context.Context, items []south.Item) error {
	s := o.stream
	s.changing.Lock()
	defer s.changing.Unlock()
	var handles []uint32
	s.mu.Lock()
	for _, i := range items {
		if handle, ok := s.byID[i.ID]; ok {
			handles = append(handles, handle)
		}
	}
	s.mu.Unlock()
	return o.failed(ctx, s.remove(ctx, handles))
}

// want notes that items are to be subscribed, and returns the handles of those that are not any longer.
func (s *stream) want(items []south.Item) (surplus []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range items {
		d, err := decode(i)
		if err != nil {
			s.o.log.Error(fmt.Sprintf("Error when subscribing to new items: %s", err))
			continue
		}
		if handle, ok := s.byID[i.ID]; ok {
			m := s.items[handle]
			if m.node.String() == d.node.String() {
				m.item, m.wanted = d, true
				continue
			}
			surplus = append(surplus, handle)
			delete(s.byID, i.ID)
		}
		s.handles++
		s.items[s.handles] = &monitored{item: d, wanted: true}
		s.byID[i.ID] = s.handles
	}
	for handle, m := range s.items {
		if !m.wanted {
			surplus = append(surplus, handle)
		}
	}
	return surplus
}

// monitor asks the server for all items that it does not watch yet. Those that it refuses are asked for again later.
func (s *stream) monitor(ctx context.Context) error {
	s.mu.Lock()
	id := s.id
	var handles []uint32
	for handle, m := range s.items {
		if m.id == 0 && m.wanted {
			handles = append(handles, handle)
		}
	}
	s.mu.Unlock()
	if id == 0 {
		return nil
	}
	queue := max(leastQueue, lifetime(s.o.client.Retry()+s.o.client.Timeout()))
	return opcua.Batches(ctx, s.o.link, opcua.Monitoring, len(handles), func(from, to int) error {
		request := &ua.CreateMonitoredItemsRequest{SubscriptionID: id, TimestampsToReturn: ua.TimestampsToReturnBoth}
		s.mu.Lock()
		for _, handle := range handles[from:to] {
			request.ItemsToCreate = append(request.ItemsToCreate, &ua.MonitoredItemCreateRequest{
				ItemToMonitor:       &ua.ReadValueID{NodeID: s.items[handle].node, AttributeID: ua.AttributeIDValue, DataEncoding: &ua.QualifiedName{}},
				MonitoringMode:      ua.MonitoringModeReporting,
				RequestedParameters: &ua.MonitoringParameters{ClientHandle: handle, SamplingInterval: -1, QueueSize: queue, DiscardOldest: true},
			})
		}
		s.mu.Unlock()
		response, err := opcua.Ask[*ua.CreateMonitoredItemsResponse](ctx, s.o.link, request)
		if err != nil {
			return err
		}
		if len(response.Results) != to-from {
			return fmt.Errorf("the server answers %d of %d", len(response.Results), to-from)
		}
		s.accept(handles[from:to], response.Results)
		return nil
	})
}

func (s *stream) accept(handles []uint32, results []*ua.MonitoredItemCreateResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, handle := range handles {
		m := s.items[handle]
		if m == nil {
			continue
		}
		code := ua.StatusBad
		if results[n] != nil {
			code = results[n].StatusCode
		}
		if code != ua.StatusOK {
			s.o.complain("subscription "+m.ID, fmt.Sprintf("Error when subscribing to new items: node %s of item \"%s\": %s", m.node, m.Name, opcua.StatusName(code)))
			continue
		}
		s.o.complain("subscription "+m.ID, "")
		m.id = results[n].MonitoredItemID
	}
}

// remove ends the monitoring of items.
func (s *stream) remove(ctx context.Context, handles []uint32) error {
	s.mu.Lock()
	id := s.id
	var ids []uint32
	for _, handle := range handles {
		m := s.items[handle]
		if m == nil {
			continue
		}
		if m.id != 0 {
			ids = append(ids, m.id)
		}
		delete(s.items, handle)
		if s.byID[m.ID] == handle {
			delete(s.byID, m.ID)
		}
	}
	s.mu.Unlock()
	return opcua.Batches(ctx, s.o.link, opcua.Monitoring, len(ids), func(from, to int) error {
		_, err := opcua.Ask[*ua.DeleteMonitoredItemsResponse](ctx, s.o.link, &ua.DeleteMonitoredItemsRequest{SubscriptionID: id, MonitoredItemIDs: ids[from:to]})
		return err
	})
}

// again asks once more for what the server refused.
func (s *stream) again(ctx context.Context) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	var surplus []uint32
	s.mu.Lock()
	for handle, m := range s.items {
		if !m.wanted { // it was removed while there was no connection
			surplus = append(surplus, handle)
		}
	}
	s.mu.Unlock()
	if err := s.remove(ctx, surplus); err != nil {
		return err
	}
	return s.monitor(ctx)
}

// take puts changed values into the buffer.
func (s *stream) take(changes []*ua.MonitoredItemNotification) {
	now := s.o.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if c == nil || c.Value == nil {
			continue
		}
		m := s.items[c.ClientHandle]
		if m == nil {
			continue
		}
		if c.Value.Status&overflowed == overflowed && now.Sub(s.overflow) > time.Minute {
			s.overflow = now
			s.o.log.Warn(fmt.Sprintf("The server has dropped values of item \"%s\", and perhaps of others, because they were not fetched fast enough", m.Name))
		}
		if t, ok := timeValue(&m.item, c.Value, m.stamp(c.Value, now)); ok && !m.repeats(c.Value, string(t.Data)) {
			s.buffer = append(s.buffer, received{t, m.Item})
		}
	}
}

// overflowed marks a value before which others were dropped: type of the information, and its bit.
const overflowed = ua.StatusCode(0x480)

func (s *stream) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buffer)
}

// flush hands on a part of the buffer, as large as the settings allow. What is not taken stays.
func (s *stream) flush(ctx context.Context) error {
	s.mu.Lock()
	n := min(len(s.buffer), s.most)
	part := s.buffer[:n:n]
	s.mu.Unlock()
	if n == 0 {
		return nil
	}
	values := make([]content.TimeValue, n)
	var items []south.Item
	seen := map[string]bool{}
	for i, r := range part {
		values[i] = r.value
		if !seen[r.item.ID] {
			seen[r.item.ID] = true
			items = append(items, r.item)
		}
	}
	if err := s.o.emit(ctx, content.FromTimeValues(values), items); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer = append([]received(nil), s.buffer[n:]...)
	return nil
}

// flushAll hands on all that is in the buffer. The publisher has ended.
func (s *stream) flushAll(ctx context.Context) error {
	for s.waiting() > 0 {
		if err := s.flush(ctx); err != nil {
			return fmt.Errorf("%d values that were received are not handed on yet: %w", s.waiting(), err)
		}
	}
	return nil
}
