package command

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

const noItems = `{"items":[]}`

func TestCommandsOfConnectorsCallWhatTheyActOnAndAnswerTheirText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, keys, answer, call, result string }{
		{"create-south", `"retrieveSecretsFromSouth":null,"commandContent":{"name":"x"}`, "", `create south {"name":"x"}`, "South connector created successfully"},
		{"create-south", `"retrieveSecretsFromSouth":"s","commandContent":{"name":"x"}`, "", `create south {"name":"x"} secrets of s`, "South connector created successfully"},
		{"update-south", `"southConnectorId":"i","commandContent":{"name":"x"}`, "", `update south i{"name":"x"}`, "South connector updated successfully"},
		{"delete-south", `"southConnectorId":"i"`, "", `delete south i`, "South connector deleted successfully"},
		{"create-or-update-south-items-from-csv", `"southConnectorId":"i","deleteItemsNotPresent":true,"csvContent":"name\na","delimiter":";"`,
			"3 items imported on South connector FS", `import i "name\na" ";" true`, "3 items imported on South connector FS"},
		{"test-south-connection", `"southConnectorId":"create","commandContent":{"type":"rest","settings":{"a":1},"items":[]}`, noItems, `test south create rest {"a":1}`, noItems},
		{"test-south-connection", `"southConnectorId":"create","commandContent":{"type":"rest","settings":{}}`, `{"items":[{"key":"a<b","value":"é&"}]}`, `test south create rest {}`, `{"items":[{"key":"a<b","value":"é&"}]}`},
		{"test-south-item", `"southConnectorId":"i","itemId":"x","commandContent":{"southCommand":{"type":"rest","settings":{}},"itemCommand":{"name":"n","settings":{"q":1}},"testingSettings":{"h":1}}`,
			`{"raw":"<>"}`, `test item i rest n {} {"q":1} {"h":1}`, `{"raw":"<>"}`},
		{"create-north", `"retrieveSecretsFromNorth":"n","commandContent":{"name":"x"}`, "", `create north {"name":"x"} secrets of n`, "North connector created successfully"},
		{"update-north", `"northConnectorId":"i","commandContent":{"name":"x"}`, "", `update north i{"name":"x"}`, "North connector updated successfully"},
		{"delete-north", `"northConnectorId":"i"`, "", `delete north i`, "North connector deleted successfully"},
		{"test-north-connection", `"northConnectorId":"i","commandContent":{"type":"console","settings":{}}`, "", `test north i console {}`, noItems},
		{"setpoint", `"northConnectorId":"i","commandContent":[{"reference":"a","value":"1"}, {"reference":"b","value":2.50}]`, "",
			`setpoint i[{"reference":"a","value":"1"},{"reference":"b","value":2.50}]`, `Setpoint [{"reference":"a","value":"1"},{"reference":"b","value":2.50}] properly sent into the cache of i`},
		{"setpoint", `"northConnectorId":"i","commandContent":{"pointId":"a","value":true}`, "",
			`setpoint i[{"reference":"a","value":true}]`, `Setpoint {"pointId":"a","value":true} properly sent into the cache of i`},
		{"search-north-cache-content", `"northConnectorId":"i","commandContent":{"start":"2024","end":null,"nameContains":"n","maxNumberOfFilesReturned":7}`, `{"a":1}`,
			`search i {Start:2024 End: NameContains:n IDOnly:true Newest:false Max:7}`, `{"a":1}`},
		{"search-north-cache-content", `"northConnectorId":"i","commandContent":{"searchParams":{"end":"2025","nameContains":"n","maxNumberOfFilesReturned":7},"maxNumberOfFilesReturned":9}`, `{"a":1}`,
			`search i {Start: End:2025 NameContains:n IDOnly:true Newest:false Max:9}`, `{"a":1}`},
		{"get-north-cache-file-content", `"northConnectorId":"i","commandContent":{"folder":"error","filename":"f"}`, `{"content":"<x>","contentFilename":"f.csv","totalSize":1,"truncated":false,"contentType":"csv"}`,
			`view i error f`, `{"content":"<x>","contentFilename":"f.csv","totalSize":1,"truncated":false,"contentType":"csv"}`},
		{"update-north-cache-content", `"northConnectorId":"i","commandContent":{"cache":{"remove":["a"],"move":[]},"error":{"remove":[],"move":[{"filename":"b","to":"cache"}]},"archive":{"remove":[],"move":[]}}`, "",
			`update cache i {{[a] []} {[] [{b cache}]} {[] []}}`, "Cache updated successfully"},
	} {
		inBubble(t, func(r *rig) {
			r.effects.answer = c.answer
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

func TestCommandsOfConnectorsSayWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, keys, result string }{
		{"create-south", `"x":1`, `"commandContent" is required`},
		{"update-south", `"commandContent":{}`, `"southConnectorId" is required`},
		{"create-or-update-south-items-from-csv", `"southConnectorId":"i","csvContent":7`, `"csvContent" must be a string`},
		{"test-south-connection", `"southConnectorId":"create","commandContent":{"type":"rest"}`, `"settings" is required`},
		{"test-south-connection", `"southConnectorId":"create","commandContent":[]`, `"commandContent" must be of type object`},
		{"test-south-item", `"southConnectorId":"create","commandContent":{"southCommand":{"type":"x","settings":{}}}`, `itemCommand: "settings" is required`},
		{"setpoint", `"northConnectorId":"i","commandContent":[{"value":1}]`, `"[0].reference" is required`},
		{"setpoint", `"northConnectorId":"i","commandContent":{"reference":"a"}`, `"value" is required`},
		{"setpoint", `"northConnectorId":"i","commandContent":[{"reference":"a","value":{}}]`, `"[0].value" must be a text, a number or a boolean`},
		{"search-north-cache-content", `"northConnectorId":"i","commandContent":{"nameContains":7}`, `"nameContains" must be a string`},
		{"get-north-cache-file-content", `"northConnectorId":"i","commandContent":{"folder":"../x","filename":"f"}`, `"folder" must be one of [cache, error, archive]`},
		{"update-north-cache-content", `"northConnectorId":"i","commandContent":{"cache":{"move":[{"filename":"f","to":"x"}]}}`, `"cache.move[0].to" must be one of [cache, error, archive]`},
	} {
		inBubble(t, func(r *rig) {
			r.cloud.add(fmt.Sprintf(`{"id":"x","type":%q,"targetVersion":"3.8.8",%s}`, c.name, c.keys))
		}, func(r *rig) {
			r.after(time.Second)
			r.expect("x RETRIEVED <null>", "x ERRORED "+c.result)
			if got := r.effects.list(); len(got) != 0 {
				t.Errorf("%s called %q", c.name, got)
			}
		})
	}
}

// FuzzContents feeds whatever the cloud might put into the contents that are read here.
func FuzzContents(f *testing.F) {
	f.Add([]byte(`[{"reference":"a","value":"1"}]`))
	f.Add([]byte(`{"pointId":"a","value":[]}`))
	f.Add([]byte(`{"searchParams":{"start":"x"},"maxNumberOfFilesReturned":1e300}`))
	f.Add([]byte(`{"type":"rest","settings":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		if setpoints, err := readSetpoints(raw); err == nil {
			for _, s := range setpoints {
				if !json.Valid(s.Value) {
					t.Errorf("%s holds the value %q", raw, s.Value)
				}
			}
		}
		if q, err := readSearch(raw); err == nil && q.Max < 0 {
			t.Errorf("%s has the maximum %d", raw, q.Max)
		}
		if d, err := readConnector(raw); err == nil && len(d.Settings) == 0 {
			t.Errorf("%s has no settings", raw)
		}
	})
}
