package modbus

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"oibus/testing/harness"
)

// counter is the register that counts how often it is read, see server.js.
const counter = 6000

type object = map[string]any

// find returns the id of an object in a list of the agent.
func find(t *testing.T, a *harness.Agent, path, key, value string) string {
	t.Helper()
	var list []object
	if err := a.JSON(t.Context(), http.MethodGet, path, nil, &list); err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if one[key] == value {
			return fmt.Sprint(one["id"])
		}
	}
	t.Fatalf("%s lists no %q", path, value)
	return ""
}

// between makes a South that reads the counter from one device every second, and a North that writes it to another.
func between(t *testing.T, a *harness.Agent, from, to string) {
	t.Helper()
	everySecond := find(t, a, "/api/scan-modes", "name", "Every second")
	settings := func(address string) object {
		return object{"host": "127.0.0.1", "port": portOf(t, address), "connectTimeout": 5000, "networkTimeout": 15000, "retryInterval": 100, "slaveId": 1, "addressOffset": "modbus",
			"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false}
	}
	read := settings(from)
	read["batchQuery"] = false
	var south object
	err := a.JSON(t.Context(), http.MethodPost, "/api/south", object{"name": "from", "type": "modbus", "description": "", "enabled": true, "settings": read, "groups": []any{},
		"items": []any{object{"id": nil, "name": "counter", "enabled": true, "scanModeId": everySecond, "scanModeName": nil, "groupId": nil, "groupName": nil, "syncWithGroup": false,
			"settings": object{"address": strconv.Itoa(counter), "modbusType": "holding-register", "data": object{"dataType": "uint16", "bitIndex": 1, "multiplierCoefficient": 1}}}}}, &south)
	if err != nil {
		t.Fatal(err)
	}
	write := settings(to)
	delete(write, "networkTimeout")
	err = a.JSON(t.Context(), http.MethodPost, "/api/north", object{"name": "to", "type": "modbus", "description": "", "enabled": true, "settings": write,
		"caching": object{"trigger": object{"scanModeId": everySecond, "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": object{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000}, "error": object{"retryInterval": 100, "retryCount": 3, "retentionDuration": 0},
			"archive": object{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{object{"id": "", "transformerId": find(t, a, "/api/transformers/list", "functionName", "time-values-to-modbus"),
			"source":  object{"type": "south", "southId": south["id"], "items": []any{}},
			"options": object{"mapping": []any{object{"pointId": "counter", "address": "77", "modbusType": "register"}}}}}}, &object{})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheAgentHandsOnEveryReadingWhileDevicesComeAndGoSweep has the agent carry a counter from one device to another
// that is killed again and again, while the line to the first one is cut in between.
func TestTheAgentHandsOnEveryReadingWhileDevicesComeAndGoSweep(t *testing.T) {
	t.Parallel()
	rounds := 1
	if sweep() {
		rounds = kills
	}
	from, to := startServer(t), startServer(t)
	line := harness.NewLine(t, from.address())
	a := harness.Start(t, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})
	between(t, a, line.Address, to.address())
	arrived := func(n int) {
		t.Helper()
		harness.Until(t, time.Minute, fmt.Sprintf("%d writes", n), func() bool { return len(to.writes(t)) >= n })
	}
	arrived(2)
	for range rounds {
		to.Kill()
		time.Sleep(1500 * time.Millisecond) // of readings that wait
		line.Cut()
		time.Sleep(time.Second)
		line.Mend()
		to.Restart()
		arrived(len(to.writes(t)) + 3)
	}
	last, twice, gaps := 0, 0, 0
	for _, w := range to.writes(t) {
		n, err := strconv.Atoi(strings.TrimPrefix(w, "register 77 "))
		switch {
		case err != nil || n < last:
			t.Fatalf("behind %d: %s", last, w)
		case n == last:
			twice++
		case n > last+1 && last > 0: // read as the line was cut
			gaps += n - last - 1
		}
		last = n
	}
	if twice > rounds || gaps > rounds {
		t.Errorf("%d writes twice and %d readings lost in %d rounds", twice, gaps, rounds)
	}
	t.Logf("counted to %d, %d writes twice, %d answers cut on their way, in %d rounds", last, twice, gaps, rounds)
}
