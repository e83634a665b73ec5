package logging

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs f with a clock of its own, a hub and a cloud; the hub forwards at info every 10 s.
func inBubble(t *testing.T, f func(t *testing.T, dir string, h *Hub, cloud *fakeCloud)) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := startHub(t, dir)
		cloud := &fakeCloud{}
		h.SetSender(cloud.send)
		synctest.Wait() // for the cursor to be on the disk
		f(t, dir, h, cloud)
	})
}

func startHub(t *testing.T, dir string) *Hub {
	h := openHub(t, dir, Options{})
	apply(t, h, oiaSettings("info"))
	return h
}

// kill returns a folder that is as dir is now, and ends h, whose last words reach dir only.
func kill(t *testing.T, h *Hub, dir string) string {
	t.Helper()
	left := t.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	stop(h)
	return left
}

func TestABatchIsSentAfterTheIntervalAndNeverAnEmptyOne(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		write(t, h, "m", 1, 3)
		time.Sleep(9 * time.Second)
		if calls, _ := cloud.count(); calls != 0 {
			t.Errorf("%d calls before the interval is over", calls)
		}
		time.Sleep(2 * time.Second)
		wantNumbered(t, cloud.messages(""), "m", 1, 3)
		time.Sleep(time.Hour)
		if calls, _ := cloud.count(); calls != 1 {
			t.Errorf("%d calls for one batch", calls)
		}
	})
}

func TestAFullBatchDoesNotWait(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		write(t, h, "m", 1, 1234)
		time.Sleep(time.Second)
		if _, batches := cloud.count(); batches != 2 {
			t.Errorf("%d batches of 500", batches)
		}
		time.Sleep(10 * time.Second)
		wantNumbered(t, cloud.messages(""), "m", 1, 1234)
	})
}

func TestOnlyWhatReachesTheLevelIsForwarded(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		apply(t, h, oiaSettings("warn"))
		log := h.Logger(Scope{})
		log.Info("no")
		log.Warn("yes1")
		Trace(t.Context(), log, "no")
		log.Error("yes2")
		time.Sleep(11 * time.Second)
		wantNumbered(t, cloud.messages(""), "yes", 1, 2)
	})
}

func TestAnOutageLosesNothingAndRepeatsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(int, []cloudLog) error { return errors.New("connect ECONNREFUSED 10.0.0.5:443") })
		write(t, h, "m", 1, 700)
		time.Sleep(10 * time.Minute)
		calls, _ := cloud.count()
		if calls < 8 || calls > 20 {
			t.Errorf("%d attempts in ten minutes", calls)
		}
		write(t, h, "m", 701, 2000)
		cloud.setAnswer(nil)
		time.Sleep(3 * time.Minute)
		wantNumbered(t, cloud.messages("m"), "m", 1, 2000)
		if got := cloud.messages("Cannot forward"); len(got) != 0 {
			t.Errorf("the cloud was told %q", got)
		}
		if p, _ := h.Search(Query{Text: "Cannot forward logs to OIAnalytics: connect ECONNREFUSED"}); p.Total < 1 || p.Total > 4 {
			t.Errorf("the outage was logged %d times", p.Total)
		}
		if p, _ := h.Search(Query{Text: "works again"}); p.Total != 1 {
			t.Errorf("its end was logged %d times", p.Total)
		}
	})
}

func TestRefusedCredentialsAreTriedAgainWithoutAStormOfLogs(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(int, []cloudLog) error {
			return &RefusedError{Status: 401, Err: errors.New(`401 - {"error":"Unauthorized"}`)}
		})
		write(t, h, "m", 1, 3)
		time.Sleep(24 * time.Hour)
		if calls, _ := cloud.count(); calls > 24*60+10 {
			t.Errorf("%d attempts in a day", calls)
		}
		if p, _ := h.Search(Query{Text: "401 -"}); p.Total > 24*60/5+1 {
			t.Errorf("%d log entries in a day", p.Total)
		}
		cloud.setAnswer(nil)
		h.SetSender(cloud.send) // a new registration ends the pause
		time.Sleep(11 * time.Second)
		wantNumbered(t, cloud.messages("m"), "m", 1, 3)
	})
}

