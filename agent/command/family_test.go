package command

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestEachFamilyCallsWhatItActsOnAndAnswersItsText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, keys, call, result string }{
		{"update-engine-general", `"commandContent":{"name":"x"}`, `general {"name":"x"}`, "Engine name updated successfully"},
		{"update-engine-web-server", `"commandContent":{"port":1}`, `web {"port":1}`, "Engine web server settings updated successfully"},
		{"update-engine-proxy", `"commandContent":{"enabled":true}`, `proxy {"enabled":true}`, "Engine proxy settings updated successfully"},
		{"update-engine-logger", `"commandContent":{"loki":{"b":1,"password":"RSA:pw","a":2}}`, `logger {"loki":{"b":1,"password":"pw","a":2}}`, "Engine logger settings updated successfully"},
		{"update-engine-settings", `"commandContent":{"name":"n","logParameters":{"loki":{"password":"RSA:pw"}}}`, `flat {"name":"n","logParameters":{"loki":{"password":"pw"}}}`, "Engine settings updated successfully"},
		{"update-engine-settings", `"commandContent":{"logParameters":{"loki":{"password":""}}}`, `flat {"logParameters":{"loki":{"password":""}}}`, "Engine settings updated successfully"},
		{"update-registration-settings", `"commandContent":{"commandRefreshInterval":3}`, `registration {"commandRefreshInterval":3}`, "Registration settings updated successfully"},
		{"regenerate-cipher-keys", `"x":1`, `keys `, "OIAnalytics keys reloaded"},
		{"create-scan-mode", `"commandContent":{"name":"x"}`, `create {"name":"x"}`, "Scan mode created successfully"},
		{"update-scan-mode", `"scanModeId":"i","commandContent":{"name":"x"}`, `update i{"name":"x"}`, "Scan mode updated successfully"},
		{"delete-scan-mode", `"scanModeId":"i"`, `delete i`, "Scan mode deleted successfully"},
		{"create-ip-filter", `"commandContent":{"name":"x"}`, `create {"name":"x"}`, "IP Filter created successfully"},
		{"update-ip-filter", `"ipFilterId":"i","commandContent":{"name":"x"}`, `update i{"name":"x"}`, "IP Filter updated successfully"},
		{"delete-ip-filter", `"ipFilterId":"i"`, `delete i`, "IP Filter deleted successfully"},
		{"create-certificate", `"commandContent":{"name":"x"}`, `create {"name":"x"}`, "Certificate created successfully"},
		{"update-certificate", `"certificateId":"i","commandContent":{"name":"x"}`, `update i{"name":"x"}`, "Certificate updated successfully"},
		{"delete-certificate", `"certificateId":"i"`, `delete i`, "Certificate deleted successfully"},
	} {
		inBubble(t, func(r *rig) {
			r.cloud.add(fmt.Sprintf(`{"id":"x","type":%q,"targetVersion":"3.8.8",%s}`, c.name, c.keys))
		}, func(r *rig) {
			r.after(time.Second)
			r.expect("x RETRIEVED <null>", "x COMPLETED "+c.result)
			if got := r.effects.list(); len(got) != 1 || got[0] != c.call {
				t.Errorf("%s called %q, want %q", c.name, got, c.call)
			}
		})
	}
}

func TestProxyPasswordsAreDecryptedOnlyIfTheyHaveTheFormOfAnEncryptedOne(t *testing.T) {
	t.Parallel()
	encrypted := base64.StdEncoding.EncodeToString(make([]byte, 512))
	short := base64.StdEncoding.EncodeToString(make([]byte, 511))
	inBubble(t, func(r *rig) {
		r.cloud.add(fmt.Sprintf(`{"id":"plain","type":"update-engine-proxy","targetVersion":"3.8.8","commandContent":{"password":"pass word","forward":{"password":%q}}}`, short))
		r.cloud.add(fmt.Sprintf(`{"id":"rsa","type":"update-engine-proxy","targetVersion":"3.8.8","commandContent":{"forward":{"password":%q}}}`, encrypted))
	}, func(r *rig) {
		if got := r.effects.list(); len(got) != 1 || got[0] != fmt.Sprintf(`proxy {"password":"pass word","forward":{"password":%q}}`, short) {
			t.Errorf("called %.200q", got)
		}
		if got := r.cloud.last()["rsa"].result(); got != "oaep decoding error" {
			t.Errorf("not decrypted: %s", got)
		}
	})
}

