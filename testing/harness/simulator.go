package harness

import (
	"testing"

	"oibus/testing/cloudsim"
)

// Simulator starts a simulator of OIAnalytics, which ends with the test.
func Simulator(t testing.TB, o cloudsim.Options) *cloudsim.Sim {
	t.Helper()
	sim, err := cloudsim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return sim
}