func TestAServerThatAsksForAPauseGetsIt(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(call int, _ []cloudLog) error {
			if call == 1 {
				return &RefusedError{Status: 429, RetryAfter: 3 * time.Minute}
			}
			return nil
		})
		write(t, h, "m", 1, 3)
		time.Sleep(10*time.Second + 2*time.Minute)
		if calls, _ := cloud.count(); calls != 1 {
			t.Errorf("%d calls before the pause is over", calls)
		}
		time.Sleep(2 * time.Minute)
		wantNumbered(t, cloud.messages(""), "m", 1, 3)
	})
}

func TestAnEntryThatIsNeverAcceptedIsGivenUpAlone(t *testing.T) {
	for _, status := range []int{400, 413} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
				cloud.setAnswer(func(_ int, batch []cloudLog) error {
					for _, e := range batch {
						if e.Message == "m777" || e.Message == "m20" {
							return &RefusedError{Status: status, Err: errors.New("no")}
						}
					}
					return nil
				})
				write(t, h, "m", 1, 2000)
				time.Sleep(time.Minute)
				got := cloud.messages("m")
				if len(got) != 1998 {
					t.Fatalf("%d messages arrived", len(got))
				}
				wantNumbered(t, got[:19], "m", 1, 19)
				wantNumbered(t, got[19:775], "m", 21, 776)
				wantNumbered(t, got[775:], "m", 778, 2000)
				if p, _ := h.Search(Query{Text: "given up"}); p.Total != 2 {
					t.Errorf("%d entries are said to be given up", p.Total)
				}
				if calls, _ := cloud.count(); calls > 150 {
					t.Errorf("%d calls", calls)
				}
			})
		})
	}
}

func TestAServerThatRefusesEverythingCannotEmptyTheJournal(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(int, []cloudLog) error { return &RefusedError{Status: 400} })
		write(t, h, "m", 1, 1000)
		time.Sleep(time.Hour)
		cloud.setAnswer(nil)
		time.Sleep(5 * time.Minute)
		if got := cloud.messages("m"); len(got) < 900 || got[len(got)-1] != "m1000" {
			t.Errorf("%d messages are left after an hour", len(got))
		}
	})
}

func TestAKillLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, dir string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(int, []cloudLog) error { return errors.New("away") })
		write(t, h, "m", 1, 700)
		for i := range 5 {
			time.Sleep(time.Duration(i) * time.Second)
			dir = kill(t, h, dir)
			h = startHub(t, dir)
			h.SetSender(cloud.send)
			write(t, h, "m", 701+100*i, 800+100*i)
			if i == 3 {
				cloud.setAnswer(nil)
				time.Sleep(time.Minute)
			}
		}
		time.Sleep(time.Minute)
		wantNumbered(t, cloud.messages("m"), "m", 1, 1200)
	})
}

