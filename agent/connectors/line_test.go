package connectors

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"

	"oibus/agent/entity"
)

func FuzzTheShortWayReadsWhatEncodingJSONReads(f *testing.F) {
	n, s := 3600.5, entity.Newest
	full := entity.SouthItem{
		Audit: entity.Audit{ID: "a1B2c3", CreatedBy: "u", UpdatedBy: "u", CreatedAt: "x", UpdatedAt: "y"}, Name: "é", Enabled: true,
		Settings: json.RawMessage(`{"a":[1,{"b":"}\"]"}]}`), ScanModeID: "m", GroupID: "g", SyncWithGroup: true,
		History: entity.History{MaxReadInterval: &n, ReadDelay: &n, StartTimeOffset: &n, EndTimeOffset: &n, RecoveryStrategy: &s},
	}
	for _, i := range []entity.SouthItem{full, {Settings: json.RawMessage(`{}`)}, {Name: "a\"b", Settings: json.RawMessage(`{"x":null}`)}} {
		line, err := json.Marshal(itemsRecord{Put: []entity.SouthItem{i}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"drop":["a"]}`))
	f.Add([]byte(`{"put":[{"id":"a","id":"b"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if !json.Valid(line) || !utf8.Valid(line) {
			t.Skip() // a line has a checksum: what is read was written by encoding/json
		}
		var short, long itemsRecord
		err := json.Unmarshal(line, &long)
		if readLine(line, &short) != (err == nil) {
			t.Fatalf("the short way and encoding/json differ: %v", err)
		}
		if err == nil && !sameRecord(short, long) {
			t.Fatalf("%+v, encoding/json reads %+v", short, long)
		}
	})
}

func sameRecord(a, b itemsRecord) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y) || reflect.DeepEqual(a, b)
}

func TestALineAsItIsWrittenTakesTheShortWay(t *testing.T) {
	t.Parallel()
	k := newBench(t, "N")
	south := k.makeSouth(folder("F", folderItem("i", "maxReadInterval", 5, "recoveryStrategy", "newest")))
	line := body(t, itemsRecord{Put: south.Items})
	var item entity.SouthItem
	s := lineScanner{rest: line[len(`{"put":[{`):]}
	if !s.item(&item) || string(s.rest) != "]}" || !reflect.DeepEqual(item, south.Items[0]) {
		t.Errorf("%s\nis read as\n%+v, rest %q", line, item, s.rest)
	}
}
