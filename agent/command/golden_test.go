package command

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/agent/entity"
)

// goldenFiles lists the recorded exchanges of the reference, which live beside the repository.
func goldenFiles(t *testing.T) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "..", "shared", "golden*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the recorded exchanges are not here: ../shared/golden")
	}
	return files
}

type recording struct {
	name          string
	Commands      []json.RawMessage
	Outcomes      []struct{ ID, Type, Status, Result string }
	NotReported   []string
	StatusUpdates []struct{ Body []report }
}

func recordings(t *testing.T) []recording {
	t.Helper()
	var all []recording
	for _, file := range goldenFiles(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := recording{name: filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)}
		if json.Unmarshal(data, &r) == nil && len(r.Commands) > 0 && len(r.StatusUpdates) > 0 {
			all = append(all, r)
		}
	}
	return all
}

// dates are the keys whose values differ from run to run.
var dates = []string{"createdAt", "updatedAt", "retrievedDate", "completedDate"}

// undated replaces dates by whether they are there.
func undated(t *testing.T, r report) report {
	t.Helper()
	plain := report{}
	for k, v := range r {
		if text, isText := v.(string); slices.Contains(dates, k) && isText {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", text); err != nil {
				t.Errorf("%s is %q", k, text)
			}
			v = "a date"
		}
		plain[k] = v
	}
	return plain
}

func reportsOf(t *testing.T, batches [][]report, status func(string) bool) map[string]report {
	found := map[string]report{}
	for _, batch := range batches {
		for _, r := range batch {
			if status(r.status()) {
				found[r.id()] = undated(t, r)
			}
		}
	}
	return found
}

// deliberate lists the recordings of which the outcome is not that of the reference, and why.
var deliberate = map[string]string{
	"golden/update-registration-settings-no-permissions.json": "without permissions they stay as they are (section 5.2)",
	"golden/status-500-three-times.json":                      "what was confirmed is not reported again (section 3.6: two paths that do not know each other)",
	"golden/kill9-while-running.json":                         "a command interrupted by a kill is not executed again (W-13)",
}

// TestReportsAreThoseOfTheRecordings plays every recorded command and compares each report with the recorded one, key
// by key. What a command acts on answers as it did in the recording.
func TestReportsAreThoseOfTheRecordings(t *testing.T) {
	t.Parallel()
	for _, rec := range recordings(t) {
		t.Run(rec.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(r *rig) {
				r.effects.fail = func(string, string) error { return recordedFailure(rec) }
				r.effects.answer = recordedAnswer(rec)
				r.o.Deps.Upgrades = &fakeUpgrades{run: func(context.Context, json.RawMessage, func(string)) (string, error) {
					return recordedAnswer(rec), recordedFailure(rec)
				}}
				r.reg.denied["*"] = strings.Contains(rec.name, "permission-denied")
				for _, c := range rec.Commands {
					r.cloud.add(string(c))
				}
			}, func(r *rig) {
				r.after(5 * time.Second)
				want := make([][]report, 0, len(rec.StatusUpdates))
				for _, u := range rec.StatusUpdates {
					want = append(want, u.Body)
				}
				isRetrieved := func(s string) bool { return s == Retrieved }
				compareReports(t, reportsOf(t, r.cloud.received(), isRetrieved), reportsOf(t, want, isRetrieved))
				if deliberate[rec.name] == "" && readable(rec) {
					ended := func(s string) bool { return s == Completed || s == Errored }
					compareReports(t, reportsOf(t, r.cloud.received(), ended), reportsOf(t, want, ended))
				}
			})
		})
	}
}

func compareReports(t *testing.T, got, want map[string]report) {
	t.Helper()
	for id, w := range want {
		g := got[id]
		for key := range w {
			// Words of a JavaScript runtime are said otherwise.
			if text, _ := w[key].(string); strings.HasPrefix(text, "Cannot read properties") && g[key] != nil {
				continue
			}
			if _, ok := g[key]; !ok || !reflect.DeepEqual(g[key], w[key]) {
				t.Errorf("%s: %s is %v, recorded %v", id, key, g[key], w[key])
			}
		}
		if len(g) != len(w) {
			t.Errorf("%s: %d keys, recorded %d", id, len(g), len(w))
		}
	}
}

// recordedFailure is the error that the one command of a recording ended with.
func recordedFailure(rec recording) error {
	for _, o := range rec.Outcomes {
		if o.Status == Errored {
			return errors.New(o.Result)
		}
	}
	return nil
}

// recordedAnswer is the result of the one command of a recording, "" when it has several.
func recordedAnswer(rec recording) string {
	if len(rec.Outcomes) != 1 || rec.Outcomes[0].Status != Completed {
		return ""
	}
	return rec.Outcomes[0].Result
}

// readable tells whether all commands of a recording can be decrypted here, as far as they have to be.
func readable(rec recording) bool {
	for _, c := range rec.Commands {
		// Secrets of the recordings are encrypted for keys that nobody has.
		if strings.Contains(string(c), "not-encrypted") || strings.Contains(rec.name, "-secret.json") {
			return false
		}
	}
	return true
}

func TestTheTableHasEveryTypeAndPermission(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	permissions := map[string]bool{}
	for _, r := range table {
		for _, d := range r.dialects {
			count[string(d)]++
		}
		permissions[r.permission] = true
		if r.run == nil {
			t.Errorf("%s cannot be executed", r.name)
		}
		if r.test != strings.HasPrefix(r.name, "test-") {
			t.Errorf("%s: test is %t", r.name, r.test)
		}
	}
	if len(table) != 48 || count["N"] != 47 || count["R"] != 43 || len(Types()) != 48 {
		t.Errorf("%d types, %v by dialect", len(table), count)
	}
	for _, p := range entity.Permissions {
		if !permissions[p] {
			t.Errorf("no type for permission %s", p)
		}
	}
	if len(permissions) != len(entity.Permissions) {
		t.Errorf("%d permissions", len(permissions))
	}
}

// TestThePermissionsOfATypeAreThoseOfTheProtocol spells out those that do not follow from the name of the type.
func TestThePermissionsOfATypeAreThoseOfTheProtocol(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"update-engine-general": "updateEngineSettings", "update-engine-web-server": "updateEngineSettings", "update-engine-proxy": "updateEngineSettings",
		"update-engine-logger": "updateEngineSettings", "test-transformer": "testNorthConnection", "update-history-query-status": "updateHistoryQuery",
		"create-or-update-history-query-south-items-from-csv": "createOrUpdateHistoryItemsFromCsv",
		"test-history-query-north-connection":                 "testHistoryNorthConnection", "test-history-query-south-connection": "testHistorySouthConnection",
		"test-history-query-south-item": "testHistorySouthItem",
	}
	for _, r := range table {
		p := want[r.name]
		if p == "" {
			words := strings.Split(r.name, "-")
			for i := 1; i < len(words); i++ {
				words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
			}
			p = strings.Join(words, "")
		}
		if r.permission != p {
			t.Errorf("%s is gated by %s, want %s", r.name, r.permission, p)
		}
	}
}
