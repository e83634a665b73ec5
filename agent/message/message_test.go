package message

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"oibus/agent/cloud"
	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// fakes are everything around a service.
type fakes struct {
	mu        sync.Mutex
	off       bool // not registered
	name      string
	key       string
	delivered []string
	list      func() ([]json.RawMessage, error)
	answer    func(kind Kind, body string) error
	delay     time.Duration
	puts      []put
	logs      []string
}

// put is a message that arrived at the cloud, accepted or not.
type put struct {
	kind Kind
	body string
	at   time.Time
}

func (f *fakes) put(ctx context.Context, kind Kind, body []byte) error {
	f.mu.Lock()
	f.puts = append(f.puts, put{kind, string(body), time.Now()})
	delay, answer := f.delay, f.answer
	f.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	if answer != nil {
		return answer(kind, string(body))
	}
	return nil
}

func (f *fakes) PutConfiguration(ctx context.Context, _ cloud.Connection, body []byte) error {
	return f.put(ctx, FullConfig, body)
}

func (f *fakes) PutHistoryQueries(ctx context.Context, _ cloud.Connection, body []byte) error {
	return f.put(ctx, HistoryQueries, body)
}

func (f *fakes) set(change func()) { f.mu.Lock(); defer f.mu.Unlock(); change() }

func (f *fakes) Registered() bool { f.mu.Lock(); defer f.mu.Unlock(); return !f.off }
func (f *fakes) Connection() (cloud.Connection, error) {
	if !f.Registered() {
		return cloud.Connection{}, errors.New("OIBus not registered in OIAnalytics")
	}
	return cloud.Connection{}, nil
}
func (f *fakes) Intervals() (time.Duration, time.Duration, time.Duration) {
	return time.Minute, 5 * time.Second, 4 * time.Second
}
func (f *fakes) PublicKey() string { f.mu.Lock(); defer f.mu.Unlock(); return f.key }
func (f *fakes) KeyDelivered(key string) error {
	f.set(func() { f.delivered = append(f.delivered, key) })
	return nil
}

func (f *fakes) Engine() entity.Engine {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := entity.Engine{Settings: entity.DefaultEngineSettings()}
	e.Settings.General.Name = f.name
	return e
}

// source is an engine with nothing but a name.
func (f *fakes) source() Source {
	ids := map[string]string{}
	for _, t := range manifest.Transformers() {
		ids[t.ID] = "T" + t.ID
	}
	return Source{
		Engine: f.Engine, Registration: func() entity.Registration { return entity.Registration{} },
		ScanModes: func() []entity.ScanMode { return nil }, IPFilters: func() []entity.IPFilter { return nil },
		Certificates: func() []entity.Certificate { return nil }, Users: func() []entity.User { return nil },
		Standard: func() map[string]string { return ids },
		HistoryQueries: func() ([]json.RawMessage, error) {
			f.mu.Lock()
			list := f.list
			f.mu.Unlock()
			if list != nil {
				return list()
			}
			return nil, nil
		},
	}
}

func (f *fakes) Enabled(context.Context, slog.Level) bool { return true }
func (f *fakes) WithAttrs([]slog.Attr) slog.Handler       { return f }
func (f *fakes) WithGroup(string) slog.Handler            { return f }
func (f *fakes) Handle(_ context.Context, r slog.Record) error {
	f.set(func() { f.logs = append(f.logs, r.Message) })
	return nil
}

func (f *fakes) logged(part string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(strings.Join(f.logs, "\n"), part)
}

// sent are the messages of a kind.
func (f *fakes) sent(kind Kind) []put {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []put
	for _, p := range f.puts {
		if p.kind == kind {
			list = append(list, p)
		}
	}
	return list
}

func (f *fakes) forget() { f.set(func() { f.puts = nil }) }

// rename changes the configuration.
func (f *fakes) rename(s *Service, name string) {
	f.set(func() { f.name = name })
	s.Changed(FullConfig)
}

func inBubble(t *testing.T, change func(*fakes, *Options), f func(*fakes, *Service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := &fakes{name: "first", key: "K1"}
		o := Options{Cloud: x, Registration: x, Source: x.source(), Log: slog.New(x)}
		if change != nil {
			change(x, &o)
		}
		s := New(o)
		s.Start(t.Context())
		synctest.Wait()
		f(x, s)
		if err := s.Stop(time.Minute); err != nil {
			t.Error(err)
		}
	})
}

func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

func refusal(status int, body string) error {
	return &cloud.Error{Kind: cloud.Status, Status: status, Body: body}
}

func nameIn(p put) string {
	var c struct {
		Engine struct{ Name string }
	}
	if err := json.Unmarshal([]byte(p.body), &c); err != nil {
		return err.Error()
	}
	return c.Engine.Name
}

