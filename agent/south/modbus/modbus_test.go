package modbus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/modbus"
	"oibus/agent/content"
	"oibus/agent/south"
	"oibus/testing/peers/modbus/device"
)

var noon = time.Date(2024, 1, 15, 12, 0, 0, 0, time.UTC)

// kit is a South on a device, and what it emitted.
type kit struct {
	t      *testing.T
	modbus *Modbus
	device *device.Device
	sent   []string // values as name=value
	items  int
	raw    string
	refuse error
	lost   []string
	log    bytes.Buffer
}

func newKit(t *testing.T, changed map[string]any) *kit {
	t.Helper()
	k := &kit{t: t, device: device.New(t)}
	all := map[string]any{"host": k.device.Host, "port": k.device.Port, "connectTimeout": 5000, "networkTimeout": 15000, "retryInterval": 1234, "slaveId": 1, "addressOffset": "modbus",
		"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false, "batchQuery": true, "groupingGap": 0}
	maps.Copy(all, changed)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	k.modbus, err = build(south.Env{Env: connector.Env{ID: "s", Name: "Plant", Settings: raw, Log: slog.New(slog.NewTextHandler(&k.log, nil)),
		Host: connector.Host{Now: func() time.Time { return noon }}},
		Lost: func(reason error, after time.Duration) {
			k.lost = append(k.lost, fmt.Sprintf("%v after %v", reason, after))
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.modbus.Disconnect(context.Background()) })
	return k
}

func (k *kit) connect() {
	k.t.Helper()
	if err := k.modbus.Connect(k.t.Context()); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) emit(_ context.Context, c content.Content, items []south.Item) error {
	if k.refuse != nil {
		return k.refuse
	}
	r, err := c.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	k.raw, k.items = string(raw), len(items)
	var values []struct {
		PointID string
		Data    struct{ Value string }
	}
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	for _, v := range values {
		k.sent = append(k.sent, v.PointID+"="+v.Data.Value)
	}
	if c.Elements != len(values) || len(items) != len(values) || c.Kind != content.TimeValues {
		k.t.Errorf("%d values, announced as %d of kind %s, of %d items", len(values), c.Elements, c.Kind, len(items))
	}
	return nil
}

func item(name, table, address string, data map[string]any) south.Item {
	raw, err := json.Marshal(map[string]any{"address": address, "modbusType": table, "data": data})
	if err != nil {
		panic(err)
	}
	return south.Item{ID: "id-" + name, Name: name, Settings: raw}
}

func register(name, address, kind string) south.Item {
	return item(name, "holding-register", address, map[string]any{"dataType": kind, "bitIndex": 1, "multiplierCoefficient": 1})
}

func (k *kit) read(items ...south.Item) (string, json.RawMessage, error) {
	k.t.Helper()
	k.sent = nil
	last, err := k.modbus.Read(k.t.Context(), south.DirectQuery{Items: items, Emit: k.emit})
	return strings.Join(k.sent, " "), last, err
}

func TestEveryKindOfItemIsRead(t *testing.T) {
	t.Parallel()
	for _, batch := range []any{true, false, "true", nil} {
		k := newKit(t, map[string]any{"batchQuery": batch, "swapWordsInDWords": true})
		k.connect()
		k.device.SetBits(3, true, false, true)
		k.device.SetWords(0x10, 0x1234, 0xffff, 0x3f8c, 0xcccd, 0x7fff, 0xffff, 0xffff, 0xffff)
		got, last, err := k.read(item("coil", "coil", "3", nil), item("input", "discrete-input", "0x4", nil),
			item("word", "input-register", "0x10", map[string]any{"dataType": "uint16", "multiplierCoefficient": "0.5"}),
			register("signed", "17", "int16"), register("float", "18", "float"), register("long", "20", "big-int64"), register("bit", "0x11", "bit"), item("plain", "holding-register", "16", nil))
		want := "coil=1 input=0 word=2330 signed=-1 float=1.100000023841858 long=9223372036854775807 bit=1 plain=4660"
		if err != nil || got != want || string(last) != `{"pointId":"plain","timestamp":"2024-01-15T12:00:00.000Z","data":{"value":"4660"}}` {
			t.Errorf("batch %v: got %s, %s, %v; want %s", batch, got, last, err, want)
		}
		requests := 8
		if batch == true || batch == "true" {
			requests = 4
		}
		if n := k.device.Requests(); n != requests {
			t.Errorf("batch %v: %d requests", batch, n)
		}
		if !strings.Contains(k.raw, `{"pointId":"coil","timestamp":"2024-01-15T12:00:00.000Z","data":{"value":"1"}}`) {
			t.Errorf("got %s", k.raw)
		}
	}
}

func TestJBUSAddressesCountFromOne(t *testing.T) {
	t.Parallel()
	k := newKit(t, map[string]any{"addressOffset": "jbus"})
	k.connect()
	k.device.SetWords(0, 11, 22)
	if got, _, err := k.read(register("a", "1", "uint16"), register("b", "0x2", "uint16")); err != nil || got != "a=11 b=22" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestWhatADeviceRefusesCostsNoOtherItemItsValue(t *testing.T) {
	t.Parallel()
	k := newKit(t, map[string]any{"groupingGap": 100})
	k.connect()
	k.device.Refuse(func(_ byte, address, count int) byte {
		if address <= 55 && address+count > 55 { // nor what spans it
			return 2
		}
		return 0
	})
	var items []south.Item
	for i := range 40 {
		items = append(items, register(fmt.Sprint("r", i), fmt.Sprint(40+i), "uint16"))
	}
	items = append(items, item("odd", "register", "1", nil), register("far", "70000", "uint16"), register("end", "65535", "uint32"))
	got, last, err := k.read(items...)
	if err != nil || last == nil || strings.Count(got, "=") != 39 || strings.Contains(got, "r15=") {
		t.Errorf("got %s, %v", got, err)
	}
	if n := k.device.Requests(); n > 15 {
		t.Errorf("%d requests to find one bad register", n)
	}
	for _, want := range []string{`r15\": A Modbus Exception Occurred - See Response Body: the device does not have the address (exception 2 of function 3)`, `Wrong Modbus type \\\"register\\\" for point \\\"odd\\\"`, `far\": InvalidStartAddress`, `end\": InvalidStartAddress`} {
		if strings.Count(k.log.String(), strings.ReplaceAll(want, `\\\"`, `\"`)) != 1 {
			t.Errorf("%s is not logged once:\n%s", want, k.log.String())
		}
	}
	k.log.Reset()
	if _, _, err := k.read(items...); err != nil || k.log.Len() != 0 || len(k.lost) != 0 {
		t.Errorf("again: %v, logged %s, lost %v", err, k.log.String(), k.lost)
	}
	k.device.Refuse(nil)
	if got, _, err := k.read(items...); err != nil || strings.Count(got, "=") != 40 {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAUnitWithoutAnyValueIsAnError(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	for code, requests := range map[byte]int{1: 1, 2: 3, 6: 1, 11: 1} {
		k.device.Refuse(func(byte, int, int) byte { return code })
		got, _, err := k.read(register("a", "1", "uint16"), register("b", "2", "uint16"))
		if err == nil || !strings.HasPrefix(err.Error(), "A Modbus Exception Occurred - See Response Body") || got != "" || len(k.lost) != 0 {
			t.Errorf("code %d: got %s, %v, lost %v", code, got, err, k.lost)
		}
		if n := k.device.Requests(); n != requests {
			t.Errorf("code %d: %d requests", code, n)
		}
	}
	k.device.Refuse(nil)
	if _, _, err := k.read(register("a", "x", "uint16")); err == nil || err.Error() != `InvalidStartAddress: "x" is no address` {
		t.Errorf("got %v", err)
	}
	if _, _, err := k.read(register("a", "1", "word")); err == nil || err.Error() != `unknown data type "word"` {
		t.Errorf("got %v", err)
	}
}

func TestWhatWasReadBeforeTheConnectionBrokeIsKept(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	k.device.Refuse(func(_ byte, address, _ int) byte {
		if address == 500 {
			return device.HangUp
		}
		return 0
	})
	k.device.SetWords(1, 7)
	got, last, err := k.read(register("a", "1", "uint16"), register("b", "500", "uint16"))
	if !errors.Is(err, modbus.ErrClosed) || last != nil || got != "a=7" || len(k.lost) != 1 || k.lost[0] != "connection to modbus server closed after 1.234s" {
		t.Errorf("got %q, %v, lost %v", got, err, k.lost)
	}
	if got, _, err := k.read(register("a", "1", "uint16")); err != nil || got != "a=7" {
		t.Errorf("after it: %s, %v", got, err)
	}
}

func TestAConnectionThatCannotBeMadeIsTriedAgain(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	if _, _, err := k.read(register("a", "1", "uint16")); err == nil || err.Error() != "Could not read address: Modbus client not set" {
		t.Errorf("got %v", err)
	}
	k.lost = nil
	k.device.Stop()
	want := fmt.Sprintf("Please check host and port: connect ECONNREFUSED 127.0.0.1:%d", k.device.Port)
	if err := k.modbus.Connect(t.Context()); err == nil || err.Error() != want || len(k.lost) != 1 || k.lost[0] != want+" after 1.234s" {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
	if _, err := k.modbus.Test(t.Context()); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestNothingCountsAsReadThatNobodyTook(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	k.refuse = errors.New("no north wants it")
	if _, last, err := k.read(register("a", "1", "uint16")); !errors.Is(err, k.refuse) || last != nil || len(k.lost) != 0 {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
}

func TestEditedItemsAreReadAsTheyAreNow(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	k.device.SetWords(1, 10, 20)
	if got, _, err := k.read(register("a", "1", "uint16")); err != nil || got != "a=10" {
		t.Errorf("got %s, %v", got, err)
	}
	if got, _, err := k.read(register("a", "2", "uint16")); err != nil || got != "a=20" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestTheTestsTellWhatTheyFound(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	report, err := k.modbus.Test(t.Context())
	raw, _ := json.Marshal(report)
	if want := fmt.Sprintf(`{"items":[{"key":"RemoteAddress","value":"127.0.0.1:%d"}]}`, k.device.Port); err != nil || string(raw) != want {
		t.Errorf("got %s, %v", raw, err)
	}
	k.device.SetWords(5, 42)
	result, err := k.modbus.TestItem(t.Context(), south.TestRequest{Item: register("r", "5", "uint16")})
	if err != nil {
		t.Fatal(err)
	}
	r, err := result.Content.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if want := `[{"pointId":"r","timestamp":"2024-01-15T12:00:00.000Z","data":{"value":"42"}}]`; err != nil || string(text) != want || result.Connection <= 0 || result.Query <= 0 {
		t.Errorf("got %s, %v", text, err)
	}
	k.device.Refuse(func(byte, int, int) byte { return 2 })
	if _, err := k.modbus.TestItem(t.Context(), south.TestRequest{Item: register("r", "5", "uint16")}); err == nil || !strings.HasPrefix(err.Error(), "A Modbus Exception Occurred - See Response Body: ") {
		t.Errorf("got %v", err)
	}
	if _, err := k.modbus.TestItem(t.Context(), south.TestRequest{Item: item("r", "word", "5", nil)}); err == nil || err.Error() != `Wrong Modbus type "word" for point "r"` {
		t.Errorf("got %v", err)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{}`, `{"host":5}`, `{"host":"h","port":"x"}`} {
		if _, err := build(south.Env{Env: connector.Env{Settings: json.RawMessage(raw)}}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}
