// Package mqtt is the South that subscribes to topics of an MQTT broker (protocol/data-plane.md, section 5.4). It promises
// that a message is acknowledged only once it is durable wherever it goes, so that at QoS 1 and 2 the broker keeps what the
// agent does not have; that messages come in the order of their topics, in contents as large as the settings and the
// broker allow; and that what waits in memory is bounded: while nothing can be taken, nothing is read. It guards against
// the outage on either side, the broker that floods, and the session that still holds what nobody asks for any more.
package mqtt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"oibus/agent/connector/mqtt"
	"oibus/agent/connector/setting"
	"oibus/agent/south"
	"oibus/platform/task"
)

// Type is the row of the catalogue.
var Type = south.Type{
	ID:    "mqtt",
	Batch: true,
	New:   func(env south.Env) (south.Connector, error) { return build(env) },
}

type settings struct {
	mqtt.Settings
	MaxMessages  setting.Number `json:"maxNumberOfMessages"`
	FlushTimeout setting.Number `json:"flushMessageTimeout"` // ms
}

// Settings of the form when they hold none, and the most that is waited for before a flush.
const (
	defaultMessages = 1000
	defaultFlush    = time.Second
)

func (s *settings) messages() int {
	if n := s.MaxMessages.Int(); n > 0 {
		return int(min(n, 1_000_000))
	}
	return defaultMessages
}

func (s *settings) flush() time.Duration {
	if d := s.FlushTimeout.Duration(time.Millisecond); d > 0 {
		return d
	}
	return defaultFlush
}

// South is a configured connector.
type South struct {
	env      south.Env
	settings settings
	client   *mqtt.Client
	inbox    *inbox
	drops    complaints
	group    *task.Group // of the collector; nil while not connected

	mu      sync.RWMutex // guards index and ready: messages arrive while items change
	index   mqtt.Index[*subscription]
	ready   bool // it is known what is subscribed
	items   map[string]*subscription
	granted map[string]bool // filters that the session holds
	tidied  bool            // nothing else is left in the session of this connection
}

func build(env south.Env) (*South, error) {
	if env.Host.Now == nil {
		env.Host.Now = time.Now
	}
	s := &South{env: env, items: map[string]*subscription{}, granted: map[string]bool{}}
	if err := setting.Decode(env.Settings, &s.settings); err != nil {
		return nil, err
	}
	if err := s.settings.Check(); err != nil {
		return nil, err
	}
	s.inbox = newInbox(s.settings.messages(), s.settings.flush())
	s.client = mqtt.New(mqtt.Options{
		Settings: &s.settings.Settings, ID: env.ID, Clean: s.settings.Clean(), Log: env.Log, Message: s.arrived,
		Lost: func(reason error) { env.Lost(reason, s.settings.ReconnectAfter()) },
	})
	return s, nil
}

// Connect connects. Messages that the broker kept wait until it is known what is subscribed.
func (s *South) Connect(ctx context.Context) error {
	s.mu.Lock()
	s.tidied = false
	s.ready, s.index, s.items = false, mqtt.Index[*subscription]{}, map[string]*subscription{}
	s.mu.Unlock()
	s.inbox.open()
	present, err := s.client.Connect(ctx)
	if err != nil {
		s.env.Lost(err, s.settings.ReconnectAfter())
		return err
	}
	if !present {
		clear(s.granted)
		s.inbox.forgotten()
	}
	s.group = task.New(context.Background(), func(name string, err error) {
		s.env.Lost(fmt.Errorf("%s: %w", name, err), s.settings.ReconnectAfter())
	})
	s.group.Go("MQTT collector of "+s.env.ID, s.collect)
	return nil
}

// Times of Disconnect that are kept back from handing on, for taking leave of the broker.
const leaveTime = 3 * time.Second

// Disconnect hands on and acknowledges what was received, as far as it is taken in time, and closes the connection. What
// is left is handed on after the next Connect, or sent again by the broker.
func (s *South) Disconnect(ctx context.Context) error {
	s.inbox.close()
	var err error
	if s.group != nil {
		err = s.drain(ctx)
		s.group = nil
		if n := s.inbox.unkept(); n > 0 {
			s.env.Log.Warn(fmt.Sprintf("%d messages that came at QoS 0 could not be handed on yet: they are lost if the agent stops now", n))
		}
	}
	return errors.Join(err, s.client.Disconnect(ctx))
}

// drain has the collector hand on what there is, and end.
func (s *South) drain(ctx context.Context) error {
	if until, ok := ctx.Deadline(); ok {
		left := time.Until(until)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left-min(leaveTime, left/2))
		defer cancel()
	}
	s.inbox.flush()
	defer context.AfterFunc(ctx, s.group.Stop)()
	return s.group.Wait(context.WithoutCancel(ctx)) // it ends when the inbox is empty, or when it is stopped
}

// arrived puts a message into the inbox.
func (s *South) arrived(ctx context.Context, m *mqtt.Message) bool {
	a := &arrival{message: m, at: s.env.Host.Now()}
	s.mu.RLock()
	if s.ready {
		s.attribute(a)
	}
	s.mu.RUnlock()
	return s.inbox.put(ctx, a)
}

// attribute finds the item of a message. The mutex is held.
func (s *South) attribute(a *arrival) {
	a.known = true
	matches := s.index.Match(nil, a.message.Topic)
	switch len(matches) {
	case 1:
		a.of = matches[0]
	case 0:
		a.fault = "Item can't be determined from topic " + a.message.Topic
	default:
		entities := make([]string, len(matches))
		for i, m := range matches {
			entities[i] = string(m.item.Entity)
		}
		a.fault = fmt.Sprintf("Topic \"%s\" should be subscribed only once but it has the following subscriptions: [%s]",
			a.message.Topic, strings.Join(entities, ","))
	}
}
