package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func lock(s string) (string, error)   { return "<" + s + ">", nil }
func unlock(s string) (string, error) { return strings.Trim(s, "<>"), nil }

func TestTheSecretsOfEveryConnectorAreThoseOfTheProtocol(t *testing.T) {
	t.Parallel()
	oia := "specificSettings.secretKey specificSettings.clientSecret specificSettings.proxyPassword"
	rest := "authentication.password authentication.token authentication.apiValue proxy.proxyPassword"
	want := map[string]string{
		"south folder-scanner": "password", "south ftp": "password", "south mssql": "password", "south mysql": "password", "south odbc": "password",
		"south oledb": "password", "south oracle": "password", "south postgresql": "password", "south influxdb": "password token",
		"south mqtt": "authentication.password", "south opcua": "authentication.password", "south oianalytics": oia, "south rest": rest, "south sftp": "password passphrase",
		"north oianalytics": oia, "north rest": rest, "north sftp": "password passphrase", "north aws-s3": "secretKey proxyPassword",
		"north azure-blob": "accessKey sasToken clientSecret proxyPassword", "north file-writer": "password",
		"north mqtt": "authentication.password", "north opcua": "authentication.password",
	}
	const containers = `{"authentication":{},"specificSettings":{},"proxy":{},"test":{}}`
	check := func(name string, a Attribute, settings, want string) {
		paths, err := a.Secrets(json.RawMessage(settings))
		if got := strings.Join(paths, " "); err != nil || got != want {
			t.Errorf("%s: got %s %v, want %s", name, got, err, want)
		}
	}
	for _, s := range Souths(N) {
		check("south "+s.ID, s.Settings, containers, want["south "+s.ID])
		check("items of "+s.ID, s.ItemSettings(), `{"data":{},"body":{},"serialization":{},"headers":[{}]}`, "")
	}
	for _, n := range Norths(N) {
		check("north "+n.ID, n.Settings, containers, want["north "+n.ID])
	}
}

func nested() Attribute {
	return group("settings", text("name"), secret("a"), group("in", secret("b")), rows("list", "row", "x", text("k"), secret("c")))
}

func TestSealingKeepsWhatIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, previous, want string }{
		{`{"name":"n","a":"1"}`, ``, `{"name":"n","a":"<1>"}`},
		{`{"a":"","name":"n<&>"}`, `{"a":"<old>"}`, `{"a":"<old>","name":"n<&>"}`},
		{`{"name":1.50}`, `{"a":"<old>"}`, `{"name":1.50,"a":"<old>"}`},
		{`{"a":null}`, ``, `{"a":""}`},
		{`{"a":"2","in":{}}`, `{"in":{"b":"<old>"}}`, `{"a":"<2>","in":{"b":"<old>"}}`},
		{`{"a":""}`, `{"in":{"b":"<old>"}}`, `{"a":""}`},
		{`{"a":"","in":"","list":7}`, `{"a":5}`, `{"a":"","in":"","list":7}`},
		{`{"a":"","list":[{"k":"x"},{"k":"y","c":"new"},{"k":"z","c":""}]}`, `{"list":[{"c":"<0>"},{"c":"<1>"}]}`,
			`{"a":"","list":[{"k":"x","c":"<0>"},{"k":"y","c":"<new>"},{"k":"z","c":""}]}`},
		{`[]`, ``, `[]`},
		{``, ``, ``},
	} {
		got, err := nested().Seal(json.RawMessage(c.settings), json.RawMessage(c.previous), lock)
		if err != nil || string(got) != c.want {
			t.Errorf("%s with %s:\n got %s %v\nwant %s", c.settings, c.previous, got, err, c.want)
		}
	}
}

func TestOpeningUndoesSealingAndBlankingHidesAll(t *testing.T) {
	t.Parallel()
	sealed := json.RawMessage(`{"a":"<1>","in":{"b":"<2>"},"list":[{"c":"<3>"},{}]}`)
	open, err := nested().Open(sealed, unlock)
	if want := `{"a":"1","in":{"b":"2"},"list":[{"c":"3"},{"c":""}]}`; err != nil || string(open) != want {
		t.Errorf("open: %s %v", open, err)
	}
	blank, err := nested().Blank(sealed)
	if want := `{"a":"","in":{"b":""},"list":[{"c":""},{"c":""}]}`; err != nil || string(blank) != want {
		t.Errorf("blank: %s %v", blank, err)
	}
	if blank, err = nested().Blank(json.RawMessage(`{}`)); err != nil || string(blank) != `{"a":""}` {
		t.Errorf("blank of nothing: %s %v", blank, err)
	}
}

