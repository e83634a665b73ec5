package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/testing/harness"
)

func TestAPreparedStandInServesOnItsPortUntilItIsStopped(t *testing.T) {
	t.Parallel()
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, _ := io.ReadAll(r.Body); r.URL.Path != "/control/agents" || !strings.Contains(string(text), engineID) {
			http.Error(w, "not that", http.StatusBadRequest)
			return
		}
		io.WriteString(w, `{"token":"the token"}`)
	}))
	defer cloud.Close()
	from := harness.Shared(t, filepath.Join("reference-data", "data"))
	data, port := filepath.Join(t.TempDir(), "data"), harness.FreePort(t)
	if err := run([]string{"prepare", from, data, cloud.URL, strconv.Itoa(port)}); err != nil {
		t.Fatal(err)
	}
	if got := dataOf([]string{"--config", `"` + data + `"`}); got != data {
		t.Errorf("its data folder is %q", got)
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, data) }()
	page := "http://127.0.0.1:" + strconv.Itoa(port)
	harness.Until(t, time.Minute, "the page is served", func() bool {
		res, err := http.Get(page)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(text), data)
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(data, "logs", "standin.log")); err != nil || strings.Count(string(text), "started") != 1 || strings.Count(string(text), "stopped") != 1 {
		t.Errorf("it noted %q, %v", text, err)
	}
}

func TestACloudThatRefusesIsAnError(t *testing.T) {
	t.Parallel()
	cloud := httptest.NewServer(http.NotFoundHandler())
	defer cloud.Close()
	if _, err := enroll(t.Context(), cloud.URL); err == nil || !strings.Contains(err.Error(), "the simulator answers") {
		t.Errorf("got %v", err)
	}
}
