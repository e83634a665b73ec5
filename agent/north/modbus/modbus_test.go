package modbus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/modbus"
	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/testing/peers/modbus/device"
)

type kit struct {
	t      *testing.T
	modbus *Modbus
	device *device.Device
	lost   []string
}

func newKit(t *testing.T, changed map[string]any) *kit {
	t.Helper()
	k := &kit{t: t, device: device.New(t)}
	all := map[string]any{"host": k.device.Host, "port": k.device.Port, "connectTimeout": 5000, "retryInterval": 1234, "slaveId": 1, "addressOffset": "modbus",
		"endianness": "big-endian", "swapBytesInWords": false, "swapWordsInDWords": false}
	maps.Copy(all, changed)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	k.modbus, err = build(north.Env{Env: connector.Env{ID: "n", Name: "Plant", Settings: raw},
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

func (k *kit) send(text string) error {
	return k.modbus.Send(k.t.Context(), north.Delivery{Kind: content.Modbus, Size: int64(len(text)), Created: time.Unix(1, 0),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }})
}

func (k *kit) wrote(want ...device.Write) {
	k.t.Helper()
	if got := k.device.Writes(); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
		k.t.Errorf("wrote %v, want %v", got, want)
	}
}

func w(function byte, address, value int) device.Write {
	return device.Write{Function: function, Address: address, Value: value}
}

func coilOf(address, value string) string {
	return `{"address":"` + address + `","value":` + value + `,"modbusType":"coil"}`
}

func registerOf(address, value string) string {
	return `{"address":"` + address + `","value":` + value + `,"modbusType":"register"}`
}

func list(elements ...string) string { return "[" + strings.Join(elements, ",") + "]" }

func TestValuesAreWrittenInOrder(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	if err := k.send(list(coilOf("0x0010", "true"), registerOf("0x0020", "1450"), coilOf("17", "0"), coilOf("17", `"false"`), coilOf("18", `""`), coilOf("19", "false"), registerOf("65535", "65535"), registerOf("0", "1e3"), `{"address":7,"value":0,"modbusType":"register"}`)); err != nil {
		t.Fatal(err)
	}
	k.wrote(w(5, 16, 0xff00), w(6, 32, 1450), w(5, 17, 0), w(5, 17, 0xff00), w(5, 18, 0), w(5, 19, 0), w(6, 65535, 65535), w(6, 0, 1000), w(6, 7, 0))
	if err := k.send("[]"); err != nil {
		t.Error(err)
	}
	k.wrote()
}

func TestTheOrderOfBytesAndTheOffsetCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		endianness string
		swap       bool
		want       int
	}{{"big-endian", false, 0x1234}, {"big-endian", true, 0x3412}, {"little-endian", false, 0x3412}, {"little-endian", true, 0x1234}} {
		k := newKit(t, map[string]any{"endianness": c.endianness, "swapBytesInWords": c.swap, "swapWordsInDWords": true, "addressOffset": "jbus"})
		k.connect()
		if err := k.send(list(registerOf("1", fmt.Sprint(0x1234)))); err != nil {
			t.Error(err)
		}
		k.wrote(w(6, 0, c.want))
	}
}

func TestWhatCannotBeWrittenKeepsNothingElseFromBeingWritten(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	for element, want := range map[string]string{
		registerOf("1", "65536"):                        "InvalidValue: register 1 cannot be set to 65536",
		registerOf("1", "-1"):                           "InvalidValue: register 1 cannot be set to -1",
		registerOf("1", "1.5"):                          "InvalidValue: register 1 cannot be set to 1.5",
		registerOf("1", "null"):                         "InvalidValue: register 1 cannot be set to null",
		registerOf("1", `"12"`):                         `InvalidValue: register 1 cannot be set to "12"`,
		registerOf("65536", "1"):                        `InvalidStartAddress: "65536" is not within the 65536 addresses of a device`,
		coilOf("1", "null"):                             "InvalidValue: coil 1 cannot be set to null",
		`{"address":"9","value":1,"modbusType":"word"}`: `Wrong Modbus type "word" for address 9`,
		`{"address":"9","modbusType":"register"}`:       "InvalidValue: register 9 cannot be set to nothing",
		`{"value":1,"modbusType":"register"}`:           `InvalidStartAddress: "" is no address`,
		`7`:                                             "cannot read what to write: it is no object with an address, a value and a type",
	} {
		text := list(registerOf("5", "5"), element, registerOf("6", "6"))
		for attempt := range 3 {
			err := k.send(text)
			if _, isAgain := north.IsAgain(err); err == nil || err.Error() != want || isAgain {
				t.Errorf("%s: got %v", element, err)
			}
			if attempt == 0 {
				k.wrote(w(6, 5, 5), w(6, 6, 6))
			}
			k.wrote()
		}
	}
	if err := k.send(list(registerOf("1", "-1"), registerOf("2", "-1"))); err == nil || !strings.HasSuffix(err.Error(), "-1 (and 1 more)") {
		t.Errorf("got %v", err)
	}
	if err := k.send("[" + registerOf("1", "1")); err == nil {
		t.Error("half an array was taken")
	}
	if len(k.lost) != 0 {
		t.Errorf("lost %v", k.lost)
	}
}

