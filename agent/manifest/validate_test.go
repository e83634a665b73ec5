package manifest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// try checks settings as on a machine with that platform.
func try(a Attribute, host, settings string) string {
	form := a.schema(host)
	a.form = &form
	if err := a.Validate(json.RawMessage(settings)); err != nil {
		return err.Error()
	}
	return ""
}

func settingsOf(t *testing.T, d Dialect, id string) Attribute {
	t.Helper()
	if s, ok := FindSouth(d, id); ok {
		return s.Settings
	}
	n, ok := FindNorth(d, id)
	if !ok {
		t.Fatalf("no connector %s", id)
	}
	return n.Settings
}

func TestSettingsAreCheckedAsTheReferenceDoes(t *testing.T) {
	t.Parallel()
	const mqtt = `"url":"mqtt://h","qos":"0","rejectUnauthorized":false,"reconnectPeriod":100,"connectTimeout":"30000","maxNumberOfMessages":1,"flushMessageTimeout":1`
	const influx = `{"version":"1","host":"h","port":8086,"protocol":"http","database":"d",`
	for _, c := range []struct{ id, host, settings, want string }{
		{"mqtt", "linux", `{` + mqtt + `,"authentication":{"type":"none"}}`, ``},
		{"mqtt", "linux", `{` + mqtt + `,"authentication":{"type":"none","username":"","persistent":""},"persistent":""}`, `"authentication.persistent" is not allowed`},
		{"mqtt", "linux", `{` + mqtt + `,"authentication":{"type":"none","username":null}}`, `"authentication.username" must be a string`},
		{"mqtt", "linux", `{` + mqtt + `,"authentication":{"type":"basic"}}`, `"authentication.username" is required. "authentication.password" is required`},
		{"mqtt", "linux", `{` + mqtt + `,"authentication":{"type":"basic","username":"u","password":null}}`, ``},
		{"mqtt", "linux", `{` + mqtt + `,"authentication":{"type":"basic","username":"","password":""}}`, `"authentication.username" is not allowed to be empty`},
		{"mqtt", "linux", `{` + mqtt + `}`, `"authentication" is required`},
		{"mqtt", "linux", `{` + strings.Replace(mqtt, "mqtt://h", "http://h", 1) + `,"authentication":{"type":"none"}}`,
			`"url" with value "http://h" fails to match the required pattern: /^(mqtt:\/\/|mqtts:\/\/|tcp:\/\/|tls:\/\/|ws:\/\/|wss:\/\/).*/`},
		{"mqtt", "linux", `{` + strings.Replace(mqtt, `"0"`, `"2"`, 1) + `,"authentication":{"type":"none"}}`, `"persistent" is required`},
		{"mqtt", "linux", `{` + strings.Replace(mqtt, `"0"`, `1`, 1) + `,"authentication":[]}`, `"qos" must be one of [0, 1, 2]. "qos" must be a string. "authentication" must be of type object`},
		{"mqtt", "linux", `{` + strings.Replace(mqtt, `:100,`, `:99,`, 1) + `,"authentication":{"type":"none"}}`, `"reconnectPeriod" must be greater than or equal to 100`},
		{"influxdb", "linux", influx + `"username":"","password":""}`, ``},
		{"influxdb", "linux", influx + `"username":null}`, `"password" is required`},
		{"influxdb", "linux", influx + `"username":null,"password":null,"url":"","bucket":""}`, ``},
		{"influxdb", "linux", influx + `"username":null,"password":null,"url":5}`, `"url" must be a string`},
		{"influxdb", "linux", `{}`, `"version" is required. "host" is required. "port" is required. "protocol" is required. "database" is required. "username" is required. ` +
			`"password" is required. "url" is required. "token" is required. "organisation" is required. "bucket" is required`},
		{"folder-scanner", "linux", `{"inputFolder":"x","compression":"False","username":5,"domain":{}}`, ``},
		{"folder-scanner", "windows", `{"inputFolder":"x","compression":0,"username":5,"domain":{}}`, `"username" must be a string. "domain" must be a string`},
		{"folder-scanner", "windows", `{"inputFolder":"x","compression":1,"username":null,"password":""}`, ``},
		{"folder-scanner", "linux", `{"compression":"no"}`, `"inputFolder" is required. "compression" must be a boolean`},
		{"folder-scanner", "linux", `5`, `"value" must be of type object`},
		{"ads", "linux", `{"netId":"1","port":851,"routerTcpPort":null,"clientAdsPort":0,"retryInterval":100,"enumAsText":"text","boolAsText":"","structureFiltering":[{"name":"a"},1]}`,
			`"clientAdsPort" must be greater than or equal to 1. "boolAsText" must be one of [text, integer]. "boolAsText" is not allowed to be empty. ` +
				`"structureFiltering[0].fields" is required. "structureFiltering[1]" must be of type object`},
		{"console", "linux", `{"verbose":true,"b":1,"a":2}`, `"b" is not allowed. "a" is not allowed`},
	} {
		if got := try(settingsOf(t, N, c.id), c.host, c.settings); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.id, c.settings, got, c.want)
		}
	}
}

