package conformance

import (
	"encoding/json"
	"testing"
)

func TestNormaliseReplacesWhatIsRandomOnlyInItsForm(t *testing.T) {
	t.Parallel()
	n := &Normaliser{Names: map[string]string{"Rls9yu": "scanModes Golden"}, Ports: map[float64]string{2240: "‹web port›"}, Clouds: []string{"http://127.0.0.1:4500"}}
	for _, c := range []struct{ name, in, want string }{
		{"instant", `"2026-11-22T19:40:31.812Z"`, `"‹instant›"`},
		{"instant without milliseconds", `"2026-11-22T19:40:31Z"`, `"‹second›"`},
		{"instant with another offset", `"2026-11-22T19:40:31.812+01:00"`, `"2026-11-22T19:40:31.812+01:00"`},
		{"expiry", `"2027-11-22T00:00:00.000+01:00"`, `"‹midnight›"`},
		{"expiry in the day", `"2027-11-22T01:00:00.000+01:00"`, `"2027-11-22T01:00:00.000+01:00"`},
		{"known object", `{"scanModeId":"Rls9yu"}`, `{"scanModeId":"‹scanModes Golden›"}`},
		{"unknown object", `{"scanModeId":"aaaaaa"}`, `{"scanModeId":"aaaaaa"}`},
		{"own id", `{"oIBusInternalId":"aaaaaa"}`, `{"oIBusInternalId":"‹id›"}`},
		{"own id of another length", `{"oIBusInternalId":"aaaaaaa"}`, `{"oIBusInternalId":"aaaaaaa"}`},
		{"system is no user", `{"oIBusCreatedBy":"system"}`, `{"oIBusCreatedBy":"system"}`},
		{"port", `{"port":2240,"other":2241}`, `{"other":2241,"port":"‹web port›"}`},
		{"token", `{"authorization":"Bearer abc"}`, `{"authorization":"Bearer ‹token›"}`},
		{"empty token", `{"authorization":"Bearer "}`, `{"authorization":"Bearer "}`},
		{"check", `{"query":"id=reg-1"}`, `{"query":"id=‹registration›"}`},
		{"cloud", `"http://127.0.0.1:4500/"`, `"‹cloud›/"`},
		{"path", `{"dataFolder":"/srv/oibus"}`, `{"dataFolder":"‹path›"}`},
		{"relative path", `{"dataFolder":"oibus"}`, `{"dataFolder":"oibus"}`},
		{"kernel", `{"operatingSystem":"Linux 6.18.44-fc-v445"}`, `{"operatingSystem":"‹kernel›"}`},
		{"no kernel", `{"operatingSystem":"linux"}`, `{"operatingSystem":"linux"}`},
		{"updatedAt of a command", `{"createdAt":"2026-11-22T19:40:31.812Z","updatedAt":"2026-11-22T19:40:31.812Z"}`, `{"createdAt":"‹instant›","updatedAt":"‹as createdAt›"}`},
		{"changed updatedAt", `{"createdAt":"2026-11-22T19:40:31.812Z","updatedAt":"2026-11-22T19:40:31.813Z"}`, `{"createdAt":"‹instant›","updatedAt":"‹instant›"}`},
		{"list of objects", `{"ipFilters":[{"settings":{"address":"10.*"},"oIBusInternalId":"aaaaaa"}]}`, `{"ipFilters":{"10.*":{"oIBusInternalId":"‹id›","settings":{"address":"10.*"}}}}`},
		{"a name twice", `{"ipFilters":[{"settings":{"address":"x"},"oIBusInternalId":"aaaaaa"},{"settings":{"address":"x"},"oIBusInternalId":"bbbbbb"}]}`,
			`{"ipFilters":[{"oIBusInternalId":"‹id›","settings":{"address":"x"}},{"oIBusInternalId":"‹id›","settings":{"address":"x"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := shown(n.Normalise(tree(t, c.in))); got != shown(tree(t, c.want)) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func FuzzNormaliseTakesAnyJSON(f *testing.F) {
	f.Add(`{"scanModes":[1,{"settings":null}],"users":{},"createdAt":3,"port":2240}`)
	f.Add(`[[{"ipFilters":[{"settings":{"address":"x"},"oIBusInternalId":"aaaaaa"}]}]]`)
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			return
		}
		n := &Normaliser{Ports: map[float64]string{2240: "port"}}
		if once := n.Normalise(v); len(Compare(once, n.Normalise(v))) > 0 {
			t.Error("two normalised copies of one value differ")
		}
		KnownIDs(v, map[string]string{})
		Ciphers([]map[string]any{{"v": v}})
	})
}
