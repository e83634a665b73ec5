package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"oibus/agent/cloud"
)

// refusing answers E6 with err until it is lifted.
func refusing(err error) (status func([]report) error, lift func()) {
	var lifted atomic.Bool
	return func([]report) error {
		if lifted.Load() {
			return nil
		}
		return err
	}, func() { lifted.Store(true) }
}

func refusal(status int) error { return &cloud.Error{Kind: cloud.Status, Status: status, Body: "no"} }

func TestAReportIsRepeatedUntilTheCloudConfirms(t *testing.T) {
	t.Parallel()
	status, lift := refusing(refusal(500))
	inBubble(t, func(r *rig) { r.cloud.status = status; r.cloud.add(general("a")) }, func(r *rig) {
		r.after(20 * time.Minute)
		tried := r.cloud.reports()
		if tried < 10 || tried > 60 {
			t.Errorf("%d tries in 20 minutes", tried)
		}
		if !r.logs.contains("Error while acknowledging 1 command(s): 500 - no. Retrying in ") {
			t.Errorf("logs %v", r.logs.text)
		}
		if len(r.effects.list()) != 1 {
			t.Errorf("effects %q", r.effects.list())
		}
		lift()
		r.after(3 * time.Minute)
		r.expect("a COMPLETED " + renamedText)
		r.after(time.Hour)
		if r.cloud.reports() != tried+1 && len(r.cloud.history()) != 1 {
			t.Error("reported after it was confirmed")
		}
	})
}

func TestRetryAfterIsHeededEvenWhenMoreCommandsEnd(t *testing.T) {
	t.Parallel()
	status, lift := refusing(&cloud.Error{Kind: cloud.Status, Status: 429, RetryAfter: 10 * time.Minute})
	inBubble(t, func(r *rig) { r.cloud.status = status; r.cloud.add(general("a")) }, func(r *rig) {
		r.cloud.add(general("b"))
		r.after(9 * time.Minute)
		if r.cloud.reports() != 1 {
			t.Errorf("%d tries although the cloud asked to wait", r.cloud.reports())
		}
		lift()
		r.after(5 * time.Minute)
		if got := r.cloud.last(); got["a"].status() != Completed || got["b"].status() != Completed {
			t.Errorf("%v", r.cloud.history())
		}
	})
}

func TestA404ConfirmsOneCommandAndNotItsNeighbours(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.status = func(reports []report) error {
			if slices.ContainsFunc(reports, func(r report) bool { return r.id() == "forgotten" }) {
				return refusal(404)
			}
			return nil
		}
		r.cloud.add(general("a"), general("forgotten"), general("b"))
	}, func(r *rig) {
		r.after(time.Second)
		if st := r.State(); st.Unconfirmed != 0 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
		got := r.cloud.last()
		if got["a"].status() != Completed || got["b"].status() != Completed || got["forgotten"] != nil {
			t.Errorf("%v", r.cloud.history())
		}
	})
}

func TestOneCommandThatTheCloudRefusesHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 413, 422} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(r *rig) {
				r.cloud.status = func(reports []report) error {
					for _, r := range reports {
						if r.id() == "poison" && (status != 413 || r["commandContent"] != nil) {
							return refusal(status)
						}
					}
					return nil
				}
				r.cloud.add(general("a"), general("poison"), general("b"))
			}, func(r *rig) {
				r.after(30 * time.Second)
				r.cloud.set(func() {
					r.cloud.queue = nil
				})
				r.cloud.add(general("c"))
				r.after(10 * time.Minute)
				got := r.cloud.last()
				if got["a"].status() != Completed || got["b"].status() != Completed || got["c"].status() != Completed {
					t.Errorf("%v", r.cloud.history())
				}
				if status == 413 && got["poison"].status() != Completed {
					t.Errorf("a report that is too long was not sent without its content")
				}
				if r.cloud.reports() > 60 {
					t.Errorf("%d tries", r.cloud.reports())
				}
			})
		})
	}
}

func TestReportsAreBoundedInNumberAndSize(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	inBubble(t, func(r *rig) {
		for i := range 350 {
			r.cloud.add(general(fmt.Sprintf("c%03d", i)))
		}
		for i := range 3 {
			r.cloud.add(fmt.Sprintf(`{"id":"big%d","type":"update-engine-general","targetVersion":"3.8.8","commandContent":{"name":"%s"}}`, i, strings.Repeat("x", 3<<20)))
		}
	}, func(r *rig) {
		r.after(time.Minute)
		if got := r.cloud.last(); len(got) != 353 {
			t.Errorf("%d commands reported", len(got))
		}
		for _, batch := range r.cloud.received() {
			big := 0
			for _, r := range batch {
				if strings.HasPrefix(r.id(), "big") {
					big++
				}
			}
			if len(batch) > maxBatch || big > 1 {
				t.Errorf("a report of %d commands, %d of them big", len(batch), big)
			}
		}
		if len(r.cloud.received()) > 30 {
			t.Errorf("%d reports", len(r.cloud.received()))
		}
	})
}

func TestReportsAreNeverOnTheirWayTogether(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.delay = 2 * time.Second
		r.effects.fail = func(string, string) error { time.Sleep(time.Second); return nil }
		for i := range 10 {
			r.cloud.add(general(fmt.Sprintf("c%d", i)))
		}
	}, func(r *rig) {
		began := time.Now()
		for len(r.cloud.last()) < 10 || r.State().Unconfirmed+r.State().Waiting > 0 {
			r.after(time.Second)
			if time.Since(began) > time.Hour {
				t.Fatalf("%v", r.cloud.history())
			}
		}
		if took := time.Since(began); r.cloud.reports() > int(took/(2*time.Second))+1 {
			t.Errorf("%d reports of 2 s each in %s", r.cloud.reports(), took)
		}
		seen := map[string]string{}
		for _, h := range r.cloud.history() {
			id, rest, _ := strings.Cut(h, " ")
			if strings.HasPrefix(seen[id], Completed) && !strings.HasPrefix(rest, Completed) {
				t.Errorf("%s went back from %s to %s", id, seen[id], rest)
			}
			seen[id] = rest
		}
	})
}

func TestReportsOfAnEarlierProcessAreSentAfterTheFirstPollEvenIfThatFails(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) {
		r.cloud.status = func([]report) error { return errors.New("no network") }
		r.cloud.add(general("a"))
	}, func(r *rig) {
		r.stop()
		r.cloud.set(func() {
			r.cloud.status, r.cloud.order = nil, nil
			r.cloud.pending = func() error { return errors.New("no commands today") }
		})
		r.revive()
		r.expect("a COMPLETED " + renamedText)
		if r.cloud.requests()[0] != "E4" {
			t.Errorf("order %v", r.cloud.requests())
		}
	})
}

func TestConfirmationsSurviveARestart(t *testing.T) {
	t.Parallel()
	inBubble(t, func(r *rig) { r.cloud.add(general("a")) }, func(r *rig) {
		r.after(2 * time.Second)
		r.kill()
		r.revive()
		r.after(time.Minute)
		r.expect("a RETRIEVED <null>", "a COMPLETED "+renamedText)
	})
}
