package upgrade

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"oibus/agent/cloud"
	"oibus/launcher/handover"
)

func TestAReleaseIsDownloadedVerifiedAndHandedOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	r.handedOver(r.stopped())
	if !strings.Contains(r.notes.String(), "Downloading version 3.9.0: ") || !strings.Contains(r.notes.String(), "Verifying version 3.9.0") {
		t.Errorf("the journal of the command holds\n%s", r.notes)
	}
}

func TestADownloadGoesOnAcrossCutsOfTheLine(t *testing.T) {
	t.Parallel()
	for name, etag := range map[string]string{"with an ETag": `"v1"`, "with a weak one": `W/"v1"`, "without": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := serves(t)
			srv.etag = etag
			srv.cut = func(n int) int { return 10_000 + 100*n }
			r := newRig(t, srv)
			r.handedOver(r.stopped())
			if srv.asked() < 10 {
				t.Errorf("only %d requests", srv.asked())
			}
			if sent := srv.brought(); sent > len(srv.content)+1000 {
				t.Errorf("%d bytes were sent for %d", sent, len(srv.content))
			}
		})
	}
}

func TestServersWithoutRangesStartAnew(t *testing.T) {
	t.Parallel()
	srv := serves(t)
	srv.noRanges = true
	srv.cut = func(n int) int {
		if n < 6 {
			return 20_000 * (n%3 + 1)
		}
		return -1
	}
	r := newRig(t, srv)
	r.handedOver(r.stopped())
}

func TestADownloadGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	srv := serves(t)
	r := newRig(t, srv)
	srv.cut = func(int) int { return 40_000 }
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		before := srv.asked()
		srv.mu.Lock()
		srv.answer = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			if n > before {
				cancel()
				panic(http.ErrAbortHandler)
			}
			return false
		}
		srv.mu.Unlock()
		if _, err := r.runs(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
		r.restart()
	}
	info, err := os.Stat(filepath.Join(handover.Dir(r.dir), partName))
	if err != nil || info.Size() != 120_000 {
		t.Fatalf("after three processes: %v, %v", info, err)
	}
	srv.mu.Lock()
	srv.cut, srv.answer = nil, nil
	srv.mu.Unlock()
	r.handedOver(r.stopped())
	if sent := srv.brought(); sent > len(srv.content)+1000 {
		t.Errorf("%d bytes were sent for %d", sent, len(srv.content))
	}
}

func TestBytesThatMayNotBeOnDiskAreDownloadedAgain(t *testing.T) {
	t.Parallel()
	srv := serves(t)
	r := newRig(t, srv)
	ctx, cancel := context.WithCancel(t.Context())
	srv.cut = func(int) int { return 50_000 }
	srv.answer = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n > 0 {
			cancel()
			panic(http.ErrAbortHandler)
		}
		return false
	}
	if _, err := r.runs(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// A cut of power leaves a file whose end is zeros.
	part := filepath.Join(handover.Dir(r.dir), partName)
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(make([]byte, 30_000))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	srv.mu.Lock()
	srv.cut, srv.answer = nil, nil
	srv.mu.Unlock()
	r.restart()
	r.handedOver(r.stopped())
}

func TestAReleaseThatWasReplacedBetweenTwoPartsIsDownloadedAnew(t *testing.T) {
	t.Parallel()
	srv := serves(t)
	srv.etag = "" // the server does not tell
	old := srv.content
	other := append([]byte(nil), old...)
	for i := range other[:30_000] {
		other[i] ^= 0xff
	}
	srv.content = other
	srv.cut = func(n int) int {
		if n == 0 {
			return 30_000
		}
		srv.content = old
		return -1
	}
	r := newRig(t, srv)
	r.handedOver(r.stopped())
	if srv.asked() != 3 || !strings.Contains(r.log.String(), "is downloaded anew") {
		t.Errorf("%d requests\n%s", srv.asked(), r.log)
	}
}

