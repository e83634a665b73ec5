package conformance

import (
	"fmt"
	"testing"

	"oibus/testing/harness"
)

func TestUpgradesAreAsRecorded(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus-launcher")
	harness.Shared(t, N.Folder())
	release := harness.Package(t, recordedVersion, harness.BuildVersion(t, recordedVersion), 0)
	for _, d := range []Dialect{N, R} {
		for i, names := range upgradeScenarios[d] {
			t.Run(fmt.Sprintf("dialect %s, agent %d", d, i+1), func(t *testing.T) {
				t.Parallel()
				p := newUpgrading(t, d, release)
				var results []result
				for _, name := range names {
					results = append(results, result{name, p.playUpgrade(name)})
				}
				for _, res := range results {
					res.report(t, d)
				}
			})
		}
	}
}
