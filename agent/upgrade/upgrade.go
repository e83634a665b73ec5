// Package upgrade is the agent's side of an upgrade: it downloads the release that a command names, verifies it, hands
// it to the launcher, and says afterwards what became of it. It promises that a download goes on after a cut of the
// line and after a restart; that nothing is handed over that is incomplete, not for this machine or not proven; that
// the want of room is stated in numbers before the disk is full; and that a command ends once, with what really
// happened, however often agent and launcher were restarted meanwhile. It guards against the upgrade that is reported
// and did not happen, and against the site that needs a visit because a line was bad.
//
// What is known of a command is on disk only, so that the next process, old version or new, goes on where the one
// before was: see where in run.go.
//
//	download.json + download.part ─► staged-….zip ─► request.json ─► launcher.json ─► result.json ─► the command ends
package upgrade

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"oibus/agent/cloud"
	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
)

// Limits of patience, of which relations are a test.
const (
	// stallLimit is how long a download may make no progress: a line that is down for longer is not a matter of minutes,
	// and what is there already waits for the next command.
	stallLimit = time.Hour
	// wholeLimit bounds a download as a whole, restarts included: 2 GB over 25 kB/s.
	wholeLimit = 24 * time.Hour
	// pickupLimit is how long an idle launcher may leave a request alone: it looks each second, and a minute later after
	// an error.
	pickupLimit = 5 * time.Minute
	// lostLimit is how long the launcher may know nothing of a request that is gone, between two of its files.
	lostLimit = 10 * time.Second
	// keepPartial is how long what is there of a download waits for another command.
	keepPartial = 7 * 24 * time.Hour

	firstRetry = 2 * time.Second
	lastRetry  = time.Minute
	lookPace   = 250 * time.Millisecond
	// statusAge is how old a status may be that is shown.
	statusAge = 500 * time.Millisecond
)

// Fetcher downloads releases: *cloud.Client.
type Fetcher interface {
	Asset(ctx context.Context, conn cloud.Connection, assetID string, from cloud.Resume) (*cloud.Asset, error)
}

// Options are what a Service stands on. Those without a comment are required.
type Options struct {
	DataDir    string
	Version    string // of this program
	Launcher   string // version of the launcher, as it says itself
	Managed    bool   // a launcher runs this agent
	StateLevel int    // of the data folder
	Policy     release.Policy
	Cloud      Fetcher
	Connection func() (cloud.Connection, error)
	Forbidden  func() error // why OIAnalytics may not update OIBus now, nil when it may: it may change during a download
	Log        *slog.Logger
	Now        func() time.Time // nil is time.Now

	limits limits
	disk   disk
	random func() float64
}

// limits can be shortened by tests.
type limits struct {
	stall, whole, pickup, lost, firstRetry, lastRetry, look time.Duration
}

// Service carries out upgrades. It is safe for concurrent use; one command runs at a time.
type Service struct {
	o Options

	mu       sync.Mutex
	progress Progress
	shown    Status
	shownAt  time.Time
	trial    bool
	trialAt  time.Time
	problem  string // why that is not known
	uploads  bool   // one is under way
}

// New returns the service, and removes what interrupted uploads and downloads have left.
func New(o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Forbidden == nil {
		o.Forbidden = func() error { return nil }
	}
	if o.random == nil {
		o.random = rand.Float64
	}
	if o.limits == (limits{}) {
		o.limits = limits{stallLimit, wholeLimit, pickupLimit, lostLimit, firstRetry, lastRetry, lookPace}
	}
	if o.disk == nil {
		o.disk = realDisk{}
	}
	s := &Service{o: o}
	s.tidy()
	return s
}

// OnTrial says whether this version runs on trial, so that what it does may be undone.
func (s *Service) OnTrial() bool {
	if !s.o.Managed {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if age := now.Sub(s.trialAt); !s.trialAt.IsZero() && age >= 0 && age < statusAge {
		return s.trial
	}
	s.trialAt = now
	status, err := handover.ReadStatus(s.o.DataDir)
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if problem != "" && problem != s.problem {
		s.o.Log.Warn("It is not known whether this version is on trial", "error", err)
	}
	s.problem = problem
	s.trial = err == nil && onTrial[status.Phase] // what nobody can read does not hold up commands for ever
	return s.trial
}

// onTrial are the phases of the launcher in which what the running agent does may be undone.
var onTrial = map[string]bool{"switched": true, "on-trial": true, "rolling-back": true}

// disk is what the service asks of the file system that can fail for lack of room. Tests make it fail.
type disk interface {
	Free(dir string) (uint64, error)
	Create(path string) (file, error)
}

type realDisk struct{}

func (realDisk) Free(dir string) (uint64, error) {
	free, _, err := platform.DiskFree(dir)
	return free, err
}
