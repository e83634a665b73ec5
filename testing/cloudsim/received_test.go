package cloudsim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func entry(level, message string) map[string]any {
	return map[string]any{"timestamp": "2026-03-04T08:15:30.123Z", "level": level, "scopeType": "SOUTH", "scopeId": "k3JdQ9", "scopeName": "PLC 1",
		"itemId": nil, "itemName": nil, "groupId": nil, "groupName": nil, "message": message}
}

func TestLogsAreCountedKeptAndFound(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a, b := enrolled(t, sim, "a"), enrolled(t, sim, "b")
	a.call(200, "POST", api+"oibus/logs", []any{entry("INFO", "first"), entry("ERROR", `a "quoted", text`), "not an entry"})
	a.call(200, "POST", api+"oibus/logs", []any{})
	b.call(200, "POST", api+"oibus/logs", []any{entry("DEBUG", "second of another")})
	if n := sim.LogCount(); n != 4 {
		t.Fatalf("%d entries were counted", n)
	}
	for _, c := range []struct {
		f    LogFilter
		want string
	}{
		{LogFilter{}, "1 2 3 4"},
		{LogFilter{Agent: "b"}, "4"},
		{LogFilter{Level: "info"}, "1 2 3"},
		{LogFilter{Level: "WARN"}, "2 3"},
		{LogFilter{Text: "QUOTED"}, "2"},
		{LogFilter{Text: "plc"}, "1 2 4"},
		{LogFilter{After: 2}, "3 4"},
		{LogFilter{After: 9}, ""},
		{LogFilter{Limit: 2}, "3 4"},
		{LogFilter{Scope: "NORTH"}, ""},
	} {
		var got []string
		for _, e := range sim.Logs(c.f) {
			got = append(got, fmt.Sprint(e.Seq))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v found %v, want %s", c.f, got, c.want)
		}
	}
	a.call(400, "POST", api+"oibus/logs", map[string]int{"not": 1})
	if found, err := sim.WaitLogs(patient(t), LogFilter{Text: "second"}, 1); err != nil || found[0].Agent != "b" {
		t.Fatalf("found %+v, error %v", found, err)
	}
}

func TestElementsOfAnArrayAreCountedWithoutDecodingThem(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int{`[]`: 0, ` [ ] `: 0, `[1]`: 1, `[1,2]`: 2, `[{"a":[1,2,3],"b":{}},"x,y",[4,5]]`: 3, `["a\",b\\",",]"]`: 2,
		``: -1, `{}`: -1, `[1`: -1, `[1,]`: -1, `null`: -1, `[1] 2`: -1} {
		n, err := countElements([]byte(body))
		if err != nil {
			n = -1
		}
		if n != want {
			t.Errorf("%s has %d elements, want %d", body, n, want)
		}
	}
}

