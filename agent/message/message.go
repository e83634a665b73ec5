// Package message keeps the configuration that the cloud knows equal to the one here. It promises that after each
// change the cloud receives a configuration which holds it, also a change that happens while one is being sent; that
// many changes in a row cost few messages; and that one of the two messages, refused or slow, does not hold up the
// other. It guards against the cloud showing, for hours, what a site no longer is.
//
// Nothing of this is on the disk: every start and every registration sends both messages anyway, which is stronger
// than remembering what was left to send, and costs no flush.
package message

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"oibus/agent/cloud"
	"oibus/platform/task"
)

// Times of the life of a message.
const (
	stopWait   = 30 * time.Second       // for the message on its way (protocol/control-plane.md, section 7.2)
	gateWait   = 30 * time.Second       // of the second message for the first, no longer than one call of the cloud
	minSpacing = 100 * time.Millisecond // between two messages of a type, so that a burst of changes costs few of them
	maxSpacing = 10 * time.Second
	stopGrace  = time.Second // after a message on its way was told to give up
)

// maxBadRequests is how often the same content is sent to a cloud that answers 400 without saying Bad Request: it may
// have been somebody on the way. Such an answer is final in the reference only if it says Bad Request.
const maxBadRequests = 3

// Kind is a type of message.
type Kind string

// The types of messages.
const (
	FullConfig     Kind = "full-config"     // E7
	HistoryQueries Kind = "history-queries" // E8
)

// Cloud is what is asked of OIAnalytics.
type Cloud interface {
	PutConfiguration(ctx context.Context, conn cloud.Connection, body []byte) error
	PutHistoryQueries(ctx context.Context, conn cloud.Connection, body []byte) error
}

// Registration is what is asked of the registration.
type Registration interface {
	Connection() (cloud.Connection, error)
	Registered() bool
	Intervals() (refresh, retry, message time.Duration)
	PublicKey() string
	KeyDelivered(publicKey string) error
}

// Options are what a Service stands on. Those without a comment are required.
type Options struct {
	Cloud        Cloud
	Registration Registration
	Source       Source
	First        <-chan struct{} // the first messages wait for it: the first poll for commands. nil: they do not wait
	Log          *slog.Logger
	Now          func() time.Time // nil is time.Now
}

// Service sends the two messages. It is safe for concurrent use.
type Service struct {
	o       Options
	config  *sender
	history *sender
	tasks   *task.Group

	quit     chan struct{}
	quitOnce sync.Once
}

// New returns a service that does nothing before Start.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{o: o, quit: make(chan struct{})}
	s.config = newSender(s, FullConfig, s.fullConfig, o.Cloud.PutConfiguration)
	s.history = newSender(s, HistoryQueries, s.historyQueries, o.Cloud.PutHistoryQueries)
	return s
}

// Start sends both messages, once Options.First is closed, and then after each change.
func (s *Service) Start(ctx context.Context) {
	s.tasks = task.New(ctx, func(name string, err error) { s.o.Log.Error("message task ended", "task", name, "error", err) })
	s.tasks.Go("message "+string(FullConfig), s.config.loop)
	s.tasks.Go("message "+string(HistoryQueries), s.history.loop)
	s.tasks.Go("first messages", func(ctx context.Context) error {
		select {
		case <-s.o.First:
			s.RegistrationChanged()
		case <-s.quit:
		case <-ctx.Done():
		}
		return nil
	})
	if s.o.First == nil {
		s.RegistrationChanged()
	}
}

// Changed sends messages of these types, because what they hold has changed (protocol/control-plane.md, section 7.1).
// While OIBus is not registered it does nothing: registering sends everything.
func (s *Service) Changed(kinds ...Kind) {
	if !s.o.Registration.Registered() {
		return
	}
	for _, k := range kinds {
		switch k {
		case FullConfig:
			s.config.mark(nil)
		case HistoryQueries:
			s.history.mark(nil)
		}
	}
}

// RegistrationChanged sends both messages, the history queries after the configuration.
func (s *Service) RegistrationChanged() {
	if !s.o.Registration.Registered() {
		return
	}
	s.history.mark(s.config.mark(nil))
}

// Stop waits at most limit, and never longer than a call may take, for messages on their way. What is left to send is
// sent after the next start.
func (s *Service) Stop(limit time.Duration) error {
	s.quitOnce.Do(func() { close(s.quit) })
	if s.tasks == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(limit, stopWait))
	defer cancel()
	if s.tasks.Wait(ctx) == nil {
		return nil
	}
	return s.tasks.StopAndWait(stopGrace)
}

func (s *Service) stopping() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// Pending is how many messages wait to be sent.
func (s *Service) Pending() int {
	n := 0
	if !s.o.Registration.Registered() {
		return 0
	}
	for _, st := range s.State() {
		if st.Status == StatusPending {
			n++
		}
	}
	return n
}

// Statuses of a message (protocol/control-plane.md, section 7.1).
const (
	StatusPending   = "PENDING"
	StatusCompleted = "COMPLETED"
	StatusErrored   = "ERRORED"
)

// State is where one type of message stands, for the page.
type State struct {
	Type   Kind   `json:"type"`
	Status string `json:"status"` // "" before the first
	Error  string `json:"error"`  // of the last try that failed, or ""
	At     string `json:"at"`     // of the last success or refusal, or ""
}

// State shows where the messages stand.
func (s *Service) State() []State { return []State{s.config.status(), s.history.status()} }