func TestWhatTheJournalRotatedAwayIsCountedAndToldToTheCloud(t *testing.T) {
	inBubble(t, func(t *testing.T, dir string, h *Hub, cloud *fakeCloud) {
		apply(t, h, oiaSettings("error")) // the loss is told whatever the level
		cloud.setAnswer(func(int, []cloudLog) error { return errors.New("away") })
		log := h.Logger(Scope{})
		for i := range 1000 {
			if i == 100 {
				h.journal.maxSize.Store(20 << 10)
				h.journal.maxFiles.Store(1)
			}
			log.Error(fmt.Sprintf("m%d", i+1), "padding", strings.Repeat("x", 100))
			if i%20 == 0 {
				flush(t, h)
			}
		}
		flush(t, h)
		dir = kill(t, h, dir) // and what was in memory is gone as well
		lines := journalLines(t, dir)
		kept, err := parseRecord([]byte(lines[0]))
		if err != nil || kept.seq < 500 {
			t.Fatalf("the journal starts at %d, %v", kept.seq, err)
		}
		firstError := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"level":"error"`) })
		oldest, err := parseRecord([]byte(lines[firstError]))
		if err != nil {
			t.Fatal(err)
		}
		cloud.setAnswer(nil)
		h = openHub(t, dir, Options{})
		apply(t, h, oiaSettings("error"))
		h.SetSender(cloud.send)
		time.Sleep(time.Minute)
		want := fmt.Sprintf("%d log entries were lost before they could be sent to OIAnalytics", kept.seq-1)
		if got := cloud.messages(""); !strings.HasPrefix(got[0], want) {
			t.Errorf("the cloud was told %q, want %q", got[0], want)
		}
		got := cloud.messages("m")
		if got[0] != plain(oldest.message) || strings.Fields(got[len(got)-1])[0] != "m1000" {
			t.Errorf("the cloud got %q to %q", got[0], got[len(got)-1])
		}
		if p, _ := h.Search(Query{Text: want}); p.Total != 1 {
			t.Errorf("it is in the journal %d times", p.Total)
		}
	})
}

func TestForwardingStartsWithItsActivation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		cloud := &fakeCloud{}
		h := startHub(t, dir)
		write(t, h, "before ", 1, 10)
		h.SetSender(cloud.send) // registered
		write(t, h, "m", 1, 3)
		time.Sleep(20 * time.Second)
		h.SetSender(nil) // for a while it is not
		write(t, h, "m", 4, 6)
		time.Sleep(20 * time.Second)
		closeHub(t, h)

		h = openHub(t, dir, Options{})
		h.SetSender(cloud.send) // before the settings are known
		time.Sleep(time.Second)
		apply(t, h, oiaSettings("info"))
		time.Sleep(20 * time.Second)
		wantNumbered(t, cloud.messages(""), "m", 1, 6)

		apply(t, h, oiaSettings("silent"))
		time.Sleep(time.Second)
		write(t, h, "silent ", 1, 3)
		apply(t, h, oiaSettings("info"))
		write(t, h, "m", 7, 8)
		time.Sleep(20 * time.Second)
		wantNumbered(t, cloud.messages(""), "m", 1, 8)
	})
}

func TestCloseSendsWhatIsLeftOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, dir string, h *Hub, cloud *fakeCloud) {
		log := h.Logger(Scope{})
		for i := range 1200 {
			log.Info(fmt.Sprintf("m%d", i+1))
		}
		closeHub(t, h)
		wantNumbered(t, cloud.messages(""), "m", 1, 1200)
		h = startHub(t, dir)
		h.SetSender(cloud.send)
		time.Sleep(time.Minute)
		wantNumbered(t, cloud.messages(""), "m", 1, 1200)
	})
}

func TestCloseDoesNotWaitForACloudThatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, dir string, h *Hub, cloud *fakeCloud) {
		h.SetSender(func(ctx context.Context, _ []byte) error { <-ctx.Done(); return ctx.Err() })
		write(t, h, "m", 1, 3)
		ctx, cancel := contextFor(t, 5*time.Second)
		defer cancel()
		started := time.Now()
		h.Close(ctx)
		if took := time.Since(started); took > 7*time.Second {
			t.Errorf("Close took %s", took)
		}
		h = startHub(t, dir)
		h.SetSender(cloud.send)
		time.Sleep(time.Minute)
		wantNumbered(t, cloud.messages(""), "m", 1, 3)
	})
}

func TestApplyAndSetSenderNeverWaitForASend(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		hang := func(ctx context.Context, _ []byte) error { <-ctx.Done(); return ctx.Err() }
		h.SetSender(hang)
		write(t, h, "m", 1, 600)
		time.Sleep(time.Second)
		started := time.Now()
		for i := range 100 {
			apply(t, h, oiaSettings([]string{"info", "trace", "warn"}[i%3]))
			h.SetSender(hang)
		}
		apply(t, h, oiaSettings("info"))
		h.SetSender(cloud.send)
		if took := time.Since(started); took > 0 {
			t.Errorf("they took %s", took)
		}
		time.Sleep(2 * time.Minute) // the hanging send reaches its limit
		wantNumbered(t, cloud.messages("m"), "m", 1, 600)
	})
}

func TestTheSameSettingsAgainChangeNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(int, []cloudLog) error { return errors.New("away") })
		write(t, h, "m", 1, 3)
		time.Sleep(5 * time.Minute)
		before, _ := cloud.count()
		for range 50 {
			apply(t, h, oiaSettings("info"))
			time.Sleep(100 * time.Millisecond)
		}
		if after, _ := cloud.count(); after > before+1 {
			t.Errorf("%d attempts because of settings that did not change", after-before)
		}
	})
}

func TestASenderThatPanicsIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(call int, _ []cloudLog) error {
			if call == 1 {
				panic("boom")
			}
			return nil
		})
		h.SetSender(func(ctx context.Context, b []byte) error { return cloud.send(ctx, b) })
		write(t, h, "m", 1, 3)
		time.Sleep(time.Minute)
		wantNumbered(t, cloud.messages(""), "m", 1, 3)
	})
}

func TestALostJournalTailDoesNotMakeNewEntriesInvisible(t *testing.T) {
	inBubble(t, func(t *testing.T, dir string, h *Hub, cloud *fakeCloud) {
		write(t, h, "m", 1, 100)
		closeHub(t, h)
		if err := os.Truncate(dir+"/"+currentName, 4000); err != nil { // a power cut: sent, but not on the disk
			t.Fatal(err)
		}
		h = startHub(t, dir)
		h.SetSender(cloud.send)
		write(t, h, "m", 101, 103)
		time.Sleep(time.Minute)
		wantNumbered(t, cloud.messages("m"), "m", 1, 103)
	})
}

// awayTarget is a server that is always away.
type awayTarget struct{ calls atomic.Int64 }

func (t *awayTarget) send(context.Context, []record) (int, error) {
	return 0, fmt.Errorf("attempt %d failed", t.calls.Add(1))
}
func (t *awayTarget) limit() (int, time.Duration) { return 100, 0 }
func (t *awayTarget) close()                      {}

func TestForwardersThatFailTogetherDoNotFeedEachOther(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	inBubble(t, func(t *testing.T, _ string, h *Hub, cloud *fakeCloud) {
		cloud.setAnswer(func(call int, _ []cloudLog) error { return fmt.Errorf("attempt %d failed", call) })
		for _, f := range h.forwarders[1:] {
			f.tell(route{purpose: on, level: LevelTrace, interval: 10 * time.Second, target: &awayTarget{}})
		}
		synctest.Wait()
		write(t, h, "m", 1, 1)
		time.Sleep(24 * time.Hour)
		if p, _ := h.Search(Query{}); p.Total > 3*24*60/5+10 {
			t.Errorf("%d log entries in a day of failures", p.Total)
		}
	})
}

func TestTheDialectOfTheOptionsIsSpoken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := openHub(t, dir, Options{Dialect: "R"})
		apply(t, h, oiaSettings("info"))
		bodies := make(chan string, 1)
		h.SetSender(func(_ context.Context, b []byte) error { bodies <- string(b); return nil })
		h.Logger(Scope{ID: WebServer}).Info("m")
		want := `[{"timestamp":"2000-01-01T00:00:00.000Z","level":"INFO","scopeType":"WEB_SERVER","scopeId":null,"scopeName":null,"message":"m"}]`
		if body := <-bodies; body != want {
			t.Errorf("got  %s\nwant %s", body, want)
		}
	})
}