func packed(t *testing.T, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (a *fakeAgent) send(status int, path, contentType string, body []byte) {
	a.t.Helper()
	got, answer, err := a.try("POST", path, contentType, body)
	if err != nil || got != status {
		a.t.Fatalf("POST %s answered %d %s (error %v), want %d", path, got, answer, err, status)
	}
}

func TestTimeValuesAndFilesAreKeptAsTheNorthSendsThem(t *testing.T) {
	t.Parallel()
	var seen []Data
	sim := start(t, Options{OnData: func(d Data) { seen = append(seen, d) }})
	a := enrolled(t, sim, "data")
	values := `[{"pointId":"A","data":{"value":1},"timestamp":"2023-12-31T23:00:00.000Z"},{"pointId":"B","data":{"value":"x,y"},"timestamp":"2023-12-31T23:00:01.000Z"}]`
	a.send(200, api+"oibus/time-values?dataSourceId=OIA%20plain", "application/json", []byte(values))
	a.send(200, api+"oibus/time-values/compressed?dataSourceId=OIA%20gz%26%C3%A9", "application/json", packed(t, values))
	upload := "--OIBusBoundary1795377374658\r\nContent-Disposition: form-data; name=\"file\"; filename=\"raw file é.csv\"\r\n" +
		"Content-Type: application/octet-stream\r\n\r\nid,value\nA,1\n\r\n--OIBusBoundary1795377374658--\r\n"
	a.send(200, api+"file-uploads?dataSourceId=OIA", "multipart/form-data; boundary=OIBusBoundary1795377374658", []byte(upload))
	got := sim.Data(DataFilter{})
	if len(got) != 3 || len(seen) != 3 {
		t.Fatalf("%d kept, %d told", len(got), len(seen))
	}
	if d := got[0]; d.Kind != TimeValues || d.Source != "OIA plain" || d.Count != 2 || d.Agent != "data" || d.Compressed || string(d.Content) != values {
		t.Errorf("time values %+v", d)
	}
	if d := got[1]; d.Source != "OIA gz&é" || d.Count != 2 || !d.Compressed || string(d.Content) != values {
		t.Errorf("compressed time values %+v", d)
	}
	if d := got[2]; d.Kind != File || d.Filename != "raw file é.csv" || string(d.Content) != "id,value\nA,1\n" {
		t.Errorf("file %+v", d)
	}
	if values, files, _ := sim.DataTotals(); values != 4 || files != 1 {
		t.Errorf("%d values, %d files", values, files)
	}
	a.send(400, api+"oibus/time-values", "application/json", []byte(`{}`))
	a.send(400, api+"oibus/time-values/compressed", "application/json", []byte(values))
	a.send(400, api+"file-uploads", "application/json", []byte(upload))
	a.send(400, api+"file-uploads", "multipart/form-data; boundary=other", []byte(upload))
}

func TestOldDataGivesItsMemoryBackAndStaysCounted(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{Limits: Limits{DataBytes: 3000, LogBytes: 3000, ConfigurationBytes: 3000, RequestCount: 5}})
	a := enrolled(t, sim, "bounded")
	for i := range 20 {
		a.send(200, api+"oibus/time-values", "application/json", []byte(fmt.Sprintf(`["%0900d"]`, i)))
		a.send(200, api+"oibus/logs", "application/json", []byte(fmt.Sprintf(`[{"level":"INFO","message":"%0900d"}]`, i)))
		a.call(200, "PUT", api+"oibus/configuration", map[string]any{"engine": map[string]string{"name": fmt.Sprintf("%0900d", i)}})
	}
	if values, _, _ := sim.DataTotals(); values != 20 || len(sim.Data(DataFilter{})) > 3 {
		t.Errorf("%d values counted, %d batches kept", values, len(sim.Data(DataFilter{})))
	}
	if logs := sim.Logs(LogFilter{}); sim.LogCount() != 20 || len(logs) > 3 || logs[len(logs)-1].Seq != 20 {
		t.Errorf("%d entries counted, %d kept", sim.LogCount(), len(logs))
	}
	if kept := sim.Configurations(ConfigurationFilter{}); len(kept) > 3 || kept[len(kept)-1].Seq != 20 {
		t.Errorf("%d configurations kept", len(kept))
	}
	if journal := sim.Requests(RequestFilter{}); len(journal) != 5 {
		t.Errorf("%d requests kept", len(journal))
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := newAgent(t, sim, "large")
	big := bytes.Repeat([]byte("x"), 65<<10)
	status, _, err := a.try("POST", api+"oibus/registration", "application/json", big)
	if err != nil || status != 413 {
		t.Fatalf("status %d, error %v", status, err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", sim.URL()+api+"oibus/registration", struct{ *bytes.Reader }{bytes.NewReader(big)}) // chunked
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 413 {
		t.Fatalf("chunked: status %d", answer.StatusCode)
	}
}

func TestAPackageIsServedWithLengthTagAndRanges(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "asset")
	added, err := sim.AddAsset("linux-x64", "oibus.zip", strings.NewReader("0123456789"))
	if err != nil || added.Bytes != 10 || len(added.SHA256) != 64 {
		t.Fatalf("added %+v, error %v", added, err)
	}
	get := func(header, value string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", sim.URL()+api+"oibus/upgrade/asset?assetId=linux-x64", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+a.token)
		if header != "" {
			r.Header.Set(header, value)
		}
		answer, err := a.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var body bytes.Buffer
		_, err = body.ReadFrom(answer.Body)
		if err != nil && header != "cut" {
			t.Fatal(err)
		}
		return answer, body.String()
	}
	answer, body := get("", "")
	if body != "0123456789" || answer.ContentLength != 10 || answer.Header.Get("ETag") != `"`+added.SHA256+`"` {
		t.Fatalf("body %q, headers %v", body, answer.Header)
	}
	if answer, body := get("Range", "bytes=4-"); answer.StatusCode != 206 || body != "456789" || answer.Header.Get("Content-Range") != "bytes 4-9/10" {
		t.Fatalf("range: status %d, body %q", answer.StatusCode, body)
	}
	mustRule(t, sim, Rule{Endpoint: "E11", TruncateAfter: bytesOf(3), Count: 1})
	if answer, body := get("cut", "yes"); answer.ContentLength != 10 || body != "012" {
		t.Fatalf("cut: length %d, body %q", answer.ContentLength, body)
	}
	mustRule(t, sim, Rule{Endpoint: "E11", BytesPerSecond: 100, Count: 1})
	if _, body := get("", ""); body != "0123456789" {
		t.Fatalf("slow: body %q", body)
	}
	if _, err := sim.AddAsset("../out", "x", strings.NewReader("x")); err == nil {
		t.Fatal("an id that is a path is accepted")
	}
	if err := sim.RemoveAsset("linux-x64"); err != nil {
		t.Fatal(err)
	}
	a.call(404, "GET", api+"oibus/upgrade/asset?assetId=linux-x64", nil)
}

func TestConnectorsMayUseAccessKeysForDataOnly(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{AccessKey: "AK", SecretKey: "SK"})
	ask := func(method, path, user, password string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, sim.URL()+path, strings.NewReader("[]"))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(user, password)
		answer, err := newAgent(t, sim, "").http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for path, want := range map[string]int{api + "oibus/time-values": 200, api + "oibus/logs": 401} {
		if got := ask("POST", path, "AK", "SK"); got != want {
			t.Errorf("%s with the keys is answered %d, want %d", path, got, want)
		}
	}
	if got := ask("POST", api+"oibus/time-values", "AK", "wrong"); got != 401 {
		t.Errorf("a wrong secret key is answered %d", got)
	}
	if got := ask("GET", api+"oibus/status", "AK", "SK"); got != 200 {
		t.Errorf("the status is answered %d", got)
	}
}

func TestAGatewayPrefixAndHeaderAreServedAsTold(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{BasePath: "/gateway/v1", GatewayHeader: "X-Api-Key", GatewayValue: "gw"})
	a := enrolled(t, sim, "gateway")
	a.call(403, "GET", "/gateway/v1"+api+"oibus/status", nil)
	r, err := http.NewRequestWithContext(t.Context(), "GET", sim.URL()+"/gateway/v1"+api+"oibus/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", "gw")
	r.Header.Set("Authorization", "Bearer "+a.token)
	answer, err := a.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Fatalf("with the header: %d", answer.StatusCode)
	}
}

func TestASouthReadsTheSameSeriesTwice(t *testing.T) {
	t.Parallel()
	sim := start(t, Options{})
	a := enrolled(t, sim, "series")
	path := api + "time-values/query?from=2024-01-01T00:00:00.000Z&to=2024-01-01T06:00:00.000Z&tag=MOCK_O2&tag=OTHER"
	first := a.call(200, "GET", path, nil)
	var got []series
	decodeInto(t, first, &got)
	if len(got) != 2 || got[0].Data.Reference != "MOCK_O2" || len(got[0].Values) != 36 || got[0].Timestamps[0] != "2024-01-01T00:00:00Z" {
		t.Fatalf("series %+v", got)
	}
	if !bytes.Equal(first, a.call(200, "GET", path, nil)) {
		t.Fatal("the second time is different")
	}
}
