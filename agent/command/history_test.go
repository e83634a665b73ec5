package command

import (
	"fmt"
	"testing"
	"time"
)

func TestCommandsOfHistoryQueriesCallWhatTheyActOnAndAnswerTheirText(t *testing.T) {
	t.Parallel()
	const query = `{"southType":"rest","southSettings":{"a":1},"northType":"console","northSettings":{"b":1}}`
	for _, c := range []struct{ name, keys, answer, call, result string }{
		{"create-history-query", `"retrieveSecretsFromSouth":"s","retrieveSecretsFromNorth":null,"retrieveSecretsFromHistoryQuery":"h","commandContent":{"name":"x"}`, "",
			`create history {"name":"x"} secrets of {"s" "" "h"}`, "History query created successfully"},
		{"update-history-query", `"historyId":"i","commandContent":{"resetCache":true,"historyQuery":{"name":"x"}}`, "", `update history i {"name":"x"} true`, "History query updated successfully"},
		{"delete-history-query", `"historyId":"i"`, "", `delete history i`, "History query deleted successfully"},
		{"update-history-query-status", `"historyId":"i","historyQueryStatus":"RUNNING"`, "", `start history i`, "History query started"},
		{"update-history-query-status", `"historyId":"i","historyQueryStatus":"PAUSED"`, "", `pause history i`, "History query paused"},
		{"create-or-update-history-query-south-items-from-csv", `"historyId":"i","deleteItemsNotPresent":true,"csvContent":"name\na","delimiter":";"`, "3 items imported on History query HQ",
			`import history i "name\na" ";" true`, "3 items imported on History query HQ"},
		{"test-history-query-south-connection", `"historyId":"create","southConnectorId":"s","commandContent":` + query, noItems, `test history south create "s" rest {"a":1}`, noItems},
		{"test-history-query-north-connection", `"historyId":"i","northConnectorId":"","commandContent":` + query, noItems, `test history north i "" console {"b":1}`, noItems},
		{"test-history-query-south-item", `"historyId":"i","southConnectorId":"","itemId":"x","commandContent":{"historyCommand":` + query + `,"itemCommand":{"name":"n","settings":{"q":1}},"testingSettings":{"h":1}}`,
			`{"raw":"<>"}`, `test history item i "" rest {"a":1} n {"q":1} {"h":1}`, `{"raw":"<>"}`},
		{"search-history-cache-content", `"historyQueryId":"i","commandContent":{"start":"2024","maxNumberOfFilesReturned":7}`, `{"a":1}`,
			`search i {Start:2024 End: NameContains: IDOnly:true Newest:false Max:7}`, `{"a":1}`},
		{"get-history-cache-file-content", `"historyQueryId":"i","commandContent":{"folder":"error","filename":"f"}`, `{"content":"x","contentFilename":"f.csv","totalSize":1,"truncated":false,"contentType":"csv"}`,
			`view i error f`, `{"content":"x","contentFilename":"f.csv","totalSize":1,"truncated":false,"contentType":"csv"}`},
		{"update-history-cache-content", `"historyQueryId":"i","commandContent":{"cache":{"remove":["a"],"move":[]},"error":{"remove":[],"move":[]},"archive":{"remove":[],"move":[]}}`, "",
			`update cache i {{[a] []} {[] []} {[] []}}`, "Cache updated successfully"},
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

func TestCommandsOfHistoryQueriesSayWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, keys, result string }{
		{"create-history-query", `"x":1`, `"commandContent" is required`},
		{"update-history-query", `"historyId":"i","commandContent":{"resetCache":false}`, `"historyQuery" is required`},
		{"delete-history-query", `"x":1`, `"historyQueryId" is required`},
		{"update-history-query-status", `"historyId":"i","historyQueryStatus":"FINISHED"`, `History query status of i can not be updated to FINISHED`},
		{"update-history-query-status", `"historyId":"i","historyQueryStatus":"BANANA"`, `History query status of i can not be updated to "BANANA": it is not known`},
		{"update-history-query-status", `"historyId":"i"`, `History query status of i can not be updated to "": it is not known`},
		{"test-history-query-south-item", `"historyId":"create","southConnectorId":"","itemId":"x","commandContent":{"historyCommand":{}}`, `itemCommand: "settings" is required`},
		{"get-history-cache-file-content", `"historyQueryId":"i","commandContent":{"folder":"../x","filename":"f"}`, `"folder" must be one of [cache, error, archive]`},
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