func TestARefusalIsTriedAgainFromWhereItWas(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	k.connect()
	text := list(registerOf("1", "1"), registerOf("2", "2"), registerOf("3", "3"))
	for code, answer := range map[byte]bool{1: true, 2: true, 3: true, 4: true, 6: false, 11: false} {
		k.device.Refuse(func(_ byte, address, _ int) byte {
			if address == 2 {
				return code
			}
			return 0
		})
		for attempt := range 2 {
			err := k.send(text)
			again, ok := north.IsAgain(err)
			if !ok || again.Answer != answer || !strings.HasPrefix(err.Error(), "ModbusException - A Modbus Exception Occurred - See Response Body: ") || !strings.HasSuffix(err.Error(), ", writing register 2") {
				t.Errorf("code %d: got %v, %+v", code, err, again)
			}
			if attempt == 0 {
				k.wrote(w(6, 1, 1))
			}
			k.wrote()
		}
		k.device.Refuse(nil)
		if err := k.send(list(registerOf("1", "1"), registerOf("2", "2"), registerOf("4", "4"))); err != nil { // another content
			t.Error(err)
		}
		k.wrote(w(6, 1, 1), w(6, 2, 2), w(6, 4, 4))
	}
	k.device.Refuse(func(_ byte, address, _ int) byte {
		if address == 3 {
			return 2
		}
		return 0
	})
	if err := k.send(text); err == nil {
		t.Error("no error")
	}
	k.device.Refuse(nil)
	if err := k.send(text); err != nil {
		t.Error(err)
	}
	k.wrote(w(6, 1, 1), w(6, 2, 2), w(6, 3, 3))
	if err := k.send(text); err != nil { // the same once more, which is another content now
		t.Error(err)
	}
	k.wrote(w(6, 1, 1), w(6, 2, 2), w(6, 3, 3))
	if len(k.lost) != 0 {
		t.Errorf("lost %v", k.lost)
	}
}

func TestABrokenConnectionIsTriedAgainFromWhereItWas(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	if err := k.send("[]"); err == nil || err.Error() != "Modbus client not set. The connector cannot write values" {
		t.Errorf("got %v", err)
	}
	k.connect()
	k.device.Refuse(func(_ byte, address, _ int) byte {
		if address == 2 {
			return device.HangUp
		}
		return 0
	})
	text := list(registerOf("1", "1"), registerOf("2", "2"))
	err := k.send(text)
	again, ok := north.IsAgain(err)
	if want := "Offline - connection to modbus server closed, writing register 2"; !ok || again.Answer || err.Error() != want || len(k.lost) != 1 || k.lost[0] != want+" after 1.234s" {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
	k.wrote(w(6, 1, 1))
	k.device.Refuse(nil)
	if err := k.modbus.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	k.connect()
	if err := k.send(text); err != nil {
		t.Error(err)
	}
	k.wrote(w(6, 2, 2))
	k.device.Silence(true)
	slow, device := *k.modbus, *k.modbus.Device
	device.Options.RequestTimeout = 100 * time.Millisecond
	device.Link = modbus.NewLink(device.Options)
	slow.Device = &device
	if err := slow.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = (&kit{t: t, modbus: &slow}).send(text)
	if _, ok := north.IsAgain(err); !ok || err.Error() != "Timeout - Req timed out, writing register 1" {
		t.Errorf("got %v", err)
	}
}

func TestTheTestTellsWhereItConnected(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	report, err := k.modbus.Test(t.Context())
	raw, _ := json.Marshal(report)
	if want := fmt.Sprintf(`{"items":[{"key":"RemoteAddress","value":"127.0.0.1:%d"}]}`, k.device.Port); err != nil || string(raw) != want {
		t.Errorf("got %s, %v", raw, err)
	}
	k.device.Stop()
	want := fmt.Sprintf("Please check host and port: connect ECONNREFUSED 127.0.0.1:%d", k.device.Port)
	if _, err := k.modbus.Test(t.Context()); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := k.modbus.Connect(t.Context()); err == nil || err.Error() != want || len(k.lost) != 1 {
		t.Errorf("got %v, lost %v", err, k.lost)
	}
}

// FuzzParse understands any element: it neither panics nor takes what no device could.
func FuzzParse(f *testing.F) {
	f.Add([]byte(registerOf("0x10", "5")))
	f.Add([]byte(coilOf("1", `"on"`)))
	f.Add([]byte(`{"address":[],"value":{}}`))
	m := &Modbus{Device: &modbus.Device{}}
	f.Fuzz(func(t *testing.T, element []byte) {
		if c, err := m.parse(element); err == nil && c.kind != coil && c.kind != register {
			t.Errorf("%s was taken as %+v", element, c)
		}
	})
}
