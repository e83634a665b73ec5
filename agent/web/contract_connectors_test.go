package web

import (
	"strings"
)

// form is a multipart body; names and values alternate, a name that begins with @ is that of a file.
func form(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		name, isFile := strings.CutPrefix(pairs[i], "@")
		b.WriteString(formEdge + "\r\nContent-Disposition: form-data; name=\"" + name + `"`)
		if isFile {
			b.WriteString("; filename=\"" + name + ".csv\"\r\nContent-Type: text/csv")
		}
		b.WriteString("\r\n\r\n" + pairs[i+1] + "\r\n")
	}
	return b.String() + formEdge + "--\r\n"
}

const formEdge = "--edge"

const (
	scannerSettings = `{"inputFolder":"/in","compression":false,"username":null,"password":"s3cret","domain":null}`
	itemSettings    = `{"regex":".*","minAge":1000,"preserveFiles":true,"ignoreModifiedDate":false,"maxFiles":0,"maxSize":0,"recursive":false}`
	itemBody        = `{"id":null,"name":"a","enabled":true,"settings":` + itemSettings + `,"scanModeId":"{mode}","scanModeName":null,"groupId":null,"groupName":null,
		"syncWithGroup":false,"maxReadInterval":3600,"readDelay":200,"startTimeOffset":0,"endTimeOffset":0,"recoveryStrategy":"oldest"}`
	southBody = `{"name":"Files","type":"folder-scanner","description":"","enabled":true,"settings":` + scannerSettings + `,"items":[` + itemBody + `],"groups":[]}`
	groupBody = `{"id":null,"standardSettings":{"name":"Fast","scanModeId":"{mode}"},
		"historySettings":{"startTimeOffset":0,"endTimeOffset":0,"maxReadInterval":3600,"readDelay":200,"recoveryStrategy":"oldest"}}`
	transformerBody = `{"type":"custom","name":"Louder","description":"","inputType":"any","outputType":"any","language":"javascript","customCode":"function transform(text) { return { data: text } }",
		"timeout":2000,"customManifest":{"type":"object","key":"options","translationKey":"x","attributes":[],"enablingConditions":[],"validators":[],"displayProperties":{"visible":true,"wrapInBox":false}}}`
	northBody = `{"name":"To the console","type":"console","description":"","enabled":true,"settings":{"verbose":false},
		"caching":{"trigger":{"scanModeId":"{mode}","scanModeName":null,"numberOfElements":1000,"numberOfFiles":1},"throttling":{"runMinDelay":200,"maxSize":0,"maxNumberOfElements":10000},
		"error":{"retryInterval":5000,"retryCount":3,"retentionDuration":0},"archive":{"enabled":false,"retentionDuration":72}},"transformers":[]}`
	cacheUpdate = `{"cache":{"remove":["a"],"move":[]},"error":{"remove":[],"move":[{"filename":"b","to":"cache"}]},"archive":{"remove":[],"move":[]}}`
	csvTable    = "name,enabled,scanMode,settings_regex,settings_minAge,settings_preserveFiles,settings_ignoreModifiedDate,settings_maxFiles,settings_maxSize,settings_recursive\n" +
		"new,true,Every minute,.*,1000,true,false,0,0,false\nbad,true,Never,.*,1000,true,false,0,0,false\n"
)