func TestLyingServersAreRefused(t *testing.T) {
	t.Parallel()
	good := pack(t, "3.9.0", 50_000)
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		content []byte
		answer  func(n int, w http.ResponseWriter, r *http.Request) bool
		want    string
		exactly bool
	}{
		"wrong bytes":    {flipped, nil, "is damaged", false},
		"other version":  {pack(t, "3.9.1", 100), nil, "it holds version 3.9.1, but version 3.9.0 was asked for", false},
		"cut and closed": {good[:len(good)-100], nil, "its end is missing", false},
		"not a release":  {[]byte("this is not a release at all"), nil, "invalid signature: 0x73696874", true},
		"nothing":        {nil, nil, "", false},
		"longer than said": {good, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", strconv.Itoa(len(good)-1000))
			_, _ = w.Write(good[:len(good)-1000])
			return true
		}, "its end is missing", false},
		"shorter than said": {good, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", strconv.Itoa(len(good)+1000))
			_, _ = w.Write(good)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "ends at byte " + strconv.Itoa(len(good)) + " of " + strconv.Itoa(len(good)+1000) + " each time, 4 times in a row", false},
		"far too long": {good, func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "9000000000")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "the release has 9000000000 bytes, the limit is", false},
		"unknown asset": {good, refusing(http.StatusNotFound, "Not Found: no such asset"), "404 - Not Found: no such asset", true},
		"not allowed":   {good, refusing(http.StatusForbidden, "no"), "403 - no", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, &server{content: c.content, etag: `"v1"`, answer: c.answer})
			err := r.fails(c.want)
			if c.exactly && err.Error() != c.want {
				t.Errorf("it says %q", err)
			}
			if !strings.HasPrefix(c.want, "ends at") && name != "unknown asset" && name != "not allowed" && name != "shorter than said" && name != "far too long" {
				if names := r.left(); len(names) > 0 {
					t.Errorf("it left %q", names)
				}
			}
		})
	}
}

func refusing(status int, text string) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return true
	}
}

func TestACaptivePortalPassesOrPatienceEnds(t *testing.T) {
	t.Parallel()
	portal := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Sign in</html>")
	}
	srv := serves(t)
	srv.answer = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n < 5 {
			portal(w)
		}
		return n < 5
	}
	r := newRig(t, srv)
	r.handedOver(r.stopped())

	srv = serves(t)
	r = newRig(t, srv)
	srv.answer = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		r.clock.move(10 * time.Minute)
		portal(w)
		return true
	}
	r.fails("OIBus has not been updated: the download made no progress for 1h0m0s, at byte 0", "a captive portal")
}

func TestPatienceWithASlowLineEndsAndWhatIsThereWaitsForTheNextCommand(t *testing.T) {
	t.Parallel()
	srv := serves(t)
	r := newRig(t, srv)
	srv.cut = func(int) int { r.clock.move(5 * time.Hour); return 1000 }
	r.o.limits.stall = 100 * time.Hour
	r.restart()
	r.fails("the download took longer than 24h0m0s, and is at byte 5000 of")
	srv.mu.Lock()
	srv.cut = nil
	srv.mu.Unlock()
	if err := func() error { // another command for the same asset
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		srv.mu.Lock()
		srv.answer = func(int, http.ResponseWriter, *http.Request) bool { cancel(); return false }
		srv.mu.Unlock()
		_, err := r.Run(ctx, "another", content("v3.9.0"), nil)
		return err
	}(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if got := srv.requests[len(srv.requests)-1].Header.Get("Range"); got != "bytes=5000-" {
		t.Errorf("another command asks for %q", got)
	}
}

func TestAFullDiskIsToldInNumbers(t *testing.T) {
	t.Parallel()
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, serves(t))
		r.disk.free = 64<<20 + 500_000
		err := r.fails("there is not enough room in "+r.dir+": it needs 64.9 MB (download 0.3 MB, unpacking 0.6 MB, backup ", "64.0 MB stay free for OIBus), 64.5 MB are free, 0.", "MB are missing")
		if r.server.asked() != 1 || len(r.left()) > 0 {
			t.Errorf("%d requests, left %q: %v", r.server.asked(), r.left(), err)
		}
	})
	t.Run("meanwhile", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, serves(t))
		r.disk.fail = func(at int64) error {
			if at > 0 {
				r.disk.mu.Lock()
				r.disk.free = 1000
				r.disk.mu.Unlock()
				return &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
			}
			return nil
		}
		r.fails("there is not enough room in "+r.dir, "0.0 MB are free")
		if names := r.left(); len(names) > 0 {
			t.Errorf("a full disk keeps %q", names)
		}
	})
	t.Run("another failure", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, serves(t))
		r.disk.fail = func(int64) error { return &os.PathError{Op: "write", Path: "x", Err: syscall.EIO} }
		r.fails("OIBus has not been updated: cannot write the download: ")
	})
}