func TestRowsOfAListAreCheckedTogether(t *testing.T) {
	t.Parallel()
	s, _ := FindSouth(N, "sqlite")
	item := func(rows string) string {
		return `{"query":"q","dateTimeFields":[` + rows + `],"serialization":{"type":"csv","filename":"f","delimiter":"COMMA","compression":false,
			"outputTimestampFormat":"x","outputTimezone":"UTC"}}`
	}
	for rows, want := range map[string]string{
		`{"fieldName":"a","useAsReference":true,"type":"iso-string"},{"fieldName":"b","useAsReference":false,"type":"iso-string"}`: ``,
		`{"fieldName":"a","useAsReference":true,"type":"iso-string"},{"fieldName":"a","useAsReference":"true","type":"iso-string"}`: `"dateTimeFields[1]" contains a duplicate value. ` +
			`Only one item in the array can have "useAsReference" set to true`,
		`{"fieldName":"a","useAsReference":true,"type":"string"}`: `"dateTimeFields[0].timezone" is required. "dateTimeFields[0].format" is required. "dateTimeFields[0].locale" is required`,
	} {
		if got := try(s.ItemSettings(), "linux", item(rows)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", rows, got, want)
		}
	}
}

func TestAPatternThatCannotBeReadLetsNothingPass(t *testing.T) {
	t.Parallel()
	a := group("x", text("v").pattern(`^(?=a)/[/]`))
	if got := try(a, "linux", `{"v":"a"}`); got != `"v" with value "a" fails to match the required pattern: /^(?=a)\/[/]/` {
		t.Error(got)
	}
}

type connectorContent struct {
	Type, SouthType, NorthType             string
	Settings, SouthSettings, NorthSettings json.RawMessage
	Items                                  []struct{ Settings json.RawMessage }
}

type recording struct {
	Commands []struct {
		ID, Type       string
		CommandContent json.RawMessage
	}
	Outcomes []struct{ ID, Status, Result string }
}

// firstRefusal checks a recorded command in the order of the reference.
func firstRefusal(t *testing.T, d Dialect, raw json.RawMessage) string {
	var c connectorContent
	if json.Unmarshal(raw, &c) != nil {
		return ""
	}
	check := func(a Attribute, settings json.RawMessage) string {
		plain, err := a.DecryptFromCloud(settings, func(string) (string, error) { return "plain", nil })
		if err != nil {
			t.Fatal(err)
		}
		return try(a, "linux", string(plain))
	}
	var refusals []string
	if n, ok := FindNorth(d, c.NorthType); ok {
		refusals = append(refusals, check(n.Settings, c.NorthSettings))
	}
	if n, ok := FindNorth(d, c.Type); ok && c.Items == nil {
		refusals = append(refusals, check(n.Settings, c.Settings))
	}
	south, settings := c.Type, c.Settings
	if c.SouthType != "" {
		south, settings = c.SouthType, c.SouthSettings
	}
	if s, ok := FindSouth(d, south); ok && c.Items != nil {
		refusals = append(refusals, check(s.Settings, settings))
		for _, item := range c.Items {
			refusals = append(refusals, check(s.ItemSettings(), item.Settings))
		}
	}
	for _, text := range refusals {
		if text != "" {
			return text
		}
	}
	return ""
}