func TestReplacingATextKeepsEverythingElse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{`{"a":{"b":"x"}}`, `{"a":{"b":"X!"}}`},
		{` { "z" : 1.50 , "a" : { "c":[1, 2], "b" : "x" } , "y" : null } `, ` { "z" : 1.50 , "a" : { "c":[1, 2], "b" : "X!" } , "y" : null } `},
		{`{"a":{"b":"x","b":"y"}}`, `{"a":{"b":"X!","b":"Y!"}}`},
		{`{"a":{"b":""}}`, `{"a":{"b":""}}`},
		{`{"a":{"b":7}}`, `{"a":{"b":7}}`},
		{`{"a":{"b":null}}`, `{"a":{"b":null}}`},
		{`{"a":"b"}`, `{"a":"b"}`},
		{`{"b":"x"}`, `{"b":"x"}`},
		{`[{"a":{"b":"x"}}]`, `[{"a":{"b":"x"}}]`},
		{`null`, `null`},
		{``, ``},
	} {
		got, err := replaceText(json.RawMessage(c.in), []string{"a", "b"}, func(s string) (string, error) { return strings.ToUpper(s) + "!", nil })
		if err != nil || string(got) != c.want {
			t.Errorf("%s became %s %v", c.in, got, err)
		}
	}
}

func FuzzReplaceText(f *testing.F) {
	f.Add([]byte(`{"loki":{"password":"x"}}`))
	f.Add([]byte(`{"loki":{"password":"x","password":1},"loki":[]}`))
	f.Add([]byte(`{"loki":`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := replaceText(raw, []string{"loki", "password"}, func(s string) (string, error) { return s + "!", nil })
		if err != nil || json.Valid(raw) && !json.Valid(got) {
			t.Errorf("%s became %s %v", raw, got, err)
		}
	})
}

// FuzzParse feeds whatever the cloud might send: it is refused, or stored in a form that can be journaled, read back
// and reported.
func FuzzParse(f *testing.F) {
	for _, r := range table {
		f.Add([]byte(fmt.Sprintf(`{"id":"x","type":%q,"targetVersion":"3.8.8","commandContent":{"a":1},"historyId":null}`, r.name)))
	}
	f.Add([]byte(`{"id":"\u0000\ud800","type":"update-version","version":[[[]]],"backupFoldersPattern":1e999}`))
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte("\xff{"))
	s := &Service{o: Options{Sealer: reversible{}, Announced: "3.8.8"}, rows: map[string]*row{}}
	for i := range table {
		s.rows[table[i].name] = &table[i]
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return // cloud.Client hands over valid JSON only
		}
		p, err := s.parse(raw, time.Unix(1, 0))
		if err != nil || p.command == nil {
			return
		}
		line, err := json.Marshal(entry{Op: opPut, Command: p.command})
		var back entry
		if err == nil {
			err = json.Unmarshal(line, &back)
		}
		if err != nil || back.Command.ID != p.command.ID {
			t.Fatalf("%s is not journaled: %v", raw, err)
		}
		sent, err := s.report(back.Command)
		if err != nil || !json.Valid(sent) {
			t.Fatalf("%s is not reported: %s %v", raw, sent, err)
		}
		if _, err := json.Marshal(s.view(back.Command)); err != nil {
			t.Fatal(err)
		}
	})
}
