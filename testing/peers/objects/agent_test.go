package objects

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"testing"
	"time"

	"oibus/testing/harness"
)

// target is what the North of an agent sends to.
type target interface {
	Kill()
	Restart()
	stored(t testing.TB, name string) []byte
}

// northOf makes an agent whose North sends posted files.
func northOf(t *testing.T, kind string, settings map[string]any) (a *harness.Agent, id string) {
	t.Helper()
	a = harness.Start(t, harness.Options{Env: []string{"SSL_CERT_FILE=" + os.Getenv("SSL_CERT_FILE")}})
	var modes []struct{ ID, Name string }
	call(t, a, http.MethodGet, "/api/scan-modes", nil, &modes)
	mode := ""
	for _, m := range modes {
		if m.Name == "Every second" {
			mode = m.ID
		}
	}
	var made struct{ ID string }
	call(t, a, http.MethodPost, "/api/north", map[string]any{"name": "target", "type": kind, "description": "", "enabled": true, "settings": settings, "transformers": []any{},
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": mode, "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
			"error":      map[string]any{"retryInterval": 200, "retryCount": 1, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}}}, &made)
	return a, made.ID
}

func call(t testing.TB, a *harness.Agent, method, path string, body, answer any) {
	t.Helper()
	if err := a.JSON(t.Context(), method, path, body, answer); err != nil {
		t.Fatal(err)
	}
}

// post hands a file to the North.
func post(ctx context.Context, a *harness.Agent, north, name string, text []byte) error {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	_, _ = part.Write(text) // a buffer takes everything
	_ = w.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/api/content/file?dataSourceId=test&northId="+north, &body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.SetBasicAuth(a.Login, a.Password)
	res, err := a.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if raw, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%d %s", res.StatusCode, raw)
	}
	return nil
}

func TestAnAgentDeliversAllToS3WhateverDies(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	deaths(t, "aws-s3", s.settings(nil), s, 3)
}

func TestAnAgentSweepOfDeaths(t *testing.T) {
	t.Parallel()
	sweep(t)
	s := newStore(t)
	deaths(t, "aws-s3", s.settings(nil), s, 10)
}

// deaths posts files, small and big ones, while the server and the agent are killed in turn.
func deaths(t *testing.T, kind string, settings map[string]any, s target, rounds int) {
	a, north := northOf(t, kind, settings)
	files := map[string][]byte{}
	for round := range rounds {
		for i := range 10 {
			size := 1000 + i
			if i == 5 {
				size = 20 << 20
			}
			name := fmt.Sprintf("file-%d-%d.bin", round, i)
			files[name] = filling(uint64(round*10+i), size)
			if err := post(t.Context(), a, north, name, files[name]); err != nil {
				t.Fatal(err)
			}
		}
		if round%2 == 0 {
			s.Kill()
			s.Restart()
		} else {
			a.Kill()
			a.Start()
		}
	}
	for name, text := range files {
		harness.Until(t, time.Minute, name+" is there", func() bool { return s.stored(t, name) != nil })
		if !bytes.Equal(s.stored(t, name), text) {
			t.Errorf("%s is not what was posted", name)
		}
	}
	harness.Until(t, time.Minute, "nothing waits, and nothing is in error", func() bool {
		var found struct{ Cache, Error []any }
		err := a.JSON(t.Context(), http.MethodGet, "/api/north/"+north+"/cache/search?maxNumberOfFilesReturned=10", nil, &found)
		return err == nil && len(found.Cache)+len(found.Error) == 0
	})
}
