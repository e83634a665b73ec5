package web

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// with is a site with one South, which has items of these names, and one North.
func with(t *testing.T, items ...string) (s *site, southID, northID string) {
	t.Helper()
	s = newSite(t, nil)
	var list []string
	for _, name := range items {
		list = append(list, strings.Replace(itemBody, `"a"`, `"`+name+`"`, 1))
	}
	mode := s.settings.ScanModes()[0].ID
	fill := func(body string) string { return strings.ReplaceAll(body, "{mode}", mode) }
	made := s.as("POST", "/api/south", fill(strings.Replace(southBody, itemBody, strings.Join(list, ","), 1)))
	var south, north struct{ ID string }
	if err := json.Unmarshal([]byte(made.body), &south); err != nil || made.status != 201 {
		t.Fatalf("the South: %d %s", made.status, made.body)
	}
	made = s.as("POST", "/api/north", fill(northBody))
	if err := json.Unmarshal([]byte(made.body), &north); err != nil || made.status != 201 {
		t.Fatalf("the North: %d %s", made.status, made.body)
	}
	return s, south.ID, north.ID
}

func TestTheCatalogueIsThatOfTheReference(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	read := func(name string) (v any) {
		if err := json.Unmarshal(shared(t, "golden/"+name+".json"), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for path, name := range map[string]string{"/api/south/types": "south-types", "/api/north/types": "north-types"} {
		compare(t, path, s.as("GET", path, "").body, read(name))
	}
	for kind, name := range map[string]string{"south": "manifests-south", "north": "manifests-north", "transformers": "manifests-transformers"} {
		for _, m := range read(name).([]any) {
			path := "/api/" + kind + "/manifests/" + m.(map[string]any)["id"].(string)
			compare(t, path, s.as("GET", path, "").body, m)
		}
	}
	var names []string
	for _, v := range read("transformers-list").([]any) {
		names = append(names, v.(map[string]any)["functionName"].(string))
	}
	var ours []struct{ FunctionName string }
	if err := json.Unmarshal([]byte(s.as("GET", "/api/transformers/list", "").body), &ours); err != nil || len(ours) != len(names) {
		t.Errorf("%d transformers, the reference has %d: %v", len(ours), len(names), err)
	}
	for kind, want := range read("transformer-templates").(map[string]any) {
		var got map[string]string
		if err := json.Unmarshal([]byte(s.as("GET", "/api/transformers/template/"+kind, "").body), &got); err != nil {
			t.Fatal(err)
		}
		w := want.(map[string]any)
		if got["description"] != w["description"] || timeless(got["data"]) != timeless(w["data"].(string)) {
			t.Errorf("the template of %s is %v", kind, got)
		}
	}
}

// timeless is a text without the instants in it.
func timeless(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if before, _, ok := strings.Cut(line, `"timestamp"`); ok {
			line = before
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func TestAnUploadKeepsItsNameAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, _, north := with(t)
	for _, c := range []struct{ disposition, want string }{
		{`filename="été 2024.csv"`, "été 2024.csv"},
		{`filename*=UTF-8''%C3%A9t%C3%A9.csv`, "été.csv"},
		{`filename="..\..\boot.ini"`, "boot.ini"},
		{`filename="../../etc/passwd"`, "passwd"},
		{`filename=".."`, "upload"},
		{`filename="` + strings.Repeat("é", 300) + `"`, strings.Repeat("é", 127)},
	} {
		body := formEdge + "\r\nContent-Disposition: form-data; name=\"file\"; " + c.disposition + "\r\n\r\nid,v\r\n1,é\r\n" + formEdge + "--\r\n"
		before := len(s.engine.uploaded())
		if r := s.asForm("POST", "/api/content/file?northId="+north+",other&dataSourceId=lab", body); r.status != 204 {
			t.Errorf("%s: %d %s", c.disposition, r.status, r.body)
			continue
		}
		if got, want := s.engine.uploaded()[before], north+"+other|lab|any|"+c.want+"|id,v\r\n1,é"; got != want {
			t.Errorf("%s was posted as %q, want %q", c.disposition, got, want)
		}
	}
	s.engine.failWith(errClosedPort)
	if r := s.asForm("POST", "/api/content/file?northId="+north+"&dataSourceId=lab", form("@file", "x")); r.status != 500 || r.body != `{"error":"`+errClosedPort.Error()+`"}` {
		t.Errorf("a cache that fails: %d %s", r.status, r.body)
	}
	if left, err := os.ReadDir(s.uploads); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestAnUploadThatIsCutOffIsNotPosted(t *testing.T) {
	t.Parallel()
	s, _, north := with(t)
	cut := strings.TrimSuffix(form("@file", strings.Repeat("a", 1000)), "\r\n"+formEdge+"--\r\n")
	r := s.asForm("POST", "/api/content/file?northId="+north+"&dataSourceId=lab", cut)
	if left, err := os.ReadDir(s.uploads); r.status != 400 || len(s.engine.uploaded()) != 0 || err != nil || len(left) != 0 {
		t.Errorf("%d %s, posted %q, left %v %v", r.status, r.body, s.engine.uploaded(), left, err)
	}
}

func TestJSONIsPostedAsItsText(t *testing.T) {
	t.Parallel()
	s, _, north := with(t)
	path := "/api/content/content?northId=" + north + "&dataSourceId=lab"
	for body, want := range map[string]string{`{ "b": 1.50, "a": [ "é" ] }`: `{"b":1.50,"a":["é"]}`, `[1, {}]`: `[1,{}]`} {
		before := len(s.engine.uploaded())
		if r := s.as("POST", path, body); r.status != 204 {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		} else if got := s.engine.uploaded()[before]; got != north+"|lab|any-content||"+want {
			t.Errorf("%s was posted as %s", body, got)
		}
	}
	for _, body := range []string{`"text"`, `7`, `{"a":`} {
		if r := s.as("POST", path, body); r.status != 422 {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

func TestTheStreamsOfConnectorsSendTheirMetrics(t *testing.T) {
	t.Parallel()
	s, south, north := with(t)
	client := s.browser()
	for path, part := range map[string]string{
		"/sse/south/" + south: `"numberOfValuesRetrieved":7`, "/sse/north/" + north: `"contentSentSize":9`,
		"/sse/home": `"souths":{"` + south + `":{`, "/sse/connectors": `"lastError":"no route"`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.url(path), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		resp.Body.Close()
		if err != nil || !strings.HasPrefix(line, "data: ") || !strings.Contains(line, part) {
			t.Errorf("%s sends %q %v", path, line, err)
		}
	}
	s.as("GET", "/sse/south/nothing", "").want(t, "a stream of nothing", 404, `{"error":"South \"nothing\" not found"}`)
}

func TestItemsAreSortedAndNarrowedForThePage(t *testing.T) {
	t.Parallel()
	s, south, _ := with(t, "b", "a", "c")
	items, err := s.connectors.South(south)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, i := range items.Items {
		ids[i.Name] = i.ID
	}
	if err := s.connectors.EnableItems(s.admin.ID, south, []string{ids["b"]}, false); err != nil {
		t.Fatal(err)
	}
	group, err := s.connectors.CreateGroup(s.admin.ID, south, json.RawMessage(strings.ReplaceAll(groupBody, "{mode}", s.settings.ScanModes()[1].ID)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.connectors.MoveItems(s.admin.ID, south, []string{ids["c"]}, &group.ID); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"": "a b c", "sort=-name": "c b a", "sort=enabled": "a c b", "sort=-group": "c a b", "groupId=none": "a b", "groupId=" + group.ID: "c",
		"name=B&sort=name": "b", "enabled=true&groupId=none": "a", "sort=nonsense": "a b c",
	} {
		var found struct{ Content []struct{ Name string } }
		r := s.as("GET", "/api/south/"+south+"/items/search?"+query, "")
		if err := json.Unmarshal([]byte(r.body), &found); err != nil {
			t.Fatalf("%s: %d %s", query, r.status, r.body)
		}
		var names []string
		for _, i := range found.Content {
			names = append(names, i.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q finds %s, want %s", query, got, want)
		}
	}
	s.as("GET", "/api/south/"+south+"/items/ids?enabled=false", "").want(t, "ids", 200, `["`+ids["b"]+`"]`)
}

func TestWhatStandsBesideTheItemsChangesWithoutThem(t *testing.T) {
	t.Parallel()
	s, south, _ := with(t, "a", "b")
	body := `{"name":"Renamed","type":"folder-scanner","description":"d","enabled":false,"settings":` + strings.Replace(scannerSettings, "s3cret", "", 1) + `}`
	if r := s.as("PUT", "/api/south/"+south+"?items=keep", body); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	got, err := s.connectors.South(south)
	if err != nil || got.Name != "Renamed" || got.Enabled || len(got.Items) != 2 || !strings.Contains(string(got.Settings), `"password":"enc:`) && strings.Contains(string(got.Settings), `"password":""`) {
		t.Errorf("the South is %+v %v", got.Connector, err)
	}
}

func TestATableIsPreviewedAndImportedAsAWhole(t *testing.T) {
	t.Parallel()
	s, south, _ := with(t, "a")
	path := "/api/south/" + south + "/items/import/"
	head, rows, _ := strings.Cut(csvTable, "\n")
	rows = strings.ReplaceAll(rows, "Every minute", s.settings.ScanModes()[0].Name)
	type preview struct {
		Count, New, Replaced, Unchanged, Deleted, ErrorCount int
		DeletedItems                                         []string
		Errors                                               []struct {
			Error string
			Line  int
		}
	}
	fields := func(text, mode string) string {
		return form("delimiter", ",", "updateExisting", fmt.Sprint(mode == "update"), "deleteItemsNotPresent", fmt.Sprint(mode == "delete"), "@itemsToImport", text)
	}
	see := func(text, mode string) (p preview) {
		t.Helper()
		if r := s.asForm("POST", path+"preview", fields(text, mode)); r.status != 200 || json.Unmarshal([]byte(r.body), &p) != nil {
			t.Errorf("%d %s", r.status, r.body)
		}
		return p
	}
	good := strings.SplitAfter(rows, "\n")[0]
	again := head + "\n" + rows + "\n" + strings.Replace(good, "new", "a", 1)
	seen := see(again, "add")
	if seen.Count != 1 || seen.ErrorCount != 2 || seen.Errors[0].Error != `Scan mode "Never" not found for item "bad"` || seen.Errors[0].Line != 3 ||
		!strings.HasPrefix(seen.Errors[1].Error, `Item name "a" already used`) || seen.Errors[1].Line != 5 {
		t.Errorf("%+v", seen)
	}
	if r := s.asForm("POST", path+"table", fields(again, "add")); r.status != 400 || !strings.Contains(r.body, `Error when checking csv items:\nline 3: bad: `) {
		t.Errorf("a table with mistakes: %d %s", r.status, r.body)
	}
	both := head + "\n" + good + strings.NewReplacer("new", "a", "1000", "2000").Replace(good)
	if seen := see(both, "update"); seen.Count != 2 || seen.New != 1 || seen.Replaced != 1 || seen.Deleted != 0 || seen.ErrorCount != 0 {
		t.Errorf("%+v", seen)
	}
	if seen := see(head+"\n"+good, "delete"); seen.Count != 1 || seen.Deleted != 1 || strings.Join(seen.DeletedItems, " ") != "a" {
		t.Errorf("%+v", seen)
	}
	before := itemIDsOf(t, s, south)
	s.asForm("POST", path+"table", fields(both, "update")).want(t, "a table", 200, `{"count":2,"new":1,"replaced":1,"unchanged":0,"deleted":0}`)
	if after := itemIDsOf(t, s, south); len(after) != 2 || after["a"] != before["a"] {
		t.Errorf("the items were %v and are %v", before, after)
	}
	s.asForm("POST", path+"table", fields(head+"\n"+good, "delete")).want(t, "a table", 200, `{"count":1,"new":0,"replaced":0,"unchanged":1,"deleted":1}`)
	if after := itemIDsOf(t, s, south); len(after) != 1 || after["new"] == "" {
		t.Errorf("the items are %v", after)
	}
	for text, want := range map[string]string{
		"": `The file is empty`, "\n \n": `The file is empty`, "name,scanMode\n\n": "nothing below its column names", "name;scanMode\na;b\n": `is the delimiter \",\" right? Its first line rather looks like \";\"`,
		"PK\x03\x04\x00\x00": "UTF-8", "name\n\xe9t\xe9": "UTF-8",
	} {
		for _, step := range []string{"preview", "table"} {
			if r := s.asForm("POST", path+step, fields(text, "delete")); r.status != 400 || !strings.Contains(r.body, want) {
				t.Errorf("%s of %q: %d %s", step, text, r.status, r.body)
			}
		}
	}
}

// itemIDsOf are the ids of the items of a South by name.
func itemIDsOf(t *testing.T, s *site, south string) map[string]string {
	t.Helper()
	got, err := s.connectors.South(south)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, i := range got.Items {
		ids[i.Name] = i.ID
	}
	return ids
}

func TestASouthIsDuplicatedWithItsItemsWithoutThemGoingToTheBrowser(t *testing.T) {
	t.Parallel()
	s, south, _ := with(t, "a", "b")
	head := `"type":"folder-scanner","description":"d","enabled":false,"settings":` + strings.Replace(scannerSettings, "s3cret", "", 1)
	r := s.as("POST", "/api/south?items=copy&duplicate="+south, `{"name":"Copy",`+head+`}`)
	var made struct {
		ID    string
		Items []any
	}
	if err := json.Unmarshal([]byte(r.body), &made); err != nil || r.status != 201 || made.Items == nil || len(made.Items) != 0 {
		t.Fatalf("%d %s %v", r.status, r.body, err)
	}
	before, after := itemIDsOf(t, s, south), itemIDsOf(t, s, made.ID)
	if len(after) != 2 || after["a"] == "" || after["a"] == before["a"] || after["b"] == before["b"] {
		t.Errorf("the items are %v, those of the original %v", after, before)
	}
	s.as("POST", "/api/south?items=copy&duplicate=nothing", `{"name":"Copy 2",`+head+`}`).want(t, "of nothing", 404, `{"error":"South \"nothing\" not found"}`)
	if r := s.as("POST", "/api/south?items=copy&duplicate="+south, `{"name":"Copy",`+head+`}`); r.status != 400 || !strings.Contains(r.body, "already exists") {
		t.Errorf("a name twice: %d %s", r.status, r.body)
	}
	if r := s.as("POST", "/api/south?items=copy&duplicate="+south, `{"name":"Copy 3"}`); r.status != 400 {
		t.Errorf("half a body: %d %s", r.status, r.body)
	}
}

func TestACachedFileIsDownloadedWhole(t *testing.T) {
	t.Parallel()
	s, _, north := with(t)
	r := s.as("GET", "/api/north/"+north+"/cache/content/x8Kd01LmQ2za/download?folder=cache", "")
	if r.status != 200 || r.body != "a,b\n1,2\n" || r.header.Get("Content-Disposition") != "attachment; filename*=utf-8''fl%C3%B6w-2026.csv" {
		t.Errorf("%d %q %v", r.status, r.body, r.header)
	}
}

func TestTheNamesOfAllThatASearchFindsAreHad(t *testing.T) {
	t.Parallel()
	s, _, north := with(t)
	s.as("GET", "/api/north/"+north+"/cache/names?folder=error&nameContains=fl", "").want(t, "names", 200, `["x8Kd01LmQ2za"]`)
	if r := s.as("GET", "/api/north/"+north+"/cache/names?folder=attic", ""); r.status != 400 || !strings.Contains(r.body, "['cache','error','archive']") {
		t.Errorf("an unknown folder: %d %s", r.status, r.body)
	}
	if r := s.as("GET", "/api/north/nothing/cache/names?folder=error", ""); r.status != 404 {
		t.Errorf("of nothing: %d %s", r.status, r.body)
	}
}

func TestManyItemsAreCheckedImportedAndFound(t *testing.T) {
	if testing.Short() {
		t.Skip("a lot of work, which the race detector only makes slow")
	}
	t.Parallel()
	s, south, _ := with(t)
	const n = 10_000
	var table strings.Builder
	table.WriteString(strings.SplitN(csvTable, "\n", 2)[0] + "\n")
	for i := range n {
		fmt.Fprintf(&table, "item %06d,true,%s,.*,1000,true,false,0,0,false\n", i, s.settings.ScanModes()[0].Name)
	}
	began := time.Now()
	r := s.asForm("POST", "/api/south/folder-scanner/items/import/check", form("delimiter", ",", "deleteItemsNotPresent", "false", "@itemsToImport", table.String(), "@currentItems", "[]"))
	var checked struct {
		Items  json.RawMessage
		Errors []any
	}
	if err := json.Unmarshal([]byte(r.body), &checked); err != nil || len(checked.Errors) > 0 {
		t.Fatalf("check: %d %.300s %v", r.status, r.body, err)
	}
	t.Logf("checked after %s", time.Since(began))
	began = time.Now()
	if r := s.asForm("POST", "/api/south/"+south+"/items/import", form("@items", string(checked.Items), "deleteItemsNotPresent", "false")); r.status != 204 {
		t.Fatalf("import: %d %.300s", r.status, r.body)
	}
	t.Logf("imported after %s", time.Since(began))
	client := s.browser()
	for _, path := range []string{"/items/search?name=99&page=3", "/items/search?sort=-scanMode&page=199", "/items/ids", "?items=false"} {
		began = time.Now()
		if r := s.do(call{method: "GET", path: "/api/south/" + south + path, client: client}); r.status != 200 {
			t.Errorf("%s: %d %.300s", path, r.status, r.body)
		}
		t.Logf("%s after %s", path, time.Since(began))
	}
}
