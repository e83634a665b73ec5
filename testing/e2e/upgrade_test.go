package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/platform"
	"oibus/testing/cloudsim"
	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

const (
	// upgradeLimit bounds one upgrade, of which the trial takes two seconds here.
	upgradeLimit = 3 * time.Minute
	sweepLimit   = 30 * time.Minute

	newVersion    = "99.0.1"
	brokenVersion = "99.0.2"

	shortTrial = "[launcher]\ntrial_window = \"2s\"\n"

	mb = 1 << 20
)

func serveAsset(t *testing.T, s *site.Site, id, path string) {
	t.Helper()
	if _, err := s.Sim.AddAssetFile(id, path); err != nil {
		t.Fatal(err)
	}
}

// update has the agent updated and returns how the command ended.
func update(t *testing.T, s *site.Site, version, asset string, limit time.Duration) cloudsim.Command {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	ids := s.Queue(map[string]any{"type": "update-version", "version": "v" + version, "assetId": asset, "updateLauncher": false, "backupFoldersPattern": ".*"})
	return s.Ended(ctx, ids...)[0]
}

// runs waits until a version answers.
func runs(t *testing.T, s *site.Site, version string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), upgradeLimit)
	defer cancel()
	var info struct{ Version string }
	if !harness.UntilDone(ctx, func() bool {
		return s.JSON(ctx, "GET", "/api/engine/info", nil, &info) == nil && info.Version == version
	}) {
		t.Fatalf("version %s does not run, but %s\n%s", version, info.Version, s.Output())
	}
}

func ends(t *testing.T, end cloudsim.Command, status string, parts ...string) {
	t.Helper()
	if end.Status != status {
		t.Fatalf("the command ended %s: %s", end.Status, text(end.Result))
	}
	says(t, "the result", text(end.Result), parts...)
}

// upload drops a package over the REST API.
func upload(t *testing.T, s *site.Site, path string) (int, string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := http.NewRequestWithContext(limited(t), http.MethodPost, s.URL+"/api/upgrade/package?name="+filepath.Base(path), f)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(s.Login, s.Password)
	answer, err := s.HTTP.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, mb))
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestASiteIsUpdatedThroughACutLineAndSurvivesABrokenVersion(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{Options: harness.Options{Launcher: true, Settings: shortTrial}})
	good := harness.BuildVersion(t, newVersion)
	serveAsset(t, s, "good", harness.Package(t, newVersion, good, 40*mb))
	serveAsset(t, s, "broken", harness.Package(t, brokenVersion, harness.BreakVersion(t, brokenVersion), 0))

	// The line is cut after each eight megabytes.
	cut := int64(8 * mb)
	rule, err := s.Sim.AddRule(cloudsim.Rule{Endpoint: "E11", TruncateAfter: &cut})
	if err != nil {
		t.Fatal(err)
	}
	ends(t, update(t, s, newVersion, "good", upgradeLimit), cloudsim.CommandCompleted, "OIBus updated to version "+newVersion+", launcher updated to version "+platform.Version)
	runs(t, s, newVersion)
	resumed(t, s, rule, 5)
	s.Sim.ResetRules()
	must(t, s.Client, "POST", "/api/scan-modes", scanMode("made by the new version"), nil)

	ends(t, update(t, s, newVersion, "good", upgradeLimit), cloudsim.CommandCompleted, "OIBus updated to version "+newVersion, "it runs already")

	ends(t, update(t, s, brokenVersion, "broken", upgradeLimit), cloudsim.CommandErrored, "OIBus has not been updated. Rollback to version "+newVersion+": ", "exit status 1")
	runs(t, s, newVersion)
	var modes []struct{ Name string }
	must(t, s.Client, "GET", "/api/scan-modes", nil, &modes)
	if !strings.Contains(fmt.Sprint(modes), "made by the new version") {
		t.Errorf("after the rollback the scan modes are %v", modes)
	}
	completes(t, s, "OIBus restarted", map[string]any{"type": "restart-engine"})
	runs(t, s, newVersion)

	ends(t, update(t, s, "99.0.3", "good", upgradeLimit), cloudsim.CommandErrored, "OIBus has not been updated: the release is refused: it holds version "+newVersion+", but version 99.0.3 was asked for")
	// Back to the version before, as an update, and forth again: its release is unpacked still.
	serveAsset(t, s, "before", harness.Package(t, platform.Version, harness.BuiltVersion(t), 0))
	ends(t, update(t, s, platform.Version, "before", upgradeLimit), cloudsim.CommandCompleted, "OIBus updated to version "+platform.Version)
	runs(t, s, platform.Version)
	ends(t, update(t, s, newVersion, "good", upgradeLimit), cloudsim.CommandCompleted, "OIBus updated to version "+newVersion)
	runs(t, s, newVersion)

	harness.Until(t, patience, "the folder update is tidied up", func() bool {
		left, err := filepath.Glob(filepath.Join(s.Dir, "update", "*"))
		return err == nil && len(left) == 0
	})
}