func TestBothMessagesGoOutAfterTheFirstPollTheConfigurationFirst(t *testing.T) {
	t.Parallel()
	var gate chan struct{}
	inBubble(t, func(x *fakes, o *Options) {
		gate = make(chan struct{})
		o.First, x.delay = gate, time.Second
	}, func(x *fakes, s *Service) {
		after(time.Minute)
		if len(x.puts) != 0 {
			t.Fatal("sent before the first poll")
		}
		close(gate)
		after(time.Minute)
		if len(x.puts) != 2 || x.puts[0].kind != FullConfig || x.puts[1].kind != HistoryQueries || x.puts[1].at.Sub(x.puts[0].at) < time.Second {
			t.Errorf("%+v", x.puts)
		}
		if x.puts[1].body != `{"historyQueries":[]}` || s.Pending() != 0 || !slices.Equal(x.delivered, []string{"K1"}) {
			t.Errorf("%s, %d pending, delivered %v", x.puts[1].body, s.Pending(), x.delivered)
		}
		x.forget()
		s.RegistrationChanged()
		after(time.Minute)
		if len(x.puts) != 2 || x.puts[0].kind != FullConfig || x.puts[1].at.Sub(x.puts[0].at) < time.Second {
			t.Errorf("after the registration changed: %+v", x.puts)
		}
	})
}

func TestAChangeWhileAMessageIsOnItsWayIsSentToo(t *testing.T) {
	t.Parallel()
	inBubble(t, func(x *fakes, _ *Options) { x.delay = 2 * time.Second }, func(x *fakes, s *Service) {
		after(time.Minute)
		x.forget()
		for i := range 4 {
			x.rename(s, fmt.Sprint("change ", i))
			after(100 * time.Millisecond)
		}
		after(time.Minute)
		got := x.sent(FullConfig)
		if len(got) != 2 || nameIn(got[0]) != "change 0" || nameIn(got[1]) != "change 3" || len(x.sent(HistoryQueries)) != 0 || s.Pending() != 0 {
			t.Errorf("%d messages, %+v", len(got), s.State())
		}
	})
}

func TestABurstOfChangesCostsFewMessages(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(x *fakes, s *Service) {
		after(time.Minute)
		x.forget()
		for i := range 200 {
			x.rename(s, fmt.Sprint("change ", i))
			after(time.Millisecond)
		}
		after(time.Minute)
		got := x.sent(FullConfig)
		if len(got) > 4 || nameIn(got[len(got)-1]) != "change 199" {
			t.Errorf("%d messages, the last with %q", len(got), nameIn(got[len(got)-1]))
		}
	})
}

