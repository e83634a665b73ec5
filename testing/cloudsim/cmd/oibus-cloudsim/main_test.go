package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestABadCommandLineIsExplained(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--unknown"}, {"extra"}, {"--access-key", "no-colon"}, {"--registration-ttl", "soon"}} {
		var errs bytes.Buffer
		if code := run(t.Context(), args, io.Discard, &errs); code != exitUsage || errs.Len() == 0 {
			t.Errorf("%v ends with %d: %s", args, code, &errs)
		}
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"--version"}, &out, io.Discard); code != 0 || !strings.HasPrefix(out.String(), "oibus-cloudsim ") {
		t.Errorf("--version ends with %d: %s", code, &out)
	}
	if code := run(t.Context(), []string{"--help"}, io.Discard, io.Discard); code != 0 {
		t.Errorf("--help ends with %d", code)
	}
	if code := run(t.Context(), []string{"--listen", "not an address"}, io.Discard, io.Discard); code != exitFailure {
		t.Errorf("an address that is none ends with %d", code)
	}
}

func TestItPrintsItsAddressAndStopsWhenTold(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	args := []string{"--listen", "127.0.0.1:0", "--quiet", "--state", filepath.Join(t.TempDir(), "state.json")}
	go func() { ended <- run(ctx, args, writer, io.Discard) }()
	line := make([]byte, 200)
	n, err := reader.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(string(line[:n]), "OIAnalytics simulator on "))
	request, err := http.NewRequestWithContext(ctx, "GET", url+"/control/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	stop()
	if code := <-ended; answer.StatusCode != http.StatusOK || code != 0 {
		t.Fatalf("answered %d, ended with %d", answer.StatusCode, code)
	}
}

func TestOnlyALoopbackAddressIsReachedFromThisMachineAlone(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{"127.0.0.1:4500": true, "localhost:0": true, "[::1]:1": true, ":4500": false, "0.0.0.0:1": false, "plant.example:1": false, "nothing": false} {
		if got := loopback(address); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}
