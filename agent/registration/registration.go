// Package registration keeps how this OIBus is known to OIAnalytics: one record that goes from NOT_REGISTERED over
// PENDING, while a person approves the 6-character activation code, to REGISTERED. It promises that a registration
// that works is never given up before a new one is approved, that an answer which comes too late changes nothing,
// that the private key of a public key which the cloud may still use is kept, and that no secret of the record is
// on the disk in clear. It guards against the site that is cut off from its cloud by a half-finished registration.
//
// Registering again while a registration works (protocol/control-plane.md, 14.1 W-05): the record shows the status
// PENDING with its code, as in the reference, but Connection goes on giving the registration that works, so that
// commands, messages and logs keep flowing. Once the new one is approved it takes over; when it is declined or
// expires, the record shows the old one again. Unregistering gives up both.
//
// A stored secret lives as long as the name it belongs to (W-08): a blank proxy password or gateway value keeps the
// stored one, as in the reference, but a blank user name or header key drops it.
package registration

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
	"oibus/platform"
	"oibus/platform/task"
)

// Times of the life of a registration.
const (
	checkInterval = 10 * time.Second // between two checks whether a person approved (protocol/control-plane.md, section 2.4)
	codeLife      = 24 * time.Hour   // of an activation code for which the cloud gave no expiration that can be read
	keyGrace      = 24 * time.Hour   // of a replaced key after the cloud got the new one: for commands encrypted before that
	keyRetry      = time.Minute      // after a key pair could not be made
	spareDelay    = time.Second      // before the spare key pair is made, so that it does not slow down the start
	firstBackoff  = 5 * time.Second  // before an unattended registration that failed is tried again, doubling
	lastBackoff   = 5 * time.Minute
	shortLife     = 5 * time.Minute  // an unattended code that expired sooner was never meant to be approved
	declinedPause = 10 * time.Minute // before an unattended registration that a person declined is tried again, doubling
	declinedLimit = 6 * time.Hour
)

// ErrNotRegistered is the error of building an authenticated call without a registration that works.
var ErrNotRegistered = errors.New("OIBus not registered in OIAnalytics")

// Cloud is what is asked of OIAnalytics.
type Cloud interface {
	Register(ctx context.Context, conn cloud.Connection, r cloud.RegisterRequest) (cloud.RegisterAnswer, error)
	Check(ctx context.Context, conn cloud.Connection, checkURL string) (cloud.CheckAnswer, error)
	Status(ctx context.Context, conn cloud.Connection, accept401 bool) error
}

// Sealer keeps secrets at rest.
type Sealer interface {
	Seal(plain string) (string, error)
	Open(sealed string) (string, error)
}

// Keeper keeps the record on disk. Save is durable on return.
type Keeper interface {
	Load() (Record, bool, error)
	Save(Record) error
}

// Options are what a Service stands on.
type Options struct {
	Keeper    Keeper
	Sealer    Sealer
	Cloud     Cloud
	Log       *slog.Logger
	Engine    func() (id, name string)
	Announced string // version told to OIAnalytics
	DialectR  bool   // texts of the released 3.8 (protocol/control-plane.md, section 12)
	CAFile    string // PEM certificates trusted beside the system's, or ""

	// IgnoreRemoteUpdate is the start option that forces the permission updateVersion to false.
	IgnoreRemoteUpdate bool

	// Pinned are the values of the settings file by key, as "host" or "commandPermissions.setpoint". PinError is the
	// error of changing "registration.<key>", nil when that is not pinned.
	Pinned   map[string]any
	PinError func(path string) error

	// Print shows the code of an unattended registration to who started OIBus. It may be nil.
	Print func(line string)

	// NewKeys makes a key pair as PEM texts, Decrypt what the cloud encrypted with the public one.
	NewKeys func(ctx context.Context) (public, private string, err error)
	Decrypt func(privatePEM, ciphertext string) (string, error)

	Now func() time.Time // nil is time.Now
}

// Kind is what happened to the registration.
type Kind string

// The kinds of change (protocol/control-plane.md, section 2.9). Requested, Ended and KeysReplaced are ours.
const (
	Requested    Kind = "requested"     // a code waits for approval; the reference tells nobody
	Activated    Kind = "activated"     // a person approved
	Edited       Kind = "edited"        // settings, permissions or intervals changed
	Unregistered Kind = "unregistered"  // given up by a person
	Ended        Kind = "ended"         // a request expired or was declined
	KeysReplaced Kind = "keys-replaced" // the public key is another one
)