func TestAMessageThatFailsIsRepeatedWithTheNewestContentAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, err := range []error{refusal(500, "oops"), refusal(401, "no"), refusal(413, "too long"), errors.New("connect ECONNREFUSED")} {
		t.Run(err.Error(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(x *fakes, _ *Options) {
				x.answer = func(kind Kind, _ string) error {
					if kind == FullConfig {
						return err
					}
					return nil
				}
			}, func(x *fakes, s *Service) {
				after(7 * time.Second)
				if n := len(x.sent(FullConfig)); n != 2 || len(x.sent(HistoryQueries)) != 1 {
					t.Errorf("%d configurations, %d history queries", n, len(x.sent(HistoryQueries)))
				}
				after(time.Hour)
				n := len(x.sent(FullConfig))
				if n < 15 || n > 60 {
					t.Errorf("%d tries in an hour", n)
				}
				if !x.logged("Error while sending the full-config message: "+err.Error()+". Retrying in ") || s.Pending() != 1 {
					t.Errorf("logs %v", x.logs)
				}
				x.rename(s, "newest") // a change is tried at once
				after(0)
				if got := x.sent(FullConfig); len(got) != n+1 || nameIn(got[n]) != "newest" {
					t.Errorf("%d messages more", len(got)-n)
				}
				x.set(func() { x.answer = nil })
				after(5 * time.Minute)
				if st := s.State()[0]; st.Status != StatusCompleted || st.At == "" || s.Pending() != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

func TestABadRequestIsNotRepeatedBeforeTheNextChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"says Bad Request":        {refusal(400, `{"status":400,"error":"Bad Request"}`), 1},
		"says it otherwise":       {refusal(400, "no"), maxBadRequests},
		"says nothing":            {refusal(400, ""), maxBadRequests},
		"Bad Request under a 500": {refusal(500, "Bad Request"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(x *fakes, _ *Options) { x.answer = func(Kind, string) error { return c.err } }, func(x *fakes, s *Service) {
				after(24 * time.Hour)
				if n, h := len(x.sent(FullConfig)), len(x.sent(HistoryQueries)); n != c.want || h != c.want {
					t.Errorf("sent %d and %d times, want %d", n, h, c.want)
				}
				if st := s.State()[0]; st.Status != StatusErrored || st.Error != c.err.Error() || s.Pending() != 0 {
					t.Errorf("%+v", st)
				}
				x.set(func() { x.answer = nil })
				x.forget()
				x.rename(s, "other")
				after(time.Minute)
				if got := x.sent(FullConfig); len(got) != 1 || nameIn(got[0]) != "other" || s.State()[0].Status != StatusCompleted {
					t.Errorf("after a change: %d messages", len(got))
				}
			})
		})
	}
}

func TestA400FromSomebodyOnTheWayPasses(t *testing.T) {
	t.Parallel()
	inBubble(t, func(x *fakes, _ *Options) {
		failed := false
		x.answer = func(kind Kind, _ string) error {
			if kind == FullConfig && !failed {
				failed = true
				return refusal(400, "no")
			}
			return nil
		}
	}, func(x *fakes, s *Service) {
		after(10 * time.Second)
		if n := len(x.sent(FullConfig)); n != 2 || s.Pending() != 0 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestRetryAfterIsHeededEvenWhenSomethingChanges(t *testing.T) {
	t.Parallel()
	inBubble(t, func(x *fakes, _ *Options) {
		x.answer = func(Kind, string) error {
			return &cloud.Error{Kind: cloud.Status, Status: 503, RetryAfter: 10 * time.Minute}
		}
	}, func(x *fakes, s *Service) {
		after(time.Minute)
		x.rename(s, "impatient")
		after(8 * time.Minute)
		if n := len(x.sent(FullConfig)); n != 1 {
			t.Errorf("%d messages although the cloud asked to wait", n)
		}
		x.set(func() { x.answer = nil })
		after(5 * time.Minute)
		if got := x.sent(FullConfig); len(got) != 2 || nameIn(got[1]) != "impatient" {
			t.Errorf("%d messages", len(got))
		}
	})
}

func TestNothingIsSentWhileNotRegisteredAndEverythingOnceRegistered(t *testing.T) {
	t.Parallel()
	inBubble(t, func(x *fakes, _ *Options) { x.off = true }, func(x *fakes, s *Service) {
		x.rename(s, "offline")
		s.RegistrationChanged()
		after(time.Hour)
		if len(x.puts) != 0 || s.Pending() != 0 {
			t.Fatalf("%d messages, %d pending", len(x.puts), s.Pending())
		}
		x.set(func() { x.off = false })
		s.RegistrationChanged()
		after(time.Second)
		if got := x.sent(FullConfig); len(got) != 1 || nameIn(got[0]) != "offline" || len(x.sent(HistoryQueries)) != 1 {
			t.Errorf("%d messages", len(x.puts))
		}
		x.set(func() { x.off = true; x.answer = func(Kind, string) error { return errors.New("no") } })
		x.rename(s, "unregistered meanwhile")
		after(time.Hour)
		if len(x.puts) != 2 {
			t.Errorf("%d messages more", len(x.puts)-2)
		}
	})
}

func TestAListThatFailsOrPanicsIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() ([]json.RawMessage, error){
		"error": func() ([]json.RawMessage, error) { return nil, errors.New("disk") },
		"panic": func() ([]json.RawMessage, error) { panic("disk") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(x *fakes, _ *Options) { x.list = fail }, func(x *fakes, s *Service) {
				after(time.Minute)
				if len(x.sent(HistoryQueries)) != 0 || len(x.sent(FullConfig)) != 1 || !x.logged("disk") {
					t.Errorf("logs %v", x.logs)
				}
				x.set(func() {
					x.list = func() ([]json.RawMessage, error) { return []json.RawMessage{json.RawMessage(`{"a":1}`)}, nil }
				})
				after(5 * time.Minute)
				if got := x.sent(HistoryQueries); len(got) != 1 || got[0].body != `{"historyQueries":[{"a":1}]}` {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

func TestStoppingWaitsForTheMessageOnItsWayButNotForEver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ delay, limit, least, most time.Duration }{
		"soon done": {20 * time.Second, time.Hour, 19 * time.Second, 21 * time.Second},
		"hangs":     {time.Hour, time.Hour, 29 * time.Second, 32 * time.Second},
		"no time":   {time.Hour, 2 * time.Second, time.Second, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(x *fakes, _ *Options) { x.delay = c.delay }, func(x *fakes, s *Service) {
				after(500 * time.Millisecond)
				began := time.Now()
				err := s.Stop(c.limit)
				if took := time.Since(began); err != nil || took < c.least || took > c.most {
					t.Errorf("took %s, %v", took, err)
				}
				if len(x.puts) != 1 {
					t.Errorf("%d messages", len(x.puts))
				}
			})
		})
	}
}
