package conformance

import (
	"testing"

	"oibus/testing/harness"
)

func TestTheNorthOIAnalyticsSendsWhatIsRecorded(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	p := newPlant(t, N)
	p.rename = renamer(N, &Translator{})
	p.register()
	if err := p.catchUp(); err != nil {
		t.Fatalf("catching up: %v", err)
	}
	if err := p.bringNorths(trafficNorths, handedOver["two-norths"].norths...); err != nil {
		t.Fatal(err)
	}
	var parts []traffic
	if err := loadJSON(p.folder, northTraffic, &parts); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if why := unplayedParts[part.Name]; why != "" {
			t.Logf("%s is not played: %s", part.Name, why)
			continue
		}
		if handedOver[part.Name].source == "" {
			t.Errorf("the part %q is neither played nor named", part.Name)
			continue
		}
		result{part.Name, p.playTraffic(part)}.report(t, N)
	}
}

func TestTheLogsOfConnectorsAreAsRecorded(t *testing.T) {
	t.Parallel()
	harness.Program(t, "oibus")
	p := newPlant(t, R)
	p.rename = renamer(R, &Translator{})
	p.register()
	if err := p.catchUp(); err != nil {
		t.Fatalf("catching up: %v", err)
	}
	result{connectorLogs, p.playConnectorLogs()}.report(t, R)
}