func TestWithoutALauncherNothingIsDownloaded(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	r.o.Managed = false
	r.restart()
	if err := r.fails("it is not run by its launcher"); r.server.asked() > 0 {
		t.Error(err)
	}
}

func TestWithoutARegistrationTheCommandEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	r.o.Connection = func() (cloud.Connection, error) {
		return cloud.Connection{}, errors.New("OIBus not registered in OIAnalytics")
	}
	r.restart()
	r.fails("OIBus not registered in OIAnalytics")
}

func TestAnUpdateThatIsForbiddenMeanwhileEnds(t *testing.T) {
	t.Parallel()
	for _, at := range []int{1, 2} { // before the download, and before the launcher is asked
		r := newRig(t, serves(t))
		asked := 0
		r.o.Forbidden = func() error {
			if asked++; asked == at {
				return errors.New("OIBus is not set up to execute remote update")
			}
			return nil
		}
		r.restart()
		if err := r.fails(); err.Error() != "OIBus is not set up to execute remote update" || len(r.left()) > 0 {
			t.Errorf("%v, left %q", err, r.left())
		}
	}
}

func TestADownloadThatEndsTheProcessAgainAndAgainIsGivenUp(t *testing.T) {
	t.Parallel()
	srv := serves(t)
	r := newRig(t, srv)
	for i := range maxStarts + 5 {
		ctx, cancel := context.WithCancel(t.Context())
		srv.mu.Lock()
		srv.answer = func(int, http.ResponseWriter, *http.Request) bool { cancel(); panic(http.ErrAbortHandler) }
		srv.mu.Unlock()
		_, err := r.runs(ctx)
		cancel()
		if err == nil || !errors.Is(err, context.Canceled) {
			if err == nil || !strings.Contains(err.Error(), "restarted 20 times") || i < maxStarts {
				t.Errorf("process %d ended with %v", i, err)
			}
			return
		}
		r.restart()
	}
	t.Error("it is never given up")
}

func TestWrongCommandsAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, serves(t))
	for text, want := range map[string]string{
		`[]`:                                 "is not understood",
		`{}`:                                 `"version" is required`,
		`{"version":3}`:                      "is not understood",
		`{"version":"v3.9.0"}`:               `"assetId" is required`,
		`{"version":"../x","assetId":"a"}`:   "is not a version",
		`{"version":"latest","assetId":"a"}`: "is not a version",
		`{"version":"v3.9.0","assetId":"` + strings.Repeat("a", 600) + `"}`: "at most 512 are accepted",
	} {
		if _, err := r.Run(t.Context(), "c", []byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestTimesFitEachOther(t *testing.T) {
	t.Parallel()
	if !(firstRetry < lastRetry && lastRetry < stallLimit && stallLimit < wholeLimit && wholeLimit < keepPartial && lookPace < lostLimit && lostLimit < pickupLimit) {
		t.Error("the limits of patience do not fit each other")
	}
}