func TestASecretFromTheCloudIsDecryptedOrTellsWhy(t *testing.T) {
	t.Parallel()
	got, err := nested().DecryptFromCloud(json.RawMessage(`{"a":"<1>","in":{"b":null}}`), unlock)
	if err != nil || string(got) != `{"a":"1","in":{"b":""}}` {
		t.Errorf("%s %v", got, err)
	}
	broken := errors.New("error:02000079:rsa routines::oaep decoding error")
	if _, err = nested().DecryptFromCloud(json.RawMessage(`{"a":"x"}`), func(string) (string, error) { return "", broken }); err != broken {
		t.Errorf("the text is a result of a command and must stay as it is: %v", err)
	}
	if _, err = nested().DecryptFromCloud(json.RawMessage(`{"a":7}`), unlock); err == nil || err.Error() != `"a" must be a string` {
		t.Errorf("%v", err)
	}
	if _, err = nested().Open(json.RawMessage(`{"in":{"b":"x"}}`), func(string) (string, error) { return "", broken }); err == nil || !strings.HasPrefix(err.Error(), `cannot open "in.b": `) {
		t.Errorf("%v", err)
	}
	if _, err = nested().Seal(json.RawMessage(`{"a"`), nil, lock); err == nil {
		t.Error("broken JSON was sealed")
	}
}

func TestDefaultsHoldWhatAppliesAmongThem(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"folder-scanner": `{"inputFolder":"./input/","compression":false,"username":"","password":"","domain":""}`,
		"mqtt": `{"url":null,"qos":"1","persistent":false,"authentication":{"type":"none"},"rejectUnauthorized":false,"reconnectPeriod":10000,"connectTimeout":10000,` +
			`"maxNumberOfMessages":1000,"flushMessageTimeout":1000}`,
		"oianalytics": `{"useOiaModule":true,"timeout":30}`,
		"modbus": `{"host":"127.0.0.1","port":502,"connectTimeout":10000,"networkTimeout":15000,"retryInterval":10000,"slaveId":1,"addressOffset":"modbus",` +
			`"endianness":"big-endian","swapBytesInWords":false,"swapWordsInDWords":false,"batchQuery":false}`,
	} {
		got, err := settingsOf(t, N, id).Defaults()
		if err != nil || string(got) != want {
			t.Errorf("%s:\n got %s %v\nwant %s", id, got, err, want)
		}
	}
}

func TestSettingsOfTheOtherDialectAreMadeToFit(t *testing.T) {
	t.Parallel()
	const ftp = `"host":"h","port":21,"authentication":"none","compression":false`
	const test = `"test":{"testMethod":"GET","testEndpoint":"/","testSuccessCode":200`
	for _, c := range []struct {
		d                  Dialect
		north              bool
		id, settings, want string
	}{
		{N, false, "ftp", `{` + ftp + `}`, `{` + ftp + `,"retryInterval":10000}`},
		{R, false, "ftp", `{` + ftp + `,"retryInterval":5}`, `{` + ftp + `}`},
		{R, false, "folder-scanner", `{"inputFolder":"x","compression":true,"username":null,"password":null,"domain":null}`, `{"inputFolder":"x","compression":true}`},
		{N, false, "folder-scanner", `{"compression":true}`, `{"compression":true}`},
		{N, false, "folder-scanner", `{"inputFolder":"x","foo":1}`, `{"inputFolder":"x","foo":1}`},
		{N, false, "opcua", `{"url":"u"}`, `{"url":"u","maxParallelRun":1}`},
		{R, true, "rest", `{` + test + `}}`, `{` + test + `,"body":null}}`},
		{N, true, "rest", `{` + test + `,"body":null}}`, `{` + test + `,"body":null}}`},
		{R, true, "file-writer", `{"outputFolder":"x","domain":"d"}`, `{"outputFolder":"x"}`},
		{R, false, "influxdb", `{"a":1}`, `{"a":1}`},
		{N, true, "no-such-type", `{"a":1}`, `{"a":1}`},
	} {
		adapt := AdaptSouth
		if c.north {
			adapt = AdaptNorth
		}
		got, err := adapt(c.d, c.id, json.RawMessage(c.settings))
		if err != nil || string(got) != c.want {
			t.Errorf("%s to %s:\n got %s %v\nwant %s", c.id, c.d, got, err, c.want)
		}
	}
}

func TestAdaptingWhatFitsChangesNothing(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{N, R} {
		for _, s := range Souths(d) {
			before, err := s.Settings.Defaults()
			if err != nil {
				t.Fatal(err)
			}
			after, err := AdaptSouth(d, s.ID, before)
			if err != nil || string(after) != string(before) {
				t.Error(fmt.Sprint(d, " ", s.ID, ": ", string(before), " became ", string(after), " ", err))
			}
		}
	}
}
