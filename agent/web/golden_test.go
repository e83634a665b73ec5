package web

import (
	"encoding/json"
	"reflect"
	"testing"

	"oibus/agent/entity"
)

// normal replaces what differs from one OIBus to the next: random ids, dates, ports.
func normal(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for key, value := range v {
			fixed := value == entity.System || value == entity.SubscriptionScanMode
			switch key {
			case "id":
				if !fixed {
					v[key] = "ID"
				}
			case "createdAt", "updatedAt":
				v[key] = len(value.(string))
			case "port", "newPort":
				v[key] = "PORT"
			default:
				v[key] = normal(value)
			}
		}
	}
	return v
}

func compare(t *testing.T, what, got string, want any) {
	t.Helper()
	var have any
	if err := json.Unmarshal([]byte(got), &have); err != nil {
		t.Errorf("%s: %q is no JSON", what, got)
		return
	}
	if have, want = normal(have), normal(want); !reflect.DeepEqual(have, want) {
		t.Errorf("%s: got\n%v\nthe reference answers\n%v", what, have, want)
	}
}

func TestAFreshStartAnswersAsTheReference(t *testing.T) {
	t.Parallel()
	var recorded map[string]any
	if err := json.Unmarshal(shared(t, "golden/rest-initial-state.json"), &recorded); err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(recorded["/api/engine/info"])
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(o *Options) {
		o.Info = func() (i Info) {
			if err := json.Unmarshal(info, &i); err != nil {
				t.Error(err)
			}
			return i
		}
	})
	if err := s.settings.SetVersions("3.8.8", "3.4.0"); err != nil {
		t.Fatal(err)
	}
	for path, want := range recorded {
		r := s.as("GET", path, "")
		if r.status != 200 {
			t.Errorf("%s: %d %s", path, r.status, r.body)
			continue
		}
		compare(t, path, r.body, want)
	}
}

func TestDialectRAnswersAsTheReleasedReference(t *testing.T) {
	t.Parallel()
	var recorded struct {
		RestAnswer  []any
		EngineAfter any
	}
	if err := json.Unmarshal(shared(t, "golden-R/rest-change-port.json"), &recorded); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, func(o *Options) { o.Released = true })
	if err := s.settings.SetVersions("3.8.8", "3.4.0"); err != nil {
		t.Fatal(err)
	}
	var engine map[string]any
	if err := json.Unmarshal([]byte(s.as("GET", "/api/engine", "").body), &engine); err != nil {
		t.Fatal(err)
	}
	change := map[string]any{"name": "OIBus", "port": freePort(t), "proxyEnabled": engine["proxyEnabled"], "proxyPort": engine["proxyPort"], "logParameters": engine["logParameters"]}
	body, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	old := s.url("")
	r := s.as("PUT", "/api/engine", string(body))
	if r.status != 200 || s.url("") == old {
		t.Fatalf("change of port: %d %s, the page is at %s", r.status, r.body, s.url(""))
	}
	compare(t, "answer", r.body, recorded.RestAnswer[1])
	compare(t, "engine", s.as("GET", "/api/engine", "").body, recorded.EngineAfter)
	s.as("PUT", "/api/engine", `{"name":"OIBus"}`).want(t, "a part of the settings", 400,
		`{"message":{"port":{"message":"'port' is required"},"proxyEnabled":{"message":"'proxyEnabled' is required"},
		"proxyPort":{"message":"'proxyPort' is required"},"logParameters":{"message":"'logParameters' is required"}}}`)
}

func TestDialectRLacksTheRoutesThatCameLater(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Released = true })
	for _, c := range []struct{ method, path string }{
		{"PUT", "/api/engine/name"}, {"PUT", "/api/engine/web-server"}, {"PUT", "/api/engine/proxy"}, {"PUT", "/api/engine/logger"},
		{"GET", "/api/logs/items/suggest"}, {"GET", "/api/logs/items/x"}, {"GET", "/api/logs/groups/suggest"}, {"GET", "/api/logs/groups/x"},
	} {
		s.as(c.method, c.path, "").want(t, c.path, 404, `{"error":"Not Found","message":"Cannot `+c.method+` `+c.path+`"}`)
	}
	var info map[string]any
	if err := json.Unmarshal([]byte(s.as("GET", "/api/engine/info", "").body), &info); err != nil {
		t.Fatal(err)
	}
	if _, there := info["ignoreIpFilters"]; there || info["version"] != "3.9.0" || len(info) != 11 {
		t.Errorf("info %v", info)
	}
}
