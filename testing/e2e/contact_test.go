package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"oibus/launcher/handover"
	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

func TestTheInstallerIsToldOfAnAnswerOnceTheDiskTakesIt(t *testing.T) {
	t.Parallel()
	a := harness.New(t, harness.Options{Settings: "[oianalytics]\ncommand_refresh_interval = 1\n"})
	inTheWay := filepath.Join(a.Dir, "launcher.contact.json")
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	a.Start()
	sim := harness.Simulator(t, cloudsim.Options{})
	a.RegisterWith(sim, harness.RegistrationForm(sim.URL()))
	harness.Until(t, patience, "the refusal is logged", func() bool {
		var found struct {
			TotalElements int `json:"totalElements"`
		}
		must(t, a.Client, "GET", "/api/logs?levels=warn&messageContent=installer+cannot+be+told", nil, &found)
		return found.TotalElements == 1
	})
	if err := os.RemoveAll(inTheWay); err != nil {
		t.Fatal(err)
	}
	harness.Until(t, patience, "the installer is told", func() bool {
		c, there, err := handover.ReadContact(a.Dir)
		return err == nil && there && !c.At.IsZero()
	})
}