func TestRecordedConnectorCommandsAreAcceptedAndRefusedWithTheRecordedTexts(t *testing.T) {
	t.Parallel()
	checked := map[string]bool{"create-south": true, "update-south": true, "create-north": true, "update-north": true, "create-history-query": true}
	accepted, refused := 0, 0
	files, _ := filepath.Glob(filepath.Join(shared(t), "golden*", "*.json"))
	for _, name := range files {
		d := N
		if filepath.Base(filepath.Dir(name)) == "golden-R" {
			d = R
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if json.Unmarshal(raw, &r) != nil {
			continue
		}
		for _, c := range r.Commands {
			for _, o := range r.Outcomes {
				if o.ID != c.ID || !checked[c.Type] {
					continue
				}
				got := firstRefusal(t, d, c.CommandContent)
				switch {
				case o.Status == "COMPLETED":
					accepted++
					if got != "" {
						t.Errorf("%s: was accepted, here: %s", filepath.Base(name), got)
					}
				case strings.HasPrefix(o.Result, `"`):
					refused++
					if got != o.Result {
						t.Errorf("%s:\n got %s\nwant %s", filepath.Base(name), got, o.Result)
					}
				}
			}
		}
	}
	if accepted < 10 || refused < 10 {
		t.Errorf("only %d accepted and %d refused commands were found", accepted, refused)
	}
}

func BenchmarkAnItemOfADatabaseIsChecked(b *testing.B) {
	s, _ := FindSouth(N, "sqlite")
	form := s.ItemSettings()
	raw := json.RawMessage(`{"query":"SELECT 1","dateTimeFields":[{"fieldName":"t","useAsReference":true,"type":"string","timezone":"UTC","format":"x","locale":"en"}],
		"serialization":{"type":"csv","filename":"f","delimiter":"COMMA","compression":false,"outputTimestampFormat":"x","outputTimezone":"UTC"}}`)
	for b.Loop() {
		if err := form.Validate(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzValidationNeverPanicsAndSecretsStayInPlace(f *testing.F) {
	for _, seed := range []string{`{}`, `{"authentication":{"type":"basic","password":"x"}}`, `{"specificSettings":[{"secretKey":1}]}`, `[[`, `{"password":{"a":1}}`,
		`{"test":{"method":"POST"},"queryParams":[null,{"key":1}]}`, `{"structureFiltering":[{"name":{}}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, s := range Souths(N) {
			for _, form := range []Attribute{s.Settings, s.ItemSettings()} {
				valid := form.Validate(json.RawMessage(raw)) == nil
				blank, err := form.Blank(raw)
				if err != nil || len(raw) == 0 {
					continue
				}
				again, err := form.Blank(blank)
				if err != nil || string(again) != string(blank) {
					t.Fatalf("%s: blanking %q twice gives %q, then %q: %v", s.ID, raw, blank, again, err)
				}
				if valid && form.Validate(blank) != nil {
					t.Fatalf("%s: %q is valid, but not when blank: %v", s.ID, raw, form.Validate(blank))
				}
				if _, err := form.Adapt(settingsForm(R, s.ID), raw); err != nil {
					t.Fatalf("%s: %q: %v", s.ID, raw, err)
				}
			}
		}
	})
}

func settingsForm(d Dialect, id string) Attribute {
	s, _ := FindSouth(d, id)
	return s.Settings
}

func FuzzAForeignManifestIsReadAndUsedWithoutPanic(f *testing.F) {
	raw, err := json.Marshal(Transformers()[2].Settings)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, []byte(`{"delimiter":"DOT"}`))
	f.Add([]byte(`{"type":"array","rootAttribute":null}`), []byte(`[{}]`))
	f.Add([]byte(`{"type":"object","attributes":[{"type":"array","key":"a"},{"type":"number","key":"b","validators":[{"type":"MINIMUM","arguments":["x"]}]}]}`), []byte(`{"a":[{}],"b":1}`))
	f.Fuzz(func(t *testing.T, manifest, settings []byte) {
		var a Attribute
		if json.Unmarshal(manifest, &a) != nil {
			return
		}
		_ = fmt.Sprint(a.Validate(json.RawMessage(settings)))
		_, _ = a.Defaults()
		_, _ = a.Blank(settings)
		_, _ = a.Adapt(a, settings)
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
	})
}