// connectorTrials call every operation of Souths, Norths, their caches and contents, well and badly. The id of a scan
// mode is mode, that of the transformer that ignores is ignore.
var connectorTrials = []trial{
	{"GET /api/south/types", "", "", 200, ""},
	{"GET /api/south/manifests/{type}", "/api/south/manifests/opcua", "", 200, ""},
	{"GET /api/south/manifests/{type}", "/api/south/manifests/teleporter", "", 404, ""},
	{"GET /api/south", "", "", 200, ""},
	{"POST /api/south", "", southBody, 201, "south"},
	{"POST /api/south", "", southBody, 400, ""},
	{"POST /api/south", "", `{"name":"x"}`, 400, ""},
	{"POST /api/south", "", strings.Replace(southBody, `"folder-scanner"`, `"teleporter"`, 1), 400, ""},
	{"POST /api/south", "", `[]`, 400, ""},
	{"POST /api/south", "/api/south?duplicate={south}", strings.Replace(southBody, `"Files"`, `"Files 2"`, 1), 201, "copy"},
	{"POST /api/south", "/api/south?duplicate=nothing", strings.Replace(southBody, `"Files"`, `"Files 3"`, 1), 404, ""},
	{"GET /api/south", "", "", 200, ""},
	{"GET /api/south/{southId}", "/api/south/{south}", "", 200, ""},
	{"GET /api/south/{southId}", "/api/south/{south}?items=false", "", 200, ""},
	{"GET /api/south/{southId}", "/api/south/nothing", "", 404, ""},
	{"PUT /api/south/{southId}", "/api/south/{south}", strings.Replace(southBody, "s3cret", "", 1), 204, ""},
	{"PUT /api/south/{southId}", "/api/south/{south}", strings.Replace(southBody, `"/in"`, `""`, 1), 400, ""},
	{"PUT /api/south/{southId}", "/api/south/nothing", southBody, 404, ""},
	{"PUT /api/south/{southId}", "/api/south/{south}?items=keep", southBody, 204, ""},
	{"PUT /api/south/{southId}", "/api/south/{south}?items=keep", `{"name":"x"}`, 400, ""},
	{"POST /api/south/{southId}/stop", "/api/south/{south}/stop", "", 204, ""},
	{"POST /api/south/{southId}/start", "/api/south/{south}/start", "", 204, ""},
	{"POST /api/south/{southId}/start", "/api/south/nothing/start", "", 404, ""},
	{"POST /api/south/{southId}/metrics/reset", "/api/south/{south}/metrics/reset", "", 204, ""},
	{"POST /api/south/{southId}/metrics/reset", "/api/south/nothing/metrics/reset", "", 404, ""},
	{"POST /api/south/{southId}/test/connection", "/api/south/create/test/connection?southType=folder-scanner", scannerSettings, 200, ""},
	{"POST /api/south/{southId}/test/connection", "/api/south/create/test/connection?southType=rest", `{"host":"http://closed"}`, 400, ""},
	{"POST /api/south/{southId}/test/connection", "/api/south/create/test/connection", scannerSettings, 400, ""},
	{"POST /api/south/{southId}/test/connection", "/api/south/create/test/connection?southType=teleporter", scannerSettings, 400, ""},
	{"POST /api/south/{southId}/items/test", "/api/south/create/items/test?southType=folder-scanner&itemName=a",
		`{"southSettings":` + scannerSettings + `,"itemSettings":` + itemSettings + `,"testingSettings":{}}`, 200, ""},
	{"POST /api/south/{southId}/items/test", "/api/south/create/items/test?southType=folder-scanner&itemName=a", `{"southSettings":{}}`, 400, ""},

	{"POST /api/south/{southId}/items", "/api/south/{south}/items", strings.Replace(itemBody, `"a"`, `"b"`, 1), 201, "item"},
	{"POST /api/south/{southId}/items", "/api/south/{south}/items", itemBody, 400, ""},
	{"POST /api/south/{southId}/items", "/api/south/{south}/items", `{"name":7}`, 400, ""},
	{"GET /api/south/{southId}/items/list", "/api/south/{south}/items/list", "", 200, ""},
	{"GET /api/south/{southId}/items/list", "/api/south/nothing/items/list", "", 404, ""},
	{"GET /api/south/{southId}/items/search", "/api/south/{south}/items/search?name=&scanModeId={mode}&enabled=true&page=0", "", 200, ""},
	{"GET /api/south/{southId}/items/search", "/api/south/{south}/items/search?sort=-scanMode&groupId=none", "", 200, ""},
	{"GET /api/south/{southId}/items/search", "/api/south/{south}/items/search?enabled=perhaps&page=x", "", 400, ""},
	{"GET /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/{item}", "", 200, ""},
	{"GET /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/nothing", "", 404, ""},
	{"PUT /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/{item}", strings.Replace(itemBody, `"a"`, `"c"`, 1), 204, ""},
	{"PUT /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/{item}", strings.Replace(itemBody, `".*"`, `7`, 1), 400, ""},
	{"PUT /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/nothing", itemBody, 404, ""},
	{"POST /api/south/{southId}/items/{itemId}/disable", "/api/south/{south}/items/{item}/disable", "", 204, ""},
	{"POST /api/south/{southId}/items/{itemId}/enable", "/api/south/{south}/items/{item}/enable", "", 204, ""},
	{"POST /api/south/{southId}/items/{itemId}/enable", "/api/south/{south}/items/nothing/enable", "", 404, ""},
	{"POST /api/south/{southId}/items/enable", "/api/south/{south}/items/enable", `{"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/south/{southId}/items/enable", "/api/south/{south}/items/enable", `{"itemIds":"{item}"}`, 400, ""},
	{"POST /api/south/{southId}/items/disable", "/api/south/{south}/items/disable", `{"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/south/{southId}/items/disable", "/api/south/{south}/items/disable", `{"itemIds":[7]}`, 400, ""},
	{"POST /api/south/{southId}/items/disable", "/api/south/{south}/items/disable", `{"itemIds":["nothing"]}`, 404, ""},
	{"GET /api/south/{southId}/items/{itemId}/last-value", "/api/south/{south}/items/{item}/last-value", "", 200, ""},
	{"GET /api/south/{southId}/items/{itemId}/last-value", "/api/south/{south}/items/nothing/last-value", "", 404, ""},

	{"POST /api/south/{southId}/groups", "/api/south/{south}/groups", groupBody, 201, "group"},
	{"POST /api/south/{southId}/groups", "/api/south/{south}/groups", groupBody, 400, ""},
	{"POST /api/south/{southId}/groups", "/api/south/{south}/groups", `{"id":null}`, 400, ""},
	{"GET /api/south/{southId}/groups", "/api/south/{south}/groups", "", 200, ""},
	{"GET /api/south/{southId}/groups", "/api/south/nothing/groups", "", 404, ""},
	{"GET /api/south/{southId}/groups/{groupId}", "/api/south/{south}/groups/{group}", "", 200, ""},
	{"GET /api/south/{southId}/groups/{groupId}", "/api/south/{south}/groups/nothing", "", 404, ""},
	{"PUT /api/south/{southId}/groups/{groupId}", "/api/south/{south}/groups/{group}", strings.Replace(groupBody, "Fast", "Slow", 1), 204, ""},
	{"PUT /api/south/{southId}/groups/{groupId}", "/api/south/{south}/groups/{group}", `{"standardSettings":1,"historySettings":{}}`, 400, ""},
	{"POST /api/south/{southId}/items/move-to-group", "/api/south/{south}/items/move-to-group", `{"groupId":"{group}","itemIds":["{item}"]}`, 204, ""},
	{"POST /api/south/{southId}/items/move-to-group", "/api/south/{south}/items/move-to-group", `{"groupId":null,"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/south/{southId}/items/move-to-group", "/api/south/{south}/items/move-to-group", `{"itemIds":["{item}"]}`, 400, ""},
	{"DELETE /api/south/{southId}/groups/{groupId}", "/api/south/{south}/groups/{group}", "", 204, ""},
	{"DELETE /api/south/{southId}/groups/{groupId}", "/api/south/{south}/groups/{group}", "", 404, ""},

	{"POST /api/south/{southId}/items/export", "/api/south/{south}/items/export", `{"delimiter":";"}`, 200, ""},
	{"POST /api/south/{southId}/items/export", "/api/south/{south}/items/export", `{}`, 400, ""},
	{"POST /api/south/{southType}/items/to-csv", "/api/south/folder-scanner/items/to-csv", form("delimiter", ",", "@items", "[]"), 200, ""},
	{"POST /api/south/{southType}/items/to-csv", "/api/south/folder-scanner/items/to-csv", form("delimiter", ","), 400, ""},
	{"POST /api/south/{southType}/items/import/check", "/api/south/folder-scanner/items/import/check",
		form("delimiter", ",", "deleteItemsNotPresent", "false", "@itemsToImport", csvTable, "@currentItems", "[]"), 200, ""},
	{"POST /api/south/{southType}/items/import/check", "/api/south/folder-scanner/items/import/check", form("delimiter", ","), 400, ""},
	{"POST /api/south/{southType}/items/import/check", "/api/south/folder-scanner/items/import/check", `{}`, 400, ""},
	{"POST /api/south/{southId}/items/import", "/api/south/{south}/items/import",
		form("@items", "["+strings.Replace(itemBody, `"a"`, `"imported"`, 1)+"]", "deleteItemsNotPresent", "false"), 204, ""},
	{"POST /api/south/{southId}/items/import", "/api/south/{south}/items/import", form("@items", "{", "deleteItemsNotPresent", "false"), 400, ""},
	{"POST /api/south/{southId}/items/import", "/api/south/{south}/items/import", strings.TrimSuffix(form("@items", "[]"), "--edge--\r\n"), 400, ""},
	{"POST /api/south/{southId}/items/delete", "/api/south/{south}/items/delete", `{"itemIds":["{item}"]}`, 204, ""},
	{"POST /api/south/{southId}/items/delete", "/api/south/{south}/items/delete", `{}`, 400, ""},
	{"DELETE /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/{item}", "", 404, ""},
	{"POST /api/south/{southId}/items", "/api/south/{south}/items", strings.Replace(itemBody, `"a"`, `"z"`, 1), 201, "item"},
	{"DELETE /api/south/{southId}/items/{itemId}", "/api/south/{south}/items/{item}", "", 204, ""},
	{"DELETE /api/south/{southId}/items", "/api/south/{south}/items", "", 204, ""},

	{"GET /api/north/types", "", "", 200, ""},
	{"GET /api/north/manifests/{type}", "/api/north/manifests/oianalytics", "", 200, ""},
	{"GET /api/north/manifests/{type}", "/api/north/manifests/teleporter", "", 404, ""},
	{"POST /api/north", "", northBody, 201, "north"},
	{"POST /api/north", "", northBody, 400, ""},
	{"POST /api/north", "", `{"caching":[]}`, 400, ""},
	{"GET /api/north", "", "", 200, ""},
	{"GET /api/north/{northId}", "/api/north/{north}", "", 200, ""},
	{"GET /api/north/{northId}", "/api/north/nothing", "", 404, ""},
	{"PUT /api/north/{northId}", "/api/north/{north}", northBody, 204, ""},
	{"PUT /api/north/{northId}", "/api/north/{north}", strings.Replace(northBody, `"verbose":false`, `"verbose":7`, 1), 400, ""},
	{"PUT /api/north/{northId}", "/api/north/nothing", northBody, 404, ""},
	{"POST /api/north/{northId}/stop", "/api/north/{north}/stop", "", 204, ""},
	{"POST /api/north/{northId}/start", "/api/north/{north}/start", "", 204, ""},
	{"POST /api/north/{northId}/metrics/reset", "/api/north/{north}/metrics/reset", "", 204, ""},
	{"POST /api/north/{northId}/test/connection", "/api/north/create/test/connection?northType=console", `{"verbose":true}`, 200, ""},
	{"POST /api/north/{northId}/test/connection", "/api/north/create/test/connection?northType=rest", `{"host":"http://closed"}`, 400, ""},
	{"POST /api/north/{northId}/transformers", "/api/north/{north}/transformers",
		`{"id":"","source":{"type":"oibus-api","dataSourceId":"lab"},"transformer":{transformer},"options":{}}`, 204, ""},
	{"POST /api/north/{northId}/transformers", "/api/north/{north}/transformers", `{"id":"","source":{"type":"oibus-api"},"transformer":{"id":"nothing"},"options":{}}`, 400, ""},
	{"GET /api/north/{northId}", "/api/north/{north}", "", 200, ""},
	{"DELETE /api/north/{northId}/transformers/{transformerId}", "/api/north/{north}/transformers/{link}", "", 204, ""},
	{"DELETE /api/north/{northId}/transformers/{transformerId}", "/api/north/{north}/transformers/nothing", "", 404, ""},
	{"GET /api/north/{northId}/cache/search", "/api/north/{north}/cache/search?nameContains=x&start=2026-01-01T00:00:00.000Z&end=&maxNumberOfFilesReturned=10", "", 200, ""},
	{"GET /api/north/{northId}/cache/search", "/api/north/{north}/cache/search?maxNumberOfFilesReturned=-1&start=soon", "", 400, ""},
	{"GET /api/north/{northId}/cache/search", "/api/north/nothing/cache/search", "", 404, ""},
	{"GET /api/north/{northId}/cache/content/{filename}", "/api/north/{north}/cache/content/x8Kd01LmQ2za?folder=cache", "", 200, ""},
	{"GET /api/north/{northId}/cache/content/{filename}", "/api/north/{north}/cache/content/..%2F..%2Fetc%2Fpasswd?folder=cache", "", 404, ""},
	{"GET /api/north/{northId}/cache/content/{filename}", "/api/north/{north}/cache/content/x8Kd01LmQ2za?folder=..", "", 400, ""},
	{"POST /api/north/{northId}/cache/update", "/api/north/{north}/cache/update", cacheUpdate, 204, ""},
	{"POST /api/north/{northId}/cache/update", "/api/north/{north}/cache/update", strings.Replace(cacheUpdate, `"to":"cache"`, `"to":"x"`, 1), 400, ""},
	{"POST /api/north/{northId}/cache/update", "/api/north/{north}/cache/update", `{"cache":{}}`, 400, ""},

	{"POST /api/content/file", "/api/content/file?northId={north}&dataSourceId=lab", form("@file", "a,b\n"), 204, ""},
	{"POST /api/content/file", "/api/content/file?northId={north}&dataSourceId=lab", form("other", "a,b\n"), 400, ""},
	{"POST /api/content/file", "/api/content/file", form("@file", "a,b\n"), 400, ""},
	{"POST /api/content/content", "/api/content/content?northId={north}&dataSourceId=lab", `{"a": [1, 2]}`, 204, ""},
	{"POST /api/content/content", "/api/content/content", `{}`, 400, ""},

	{"GET /api/transformers/types", "", "", 200, ""},
	{"GET /api/transformers/manifests/{type}", "/api/transformers/manifests/csv-to-time-values", "", 200, ""},
	{"GET /api/transformers/manifests/{type}", "/api/transformers/manifests/magic", "", 404, ""},
	{"GET /api/transformers/search", "/api/transformers/search?type=standard&inputType=any&outputType=&page=0", "", 200, ""},
	{"GET /api/transformers/search", "/api/transformers/search?page=-1", "", 400, ""},
	{"GET /api/transformers/list", "", "", 200, ""},
	{"GET /api/transformers/template/{inputType}", "/api/transformers/template/time-values", "", 200, ""},
	{"GET /api/transformers/{transformerId}", "/api/transformers/{ignore}", "", 200, ""},
	{"GET /api/transformers/{transformerId}", "/api/transformers/nothing", "", 404, ""},
	{"POST /api/transformers", "", transformerBody, 201, "custom"},
	{"POST /api/transformers", "", transformerBody, 400, ""},
	{"POST /api/transformers", "", `{"name":"x","timeout":"long"}`, 400, ""},
	{"POST /api/transformers", "", strings.Replace(transformerBody, `"timeout":2000`, `"timeout":2000,"more":1`, 1), 400, ""},
	{"GET /api/transformers/{transformerId}", "/api/transformers/{custom}", "", 200, ""},
	{"GET /api/transformers/search", "/api/transformers/search?type=custom", "", 200, ""},
	{"PUT /api/transformers/{transformerId}", "/api/transformers/{custom}", strings.Replace(transformerBody, `"Louder"`, `"Loudest"`, 1), 204, ""},
	{"PUT /api/transformers/{transformerId}", "/api/transformers/{custom}", strings.Replace(transformerBody, "2000", "2", 1), 400, ""},
	{"PUT /api/transformers/{transformerId}", "/api/transformers/nothing", transformerBody, 404, ""},
	{"POST /api/transformers/test", "", `{"transformer":` + transformerBody + `,"testRequest":{"inputData":"loud"}}`, 200, ""},
	{"POST /api/transformers/test", "", `{"transformer":` + transformerBody + `}`, 400, ""},
	{"POST /api/transformers/{transformerId}/test", "/api/transformers/{custom}/test", `{"inputData":"loud","options":{}}`, 200, ""},
	{"POST /api/transformers/{transformerId}/test", "/api/transformers/{custom}/test", `{"options":{}}`, 400, ""},
	{"DELETE /api/transformers/{transformerId}", "/api/transformers/{ignore}", "", 400, ""},
	{"DELETE /api/transformers/{transformerId}", "/api/transformers/{custom}", "", 204, ""},
	{"DELETE /api/transformers/{transformerId}", "/api/transformers/{custom}", "", 404, ""},

	{"DELETE /api/south/{southId}", "/api/south/{south}", "", 204, ""},
	{"DELETE /api/south/{southId}", "/api/south/{south}", "", 404, ""},
	{"DELETE /api/north/{northId}", "/api/north/{north}", "", 204, ""},
	{"DELETE /api/north/{northId}", "/api/north/{north}", "", 404, ""},
}

// answersTable are the operations that answer with a table, which the document forgets.
var answersTable = map[string]bool{"POST /api/south/{southId}/items/export": true, "POST /api/south/{southType}/items/to-csv": true}