// resumed checks that the download went on where it was cut, at least times.
func resumed(t *testing.T, s *site.Site, rule string, times int) {
	t.Helper()
	asked := s.Sim.Requests(cloudsim.RequestFilter{Agent: s.ID, Endpoint: "E11"})
	var sent int64
	for _, r := range asked {
		sent += r.AnswerBytes
	}
	if len(asked) <= times {
		t.Errorf("only %d requests", len(asked))
	}
	t.Logf("%d requests for the release brought %d MB, rule %s", len(asked), sent/mb, rule)
}

func TestAPersonUploadsAVersionAndGoesBack(t *testing.T) {
	t.Parallel()
	s := site.Start(t, site.Options{Options: harness.Options{Launcher: true, Settings: shortTrial}})
	path := harness.Package(t, newVersion, harness.BuildVersion(t, newVersion), 0)
	if status, body := upload(t, s, path); status != http.StatusNoContent {
		t.Fatalf("the upload is answered %d %s", status, body)
	}
	runs(t, s, newVersion)
	var versions struct {
		Version, Previous, Phase string
		Last                     struct{ Outcome, Source string }
	}
	harness.Until(t, upgradeLimit, "the trial passes", func() bool {
		return s.JSON(limited(t), "GET", "/api/upgrade", nil, &versions) == nil && versions.Phase == "idle" && versions.Last.Outcome == "committed"
	})
	if versions.Version != newVersion || versions.Previous != platform.Version || versions.Last.Source != "package" {
		t.Errorf("the page shows %+v", versions)
	}
	must(t, s.Client, "POST", "/api/upgrade/rollback", nil, nil)
	runs(t, s, platform.Version)
	harness.Until(t, upgradeLimit, "the trial of the version before passes", func() bool {
		return s.JSON(limited(t), "GET", "/api/upgrade", nil, &versions) == nil && versions.Phase == "idle"
	})

	other := filepath.Join(t.TempDir(), "oibus-cut.zip")
	whole, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(other, bytes.Clone(whole[:len(whole)/2]), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if status, body := upload(t, s, other); status != http.StatusBadRequest || !strings.Contains(body, "its end is missing") {
		t.Errorf("half a package is answered %d %s", status, body)
	}
}

func TestSweepTwoGigabytesComeThroughALineThatIsCutEveryFewSeconds(t *testing.T) {
	if os.Getenv("OIBUS_SWEEP") == "" {
		t.Skip("a long run: OIBUS_SWEEP=1 or ./build.sh sweep wants it")
	}
	t.Parallel()
	s := site.Start(t, site.Options{
		Options: harness.Options{Launcher: true, Settings: shortTrial},
		Sim:     cloudsim.Options{Limits: cloudsim.Limits{AssetBytes: 4 << 30}},
	})
	serveAsset(t, s, "large", harness.BarePackage(t, newVersion, harness.BuildVersion(t, newVersion), 2<<30))
	const rate = 32 * mb
	cut := int64(3 * rate)
	rule, err := s.Sim.AddRule(cloudsim.Rule{Endpoint: "E11", TruncateAfter: &cut, BytesPerSecond: rate})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	ends(t, update(t, s, newVersion, "large", sweepLimit), cloudsim.CommandCompleted, "OIBus updated to version "+newVersion)
	t.Logf("2 GB took %s", time.Since(begin).Round(time.Second))
	resumed(t, s, rule, 20)
	runs(t, s, newVersion)
}
