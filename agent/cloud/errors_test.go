package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestARefusalReadsAsStatusAndBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status    int
		body      string
		want      string
		retryable bool
	}{
		{400, `{"status":400,"error":"Bad Request"}`, `400 - {"status":400,"error":"Bad Request"}`, false},
		{401, `{"error": "Unauthorized"}`, `401 - {"error": "Unauthorized"}`, false},
		{403, `{"error":"Forbidden"}`, `403 - {"error":"Forbidden"}`, false},
		{404, "", "404 - ", false},
		{407, "", "407 - ", true},
		{408, "slow", "408 - slow", true},
		{413, "", "413 - ", false},
		{425, "", "425 - ", true},
		{429, "", "429 - ", true},
		{500, "oops", "500 - oops", true},
		{503, portal, "503 - " + portal, true},
		{301, "moved", "301 - moved", true},
		{302, "", "302 - ", true},
		{304, "", "304 - ", true},
		{511, "log in", "511 - log in", true},
	} {
		s := serving(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
			if r.URL.Path == "/elsewhere" {
				t.Error("a redirect was followed")
			}
		})
		for name, call := range calls(t) {
			e := failureOf(t, call(newClient(t), Connection{Host: s.URL}), Status)
			if e.Error() != c.want || e.Status != c.status || e.Retryable() != c.retryable || Retryable(e) != c.retryable {
				t.Errorf("%s: status %d gives %q, retryable %v", name, c.status, e.Error(), e.Retryable())
			}
		}
	}
}

func TestTheConnectionTestTakesA401WhereThereIsNoToken(t *testing.T) {
	t.Parallel()
	s := answering(t, 401, "text/html", "<html>401</html>")
	if err := newClient(t).Status(t.Context(), Connection{Host: s.URL}, true); err != nil {
		t.Error(err)
	}
	e := failureOf(t, newClient(t).Status(t.Context(), Connection{Host: s.URL}, false), Status)
	if e.Status != 401 || e.Body != "<html>401</html>" {
		t.Errorf("got %d and %q", e.Status, e.Body)
	}
}

func TestTheBodyOfARefusalIsBoundedAndText(t *testing.T) {
	t.Parallel()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "\xff\xfe")
		for {
			if _, err := io.WriteString(w, strings.Repeat("é", 1000)); err != nil {
				return
			}
		}
	})
	e := failureOf(t, newClient(t).UpdateStatus(t.Context(), Connection{Host: s.URL}, nil), Status)
	if len(e.Error()) > maxErrorText+20 || !utf8.ValidString(e.Error()) || !strings.HasPrefix(e.Error(), "500 - \uFFFDé") {
		t.Errorf("%d bytes: %.40q", len(e.Error()), e.Error())
	}
}

func TestARefusalWhoseBodyIsCutIsStillThatRefusal(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\ngone")
	})
	e := failureOf(t, newClient(t).UpdateStatus(t.Context(), Connection{Host: "http://" + addr}, nil), Status)
	if e.Error() != "404 - gone" {
		t.Errorf("got %q", e)
	}
}

func TestRetryAfterIsReadAndBounded(t *testing.T) {
	t.Parallel()
	const date = "Wed, 04 Mar 2026 08:15:30 GMT"
	for _, c := range []struct {
		header, date string
		want         time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{" 120 ", "", 2 * time.Minute},
		{"-5", "", 0},
		{"+5", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"999999999999", "", MaxRetryAfter},
		{"9999999999999999999999999", "", 0},
		{"Wed, 04 Mar 2026 08:16:00 GMT", date, 30 * time.Second},
		{"Wed, 04 Mar 2026 08:15:00 GMT", date, 0},
		{"Wed, 04 Mar 2099 08:15:00 GMT", date, MaxRetryAfter},
		{"Wed, 04 Mar 2099 08:15:00 GMT", "", MaxRetryAfter},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.header)
		h.Set("Date", c.date)
		if got := retryAfter(h); got != c.want {
			t.Errorf("Retry-After %q, Date %q = %s, want %s", c.header, c.date, got, c.want)
		}
	}
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(503)
	})
	err := newClient(t).UpdateStatus(t.Context(), Connection{Host: s.URL}, nil)
	if RetryAfter(err) != 17*time.Second {
		t.Errorf("got %s", RetryAfter(err))
	}
}

func FuzzRetryAfterIsNeverNegativeNorBeyondItsBound(f *testing.F) {
	f.Add("120", "")
	f.Add("Wed, 04 Mar 2026 08:16:00 GMT", "Wed, 04 Mar 2026 08:15:30 GMT")
	f.Fuzz(func(t *testing.T, header, date string) {
		got := retryAfter(http.Header{"Retry-After": {header}, "Date": {date}})
		if got < 0 || got > MaxRetryAfter {
			t.Errorf("Retry-After %q, Date %q = %s", header, date, got)
		}
	})
}

func TestACallThatTheCallerGivesUpIsNeitherATimeoutNorRetryable(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		cancel()
		_, _ = io.Copy(io.Discard, c)
	})
	_, err := newClient(t).Pending(ctx, Connection{Host: "http://" + addr})
	e := failureOf(t, err, Cancelled)
	if e.Retryable() || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsOfOthersAreNoneOfOurs(t *testing.T) {
	t.Parallel()
	err := errors.New("x")
	if Retryable(err) || StatusOf(err) != 0 || RetryAfter(err) != 0 || Retryable(nil) {
		t.Error("an error of somebody else has a status")
	}
}