// Service owns the registration record. It is safe for concurrent use.
type Service struct {
	o     Options
	tasks *task.Group

	record atomic.Pointer[Record] // what readers see; never changed in place

	mu         sync.Mutex // guards writing of the record, and what follows
	generation uint64     // of the registration request that checks are made for
	attempts   uint64     // of register and unregister: only the latest one may have an effect
	abort      context.CancelFunc
	approval   *approval
	paused     bool          // a person unregistered: no unattended registration until the next start
	changed    chan struct{} // closed and replaced at each change
	listeners  []func(Kind)

	keysWanted chan struct{} // somebody waits for the spare key pair
}

// Open loads the record, or makes the one of a first start. Settings of the settings file are put into it.
func Open(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{o: o, changed: make(chan struct{}), keysWanted: make(chan struct{}, 1)}
	record, found, err := o.Keeper.Load()
	if err != nil {
		return nil, err
	}
	if !found {
		record = newRecord(o.Now())
	}
	before, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	record.complete()
	record.dropRetired(o.Now())
	if err := s.pin(&record); err != nil {
		return nil, err
	}
	after, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	s.record.Store(&record)
	if found && string(before) == string(after) {
		return s, nil
	}
	return s, o.Keeper.Save(record)
}

// Start begins what runs in the background: checks of a pending request, making of keys, unattended registration.
// It ends with ctx or Stop.
func (s *Service) Start(ctx context.Context) {
	s.tasks = task.New(ctx, func(name string, err error) { s.o.Log.Error("registration task ended", "task", name, "error", err) })
	s.tasks.Go("registration keys", s.makeKeys)
	s.tasks.Go("registration check", s.checkLoop)
	if s.wantedHost() != "" {
		s.tasks.Go("unattended registration", s.unattended)
	}
}

// Stop ends the background tasks, waiting for them at most limit.
func (s *Service) Stop(limit time.Duration) error {
	if s.tasks == nil {
		return nil
	}
	return s.tasks.StopAndWait(limit)
}

// OnChange adds f to those that are told of changes, after the change is durable. f must not block. Call it before
// Start.
func (s *Service) OnChange(f func(Kind)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, f)
}

// update applies change to a copy of the record, saves it, makes it the record, and tells the listeners. When change
// or the saving fails nothing has changed. change may return "" for a change that nobody needs to know of.
func (s *Service) update(change func(*Record) (Kind, error)) error {
	kind, listeners, err := s.apply(change)
	if err != nil || kind == "" {
		return err
	}
	for _, f := range listeners {
		f(kind)
	}
	return nil
}

func (s *Service) apply(change func(*Record) (Kind, error)) (Kind, []func(Kind), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := *s.record.Load()
	kind, err := change(&next)
	if err != nil {
		return "", nil, err
	}
	next.dropRetired(s.o.Now())
	if err := s.o.Keeper.Save(next); err != nil {
		return "", nil, err
	}
	s.record.Store(&next)
	close(s.changed)
	s.changed = make(chan struct{})
	return kind, s.listeners, nil
}

// watch returns a channel that is closed at the next change, and the record as it is now.
func (s *Service) watch() (<-chan struct{}, *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed, s.record.Load()
}

// supersede makes the answers of requests on their way void. The caller holds mu.
func (s *Service) supersede() {
	s.generation++
	if s.abort != nil {
		s.abort()
		s.abort = nil
	}
}

// Registered tells whether there is a registration that works, possibly behind a request that waits for approval.
func (s *Service) Registered() bool { return s.record.Load().active() != nil }

// Intervals are the delays between two polls for commands, after a failed poll, and before a message is sent again.
func (s *Service) Intervals() (refresh, retry, message time.Duration) {
	r := s.record.Load()
	return seconds(r.CommandRefreshInterval), seconds(r.CommandRetryInterval), seconds(r.MessageRetryInterval)
}

func seconds(n int) time.Duration { return time.Duration(max(n, 1)) * time.Second }

// Allowed tells whether commands under this permission may be executed (protocol/control-plane.md, section 3.10).
func (s *Service) Allowed(permission string) bool {
	return s.record.Load().CommandPermissions[permission]
}

func system() (operatingSystem, architecture string) {
	return platform.OperatingSystem(), platform.Architecture()
}

// Entity is the record as stored, with sealed secrets, for the configuration message.
func (s *Service) Entity() entity.Registration { return s.record.Load().Registration }
