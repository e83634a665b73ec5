package e2e

import (
	"archive/zip"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"oibus/agent/logging"
	"oibus/testing/contract"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

// TestEveryOperationOfTheRESTAPIAnswersAsTheDocumentSays walks through the whole OpenAPI document on a running agent
// under its launcher, registered with a simulator, with connectors that work.
func TestEveryOperationOfTheRESTAPIAnswersAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(harness.Shared(t, "protocol"), "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := contract.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	s := site.New(t, site.Options{Options: harness.Options{Launcher: true}})
	group := journalWithGroup(t, s.Dir)
	s.Start()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "values.csv"), []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inFolder := strings.NewReplacer(`"/in"`, strconv.Quote(filepath.ToSlash(folder)))
	names := prepare(t, s, inFolder)
	names["logGroup"] = group
	w := contract.New(document, contract.Site{
		Names: names, Rewrite: inFolder, Do: func(r contract.Request) (contract.Answer, error) { return ask(t, s, r) },
		After: map[string]func() error{"POST /api/engine/restart": func() error { return restarted(t, s) }},
	})
	for _, trials := range [][]contract.Trial{contract.General, contract.Connectors, contract.Histories, contract.Restart} {
		if err := w.Try(trials...); err != nil {
			t.Error(err)
		}
	}
	rows := w.Table()
	if err := contract.Faults(rows); err != nil {
		t.Error(err)
	}
	table := contract.Markdown(rows)
	t.Log("\n" + table)
	if dist := os.Getenv(harness.DistVariable); dist != "" {
		if err := os.WriteFile(filepath.Join(dist, "contract.md"), []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
	diagnosticsHoldNoSecret(t, s)
}

// prepare makes what trials only look at: log entries, a command, contents in caches. It returns their names.
func prepare(t *testing.T, s *site.Site, inFolder *strings.Replacer) map[string]string {
	t.Helper()
	registration, err := json.Marshal(harness.RegistrationForm(s.Sim.URL()))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"registration": string(registration), "port": strconv.Itoa(s.Port)}
	names["command"] = s.Queue(command("create-scan-mode", scanMode("By command")))[0]
	s.Ended(limited(t), names["command"])
	var commands struct{ Content []struct{ ID, Type string } }
	must(t, s.Client, "GET", "/api/oianalytics/commands/search", nil, &commands)
	for _, c := range commands.Content {
		if c.Type == "make-coffee" { // which the document cannot describe
			must(t, s.Client, "DELETE", "/api/oianalytics/commands/"+c.ID, nil, nil)
		}
	}
	var modes []struct{ ID, Name string }
	must(t, s.Client, "GET", "/api/scan-modes", nil, &modes)
	for _, m := range modes {
		if m.Name == "Every minute" {
			names["mode"] = m.ID
		}
	}
	var transformers []map[string]any
	must(t, s.Client, "GET", "/api/transformers/list", nil, &transformers)
	for _, one := range transformers {
		if one["functionName"] == "ignore" {
			whole, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			names["ignore"], names["transformer"] = one["id"].(string), string(whole)
		}
	}
	never := scanMode("Never")
	never["cron"] = "0 0 0 29 2 *"
	quick := scanMode("Quick")
	quick["cron"] = "* * * * * *"
	for name, body := range map[string]any{"never": never, "quick": quick} {
		var made struct{ ID string }
		must(t, s.Client, "POST", "/api/scan-modes", body, &made)
		names[name] = made.ID
	}
	fill := func(text string, pairs ...string) json.RawMessage {
		for name, value := range names {
			text = strings.ReplaceAll(text, "{"+name+"}", value)
		}
		return json.RawMessage(strings.NewReplacer(pairs...).Replace(inFolder.Replace(text)))
	}
	names["cacheNorth"] = created(t, s, "/api/north", fill(strings.ReplaceAll(contract.NorthBody, "{mode}", "{never}"), "To the console", "With a cache", `"numberOfFiles":1}`, `"numberOfFiles":1000}`,
		`"transformers":[]`, `"transformers":[{"id":"","source":{"type":"oibus-api","dataSourceId":"lab"},"transformerId":"`+keep(transformers)+`","options":{}}]`))
	must(t, s.Client, "POST", "/api/content/content?northId="+names["cacheNorth"]+"&dataSourceId=lab", map[string]any{"a": 1}, nil)
	names["cacheFolder"], names["cacheFile"] = cachedFile(t, s, "/api/north/"+names["cacheNorth"])
	var history map[string]any
	if err := json.Unmarshal(fill(strings.ReplaceAll(contract.HistoryBody, "{mode}", "{never}"), names["ignore"], keep(transformers)), &history); err != nil {
		t.Fatal(err)
	}
	history["name"], history["southType"], history["southSettings"] = "With a cache", "sqlite", map[string]any{"databasePath": database(t)}
	history["items"] = []any{map[string]any{"id": nil, "name": "values", "enabled": true, "settings": sqlSettings}}
	names["cacheHistory"] = created(t, s, "/api/history", history)
	must(t, s.Client, "POST", "/api/history/"+names["cacheHistory"]+"/start", nil, nil)
	names["historyFolder"], names["historyFile"] = cachedFile(t, s, "/api/history/"+names["cacheHistory"])
	logged(t, s, names)
	return names
}

// keep is the transformer that changes nothing.
func keep(transformers []map[string]any) string {
	for _, one := range transformers {
		if one["functionName"] == "iso" {
			return one["id"].(string)
		}
	}
	return ""
}

func created(t *testing.T, s *site.Site, path string, body any) string {
	t.Helper()
	var made struct{ ID string }
	must(t, s.Client, "POST", path, body, &made)
	return made.ID
}

// cachedFile waits for a content in one of the folders of a connector.
func cachedFile(t *testing.T, s *site.Site, connector string) (folder, name string) {
	t.Helper()
	harness.Until(t, patience, connector+" has a content", func() bool {
		time.Sleep(200 * time.Millisecond) // below the limit on requests
		var found map[string]json.RawMessage
		must(t, s.Client, "GET", connector+"/cache/search", nil, &found)
		for _, folder = range []string{"cache", "error", "archive"} {
			var files []struct{ Filename string }
			if json.Unmarshal(found[folder], &files) == nil && len(files) > 0 {
				name = files[0].Filename
				return true
			}
		}
		return false
	})
	return folder, name
}

// sqlSettings are those of an item that reads the table of database.
var sqlSettings = map[string]any{"query": "SELECT ts, v FROM t WHERE ts > @StartTime AND ts <= @EndTime ORDER BY ts",
	"dateTimeFields": []any{map[string]any{"fieldName": "ts", "useAsReference": true, "type": "iso-string"}},
	"serialization":  map[string]any{"type": "csv", "filename": "x.csv", "delimiter": "COMMA", "compression": false, "outputTimestampFormat": "yyyy-MM-dd HH:mm:ss.SSS", "outputTimezone": "Europe/Paris"}}

// database makes one with something in it.
func database(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "values.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{"CREATE TABLE t (ts TEXT, v REAL)", "INSERT INTO t VALUES ('2024-01-10T00:00:00.000Z', 1.5)"} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// logged has an item write to the log: it reads a database that is not there.
func logged(t *testing.T, s *site.Site, names map[string]string) {
	t.Helper()
	names["logScope"] = created(t, s, "/api/south", map[string]any{"name": "Not there", "type": "sqlite", "description": "", "enabled": true,
		"settings": map[string]any{"databasePath": filepath.Join(t.TempDir(), "missing.db")}, "groups": []any{},
		"items": []any{map[string]any{"id": nil, "name": "lost", "enabled": true, "scanModeId": names["quick"], "scanModeName": nil, "groupId": nil, "groupName": nil,
			"syncWithGroup": false, "maxReadInterval": 3600, "readDelay": 0, "startTimeOffset": 0, "endTimeOffset": 0, "recoveryStrategy": "oldest", "settings": sqlSettings}}})
	harness.Until(t, patience, "an item is in the log", func() bool {
		time.Sleep(200 * time.Millisecond)
		var found []struct{ ItemID string }
		must(t, s.Client, "GET", "/api/logs/items/suggest?name=lost", nil, &found)
		if len(found) > 0 {
			names["logItem"] = found[0].ItemID
		}
		return names["logItem"] != ""
	})
}

// journalWithGroup puts an entry about a group into the journal of an agent that does not run: only protocols that read
// groups at once write such entries.
func journalWithGroup(t *testing.T, dir string) (group string) {
	t.Helper()
	hub, err := logging.Open(filepath.Join(dir, "logs"), logging.Options{Console: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	hub.Logger(logging.Scope{Type: logging.South, ID: "s1", Name: "PLC 1", GroupID: "g1", GroupName: "Fast"}).Warn("no answer")
	if err := hub.Close(limited(t)); err != nil {
		t.Fatal(err)
	}
	return "g1"
}

// ask makes one request of the walk.
func ask(t *testing.T, s *site.Site, r contract.Request) (contract.Answer, error) {
	request, err := http.NewRequestWithContext(limited(t), r.Method, s.URL+r.Path, strings.NewReader(r.Body))
	if err != nil {
		return contract.Answer{}, err
	}
	if r.Body != "" {
		request.Header.Set("Content-Type", r.ContentType)
	}
	if !r.Anonymous {
		request.SetBasicAuth(s.Login, s.Password)
	}
	answer, err := s.HTTP.Do(request)
	if err != nil {
		return contract.Answer{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return contract.Answer{Status: answer.StatusCode, ContentType: answer.Header.Get("Content-Type"), Body: string(text)}, err
}

// restarted waits until another process answers.
func restarted(t *testing.T, s *site.Site) error {
	process := func() (id string) {
		var info struct{ ProcessID string }
		if s.JSON(limited(t), "GET", "/api/engine/info", nil, &info) != nil {
			return ""
		}
		return info.ProcessID
	}
	before := process()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if now := process(); now != "" && now != before {
			return nil
		}
	}
	return fmt.Errorf("the agent did not start again")
}

// diagnosticsHoldNoSecret looks for every secret that the site was given.
func diagnosticsHoldNoSecret(t *testing.T, s *site.Site) {
	t.Helper()
	const mark = "S3cret-of-the-diagnostics"
	created(t, s, "/api/south", json.RawMessage(strings.NewReplacer("s3cret", mark, `"items":[`+contract.ItemBody+`]`, `"items":[]`, "Files", "Secretive").Replace(contract.SouthBody)))
	must(t, s.Client, "POST", "/api/users", map[string]any{"user": json.RawMessage(strings.Replace(contract.UserBody, "jane.doe", "joseph", 1)), "password": mark}, nil)
	answer, err := s.Do(limited(t), "GET", "/api/page/diagnostics", nil)
	if err != nil || answer.Status != 200 || answer.Header.Get("Content-Type") != "application/zip" {
		t.Fatalf("%d %v %v", answer.Status, answer.Header, err)
	}
	archive, err := zip.NewReader(bytes.NewReader(answer.Body), int64(len(answer.Body)))
	if err != nil {
		t.Fatal(err)
	}
	sealed := sealedTexts(t, filepath.Join(s.Dir, "state"))
	there := map[string]bool{}
	for _, f := range archive.File {
		there[f.Name] = true
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		for _, secret := range append(append(s.Secrets(), mark, "$argon2", "s3cret"), sealed...) {
			if secret != "" && bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %q", f.Name, secret)
			}
		}
		if f.Name == "problems.txt" {
			t.Errorf("problems: %s", text)
		}
	}
	for _, name := range []string{"settings/engine.json", "settings/users.json", "settings/registration.json", "settings/oibus.toml", "state/info.json", "state/connectors.json",
		"state/overview.json", "state/metrics.txt", "state/launcher.json", "process/goroutines.txt", "process/about.json", "disk/space.json", "disk/files.txt"} {
		if !there[name] {
			t.Errorf("%s is missing among %v", name, there)
		}
	}
}

// sealedTexts are the texts of secrets as they lie on disk: long texts that the state has under the names of secrets.
func sealedTexts(t *testing.T, dir string) (sealed []string) {
	t.Helper()
	var visit func(v any, key string)
	visit = func(v any, key string) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				visit(inner, strings.ToLower(k))
			}
		case []any:
			for _, inner := range v {
				visit(inner, key)
			}
		case string:
			if len(v) > 20 && (strings.Contains(key, "password") || strings.Contains(key, "token") || strings.Contains(key, "private") || strings.Contains(key, "secret")) {
				sealed = append(sealed, v)
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var v any
		if json.Unmarshal(text, &v) == nil {
			visit(v, "")
		}
		return nil
	})
	if err != nil || len(sealed) == 0 {
		t.Fatalf("no secrets lie in %s: %v", dir, err)
	}
	return sealed
}
