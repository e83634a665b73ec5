package access

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestTheCallerIsFoundInTheContextItWasPutIn(t *testing.T) {
	t.Parallel()
	if _, ok := From(context.Background()); ok {
		t.Error("an empty context has no caller")
	}
	want := Identity{UserID: "aB12cd", Login: "ops", Means: Bearer}
	if got, ok := From(With(t.Context(), want)); !ok || got != want {
		t.Errorf("got %+v, %v", got, ok)
	}
}

func TestOnlyPathsOnThisServerAreFollowedAfterSignIn(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/":                    "/",
		"/scan-modes?page=2":   "/scan-modes?page=2",
		"":                     "/",
		"https://evil.example": "/",
		"//evil.example":       "/",
		"/\\evil.example":      "/",
		"/\t/evil.example":     "/",
		"/a\\b":                "/",
		"javascript:alert(1)":  "/",
	} {
		if got := LocalPath(next); got != want {
			t.Errorf("LocalPath(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestTheWaitIsToldInWholeSecondsRoundedUp(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, 1500 * time.Millisecond: 2, time.Minute: 60} {
		if got := (&LimitedError{d}).Seconds(); got != want {
			t.Errorf("%v: got %d s, want %d s", d, got, want)
		}
	}
}

func FuzzLocalPathNeverLeavesTheServer(f *testing.F) {
	f.Add("//x")
	f.Add("/\\x")
	f.Fuzz(func(t *testing.T, next string) {
		got := LocalPath(next)
		u, err := url.Parse("http://localhost" + got)
		if err == nil && u.Host != "localhost" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Fatalf("LocalPath(%q) = %q leaves the server", next, got)
		}
	})
}
