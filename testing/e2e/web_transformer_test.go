package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"oibus/testing/harness"
)

// drafted is the body of a trial of code that is not stored.
func drafted(code, input string) map[string]any {
	return map[string]any{
		"transformer": map[string]any{"type": "custom", "name": "Louder", "description": "", "inputType": "any", "outputType": "any", "language": "javascript", "customCode": code, "timeout": 2000,
			"customManifest": map[string]any{"type": "object", "key": "options", "translationKey": "x", "attributes": []any{}, "enablingConditions": []any{}, "validators": []any{},
				"displayProperties": map[string]any{"visible": true, "wrapInBox": false}}},
		"testRequest": map[string]any{"inputData": input, "options": map[string]any{}},
	}
}

// TestCodeIsTriedOutOverHTTP is what the editor of transformers does, and what it refuses.
func TestCodeIsTriedOutOverHTTP(t *testing.T) {
	t.Parallel()
	const path = "/api/page/transformers/test"
	a := harness.Start(t, harness.Options{})
	type trial struct {
		Output  *string
		Console []struct{ Level, Text string }
		Error   *struct {
			Text         string
			Line, Column int
		}
	}
	try := func(code, input string) trial {
		t.Helper()
		var got trial
		must(t, a.Client, "POST", path, drafted(code, input), &got)
		return got
	}
	good := try(`function transform(text) { console.log("seen", text.length); return { data: text.toUpperCase() } }`, "abc")
	if good.Output == nil || *good.Output != "ABC" || good.Error != nil || len(good.Console) != 1 || good.Console[0].Text != "seen 3" {
		t.Errorf("a trial that works: %+v", good)
	}
	failed := try("function transform(text) {\n  return nothing.there\n}", "abc")
	if failed.Error == nil || failed.Error.Line != 2 || !strings.Contains(failed.Error.Text, "nothing") {
		t.Errorf("a trial that fails: %+v", failed.Error)
	}
	if endless := try("function transform() { for (;;) {} }", ""); endless.Error == nil || endless.Output != nil {
		t.Errorf("a trial without an end: %+v", endless)
	}
	for _, outside := range []string{`require("fs")`, `require("node:child_process")`, `process.env`, `fetch("http://127.0.0.1/")`} {
		if got := try(`function transform() { return { data: String(`+outside+`) } }`, ""); got.Error == nil || got.Output != nil {
			t.Errorf("code has %s: %s", outside, text(got.Output))
		}
	}

	send := func(change func(*http.Request), body string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(limited(t), "POST", a.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.SetBasicAuth(a.Login, a.Password)
		change(request)
		answer, err := a.HTTP.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	whole, err := json.Marshal(drafted("function transform(text) { return { data: text } }", "abc"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		body   string
		want   int
	}{
		"as it should be":            {func(*http.Request) {}, string(whole), 200},
		"without credentials":        {func(r *http.Request) { r.Header.Del("Authorization") }, string(whole), 401},
		"with a wrong password":      {func(r *http.Request) { r.SetBasicAuth(a.Login, "guessed") }, string(whole), 401},
		"from a page of another":     {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, string(whole), 403},
		"from another site":          {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, string(whole), 403},
		"under another name":         {func(r *http.Request) { r.Host = "evil.example" }, string(whole), 421},
		"no JSON":                    {func(*http.Request) {}, `{"transformer":`, 422},
		"nothing":                    {func(*http.Request) {}, ``, 400},
		"no code":                    {func(*http.Request) {}, `{"testRequest":{"inputData":"a"}}`, 400},
		"a body of more than 20 MB":  {func(*http.Request) {}, `{"testRequest":{"inputData":"` + strings.Repeat("x", 21<<20) + `"},"transformer":{}}`, 413},
		"a form, as other sites can": {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain"); r.Header.Set("Origin", "null") }, string(whole), 403},
	} {
		if got := send(c.change, c.body); got != c.want {
			t.Errorf("%s: %d, not %d", name, got, c.want)
		}
	}

	// The session of the page does, as long as the page asks itself.
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	page := &http.Client{Jar: jar, CheckRedirect: a.HTTP.CheckRedirect}
	t.Cleanup(page.CloseIdleConnections)
	signIn, err := http.NewRequestWithContext(limited(t), "POST", a.URL+"/login", strings.NewReader(url.Values{"login": {a.Login}, "password": {a.Password}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	signIn.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	signIn.Header.Set("Origin", a.URL)
	answer, err := page.Do(signIn)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	for origin, want := range map[string]int{a.URL: 200, "http://127.0.0.1:1": 403} {
		request, err := http.NewRequestWithContext(limited(t), "POST", a.URL+path, strings.NewReader(string(whole)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Origin", origin)
		answer, err := page.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("with the session, from %s: %d, not %d", origin, answer.StatusCode, want)
		}
	}
}
