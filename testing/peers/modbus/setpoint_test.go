package modbus

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"time"

	"oibus/testing/cloudsim"
	"oibus/testing/harness"
)

// TestNoSetpointIsWrittenTwiceThoughTheAgentIsKilledSweep has the cloud order values that an agent, which is killed again
// and again, writes to a device. What was not written has to be in the error folder, where a person sees it.
func TestNoSetpointIsWrittenTwiceThoughTheAgentIsKilledSweep(t *testing.T) {
	t.Parallel()
	values, deaths := 60, 3
	if sweep() {
		values, deaths = 1000, 40
	}
	device := startServer(t)
	a := harness.Start(t, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})
	sim := harness.Simulator(t, cloudsim.Options{})
	known := a.RegisterWith(sim, harness.RegistrationForm(sim.URL()))
	id := setpoints(t, a, device.address())

	var ids []string
	for i := range values {
		queued, err := sim.Queue(known.ID, object{"type": "setpoint", "northConnectorId": id,
			"commandContent": []object{{"reference": "speed", "value": strconv.Itoa(i)}}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, queued...)
	}
	for death := range deaths {
		goal := (death + 1) * values / (deaths + 1)
		harness.Until(t, 2*time.Minute, fmt.Sprintf("about %d values are written", goal), func() bool { return len(device.writes(t)) >= goal-deaths })
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond) // anywhere
		a.Kill()
		a.Start()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	ended, err := sim.WaitTerminal(ctx, ids...)
	if err != nil {
		t.Fatal(err)
	}
	ordered := 0
	for _, c := range ended {
		if c.Status == "COMPLETED" {
			ordered++
		}
	}
	written, refused := 0, 0
	harness.Until(t, 2*time.Minute, "each value is written or refused", func() bool {
		var waiting int
		var ok bool
		waiting, refused, ok = cached(t, a, id)
		written = len(device.writes(t))
		return ok && waiting == 0 && written+refused >= ordered
	})
	seen := map[string]bool{}
	for _, w := range device.writes(t) {
		if seen[w] {
			t.Errorf("%s was written twice", w)
		}
		seen[w] = true
	}
	if written+refused < ordered || refused > deaths {
		t.Errorf("of %d values that were ordered, %d were written and %d refused", ordered, written, refused)
	}
	if values-ordered > deaths {
		t.Errorf("%d of %d commands failed", values-ordered, values)
	}
	t.Logf("%d commands, %d of them interrupted; %d values written once, %d in the error folder after %d kills", values, values-ordered, written, refused, deaths)
}

// setpoints makes a North that writes what the cloud orders to a register of a device.
func setpoints(t *testing.T, a *harness.Agent, address string) (id string) {
	t.Helper()
	var made object
	err := a.JSON(t.Context(), http.MethodPost, "/api/north", object{"name": "device", "type": "modbus", "description": "", "enabled": true,
		"settings": object{"host": "127.0.0.1", "port": portOf(t, address), "connectTimeout": 5000, "retryInterval": 100, "slaveId": 1, "addressOffset": "modbus",
			"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false},
		"caching": object{"trigger": object{"scanModeId": find(t, a, "/api/scan-modes", "name", "Every second"), "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": object{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000}, "error": object{"retryInterval": 100, "retryCount": 3, "retentionDuration": 0},
			"archive": object{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{object{"id": "", "transformerId": find(t, a, "/api/transformers/list", "functionName", "setpoint-to-modbus"),
			"source":  object{"type": "oianalytics-setpoint"},
			"options": object{"mapping": []any{object{"reference": "speed", "address": "77", "modbusType": "register"}}}}}}, &made)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(made["id"])
}

// cached is how many contents wait in the cache of a North, and are in its error folder; ok is false while it starts.
func cached(t *testing.T, a *harness.Agent, id string) (waiting, refused int, ok bool) {
	t.Helper()
	var found struct{ Cache, Error []object }
	answer, err := a.Do(t.Context(), http.MethodGet, "/api/north/"+id+"/cache/search?maxNumberOfFilesReturned=10000", nil)
	if err != nil || answer.Status != http.StatusOK {
		return 0, 0, false
	}
	if err := json.Unmarshal(answer.Body, &found); err != nil {
		t.Fatal(err)
	}
	return len(found.Cache), len(found.Error), true
}
