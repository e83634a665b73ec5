package conformance

import "testing"

func TestRegisteringIsAsRecorded(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{N, R} {
		t.Run("dialect "+string(d), func(t *testing.T) {
			t.Parallel()
			g := newRegistering(t, d)
			var results []result
			if d == N {
				results = append(results, g.playInitialState())
			} else {
				results = append(results, g.playChangePort())
			}
			if err := g.playRegistration(); err != nil {
				t.Fatalf("%v\n%s", err, g.agent.Output())
			}
			for _, res := range append(results, g.results()...) {
				res.report(t, d)
			}
		})
	}
}

func TestVariantsOfRegisteringAreAsRecorded(t *testing.T) {
	t.Parallel()
	for _, d := range []Dialect{N, R} {
		t.Run("dialect "+string(d), func(t *testing.T) {
			t.Parallel()
			g := newRegistering(t, d)
			if d == R {
				g.playChangePort() // whose recording is compared elsewhere: the configuration says who moved the page
			}
			for _, res := range g.playVariants() {
				res.report(t, d)
			}
		})
	}
}
