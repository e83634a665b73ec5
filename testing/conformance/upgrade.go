package conformance

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oibus/testing/harness"
)

// upgradeScenarios are played by an agent with its launcher, each group by one of its own.
var upgradeScenarios = map[Dialect][][]string{
	N: {{"update-version-not-a-zip", "update-version-launcher-missing-in-zip", "update-version"}, {"update-version-launcher"}},
	R: {{"update-version"}},
}

// shortTrial lets a new version pass its trial soon.
const shortTrial = "[launcher]\ntrial_window = \"2s\"\n"

// upgradeLimit is from handing out an update-version to its end, a restart included.
const upgradeLimit = 3 * time.Minute

// recordedVersion is that which the recorded commands ask for.
const recordedVersion = "3.9.0"

// upgradeRecording is one whose end was reported by the next start, and is kept elsewhere.
type upgradeRecording struct {
	Recording
	NextBoot [][]map[string]any `json:"statusUpdatesNextBoot"`
}

// exchangeRequest is a request of upgrade.json: instant, method, path, query, headers, answer and body.
type exchangeRequest []any

// loadUpgrade reads a recording together with what upgrade.json has of it.
func loadUpgrade(folder, name string) (*Recording, error) {
	var r upgradeRecording
	if err := loadJSON(folder, name, &r); err != nil {
		return nil, err
	}
	if len(r.NextBoot) == 0 {
		return &r.Recording, nil
	}
	var disk struct {
		Steps []struct {
			Step     string            `json:"step"`
			Requests []exchangeRequest `json:"requests"`
		} `json:"steps"`
	}
	if err := loadJSON(folder, "upgrade", &disk); err != nil {
		return nil, err
	}
	for _, s := range disk.Steps {
		if !strings.HasPrefix(s.Step, "update-version v"+recordedVersion) {
			continue
		}
		for _, q := range s.Requests {
			if err := r.add(q); err != nil {
				return nil, err
			}
		}
	}
	for _, body := range r.NextBoot {
		r.StatusUpdates = append(r.StatusUpdates, StatusUpdate{Answer: 200, Body: body})
	}
	return &r.Recording, nil
}

// add takes a request of upgrade.json over.
func (r *Recording) add(q exchangeRequest) error {
	if len(q) != 7 {
		return fmt.Errorf("a request of upgrade.json has %d parts", len(q))
	}
	e := Exchange{Method: shownText(q[1]), Path: shownText(q[2]), Query: shownText(q[3]), Body: q[6]}
	for _, h := range listOf(q[4]) {
		if pair := listOf(h); len(pair) == 2 {
			e.Headers = append(e.Headers, [2]string{shownText(pair[0]), shownText(pair[1])})
		}
	}
	answer, _ := q[5].(map[string]any)
	status, _ := answer["status"].(float64)
	e.Answer.Status = int(status)
	if !strings.HasSuffix(e.Path, "/commands/status") {
		r.Requests = append(r.Requests, e)
		return nil
	}
	u := StatusUpdate{Answer: e.Answer.Status}
	for _, c := range listOf(e.Body) {
		if o, ok := c.(map[string]any); ok {
			u.Body = append(u.Body, o)
		}
	}
	r.StatusUpdates = append(r.StatusUpdates, u)
	return nil
}

func shownText(v any) string { s, _ := v.(string); return s }

func listOf(v any) []any { l, _ := v.([]any); return l }

// newUpgrading is a player whose agent has a launcher, and a release for it at the simulator.
func newUpgrading(t *testing.T, d Dialect, release string) *Player {
	t.Helper()
	p := newPlayerWith(t, d, d, harness.Options{Settings: announcing(d) + shortTrial, UnpinnedPort: true, Launcher: true})
	p.register()
	bare := bareZip(t)
	for id, path := range map[string]string{"good": release, "nolauncher": bare} {
		if _, err := p.sim.AddAssetFile(id, path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.sim.AddAsset("notzip", "notzip.zip", strings.NewReader("this is not a zip file at all")); err != nil {
		t.Fatal(err)
	}
	return p
}

// playUpgrade plays one recording to its end, whichever version then runs.
func (p *Player) playUpgrade(name string) comparison {
	recording, err := loadUpgrade(p.folder, name)
	if err != nil {
		return failed(err)
	}
	it, err := p.prepare(recording)
	if err != nil {
		return failed(err)
	}
	ids, err := p.handOut(it, script{})
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), upgradeLimit)
	defer cancel()
	if _, err := p.sim.WaitTerminal(ctx, ids...); err != nil {
		return failed(fmt.Errorf("%w\n%s", err, p.agent.Output()))
	}
	if err := p.passPolls(1); err != nil {
		return failed(err)
	}
	it.to = p.lastSeq()
	p.played = append(p.played, it)
	return func() ([]Difference, error) { return p.compareUpgrade(it) }
}

// assetPath is that of E11.
const assetPath = "/api/oianalytics/oibus/upgrade/asset"

// compareUpgrade compares the reports of the command and the download: what else follows a restart is compared by
// restart-boot-sequence.
func (p *Player) compareUpgrade(it *Played) ([]Difference, error) {
	observed, err := p.Observed(it)
	if err != nil {
		return nil, err
	}
	other := func(e Exchange) bool { return e.Path != assetPath }
	observed.Requests = slices.DeleteFunc(observed.Requests, other)
	theirs, ours := p.normalisers(it)
	expected := Recorded(it.Recording)
	expected.Requests = slices.DeleteFunc(slices.Clone(expected.Requests), other)
	recorded, actual := theirs.Normalise(expected.View()), ours.Normalise(observed.View())
	shareLists(recorded, actual)
	return Compare(recorded, actual), nil
}

// bareZip is a package without a launcher.
func bareZip(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nolauncher.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	entry, err := w.Create("binaries/oibus")
	if err == nil {
		_, err = entry.Write([]byte("NEW OIBUS BINARY"))
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}
