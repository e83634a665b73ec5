package answer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"oibus/agent/connector/httpclient"
	"oibus/agent/north"
)

func TestWhatPassesIsTriedForEver(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var status int
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	c, err := httpclient.New(httpclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	const never, target, thisContent = "never", "the target", "this content"
	for status, want := range map[int]string{
		401: target, 403: thisContent, 404: thisContent, 407: target, 408: target, 429: target, 500: thisContent, 502: thisContent,
		503: target, 504: thisContent, 511: target, 301: never, 400: never, 405: never, 409: never, 413: never, 422: never, 501: never,
	} {
		u, err := httpclient.Resolve(s.URL, fmt.Sprint("/", status), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := c.Do(t.Context(), httpclient.Request{Method: "GET", URL: u})
		if err != nil {
			t.Fatal(err)
		}
		got := never
		refused := Refused(res, "text")
		if again, ok := north.IsAgain(refused); ok {
			if got = target; again.Answer {
				got = thisContent
			}
			if again.After != 7*time.Second {
				t.Errorf("%d: wait %v", status, again.After)
			}
		}
		if got != want || refused.Error() != "text" {
			t.Errorf("%d: got %s, want %s", status, got, want)
		}
		res.Close()
	}
}

func TestOnlyWhatIsOursCountsAsAnAttempt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err   error
		text  string
		again bool
	}{
		{errors.New("connect ECONNREFUSED"), "Fail. connect ECONNREFUSED", true},
		{fmt.Errorf("cancelled: %w", context.Canceled), "cancelled: context canceled", true},
		{&httpclient.SettingsError{Text: "OIBus not registered in OIAnalytics"}, "OIBus not registered in OIAnalytics", true},
		{&httpclient.BodyError{Err: errors.New("disk")}, "cannot read what is to be sent: disk", false},
	} {
		err := Failed("Fail. ", c.err)
		again, ok := north.IsAgain(err)
		if ok != c.again || err.Error() != c.text || ok && again.Answer {
			t.Errorf("%v: got %v", c.err, err)
		}
	}
}
