package opcua

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"

	"oibus/agent/connector"
	"oibus/agent/connector/opcua/wire"
)

func variant(t *testing.T, v any) *ua.Variant {
	t.Helper()
	made, err := ua.NewVariant(v)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestValuesHaveTheTextsOfTheReference(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		text  string
	}{
		{true, "1"}, {false, "0"}, {int8(-1), "-1"}, {uint8(255), "255"}, {int64(math.MinInt64), "-9223372036854775808"}, {uint64(math.MaxUint64), "18446744073709551615"},
		{float32(1.1), "1.100000023841858"}, {1e21, "1e+21"}, {1e-7, "1e-7"}, {123456789.25, "123456789.25"}, {math.NaN(), "NaN"}, {math.Inf(-1), "-Infinity"}, {math.Copysign(0, -1), "0"},
		{"text", "text"}, {"cut\x00off", "cut"}, {"", ""}, {time.Date(2024, 1, 2, 3, 4, 5, 6_000_000, time.UTC), "2024-01-02T03:04:05.006Z"}, {time.Time{}, ""},
		{[]byte{1, 0xab}, "01ab"}, {[]int32{1, 2}, "1,2"}, {[][]float64{{1, 2}, {3, 4}}, "1,2,3,4"}, {[]string{"a", "b"}, "a,b"}, {[]bool{true, false}, "1,0"},
		{ua.NewLocalizedText("x"), ""}, {&ua.QualifiedName{Name: "x"}, ""}, {ua.StatusOK, ""}, {[]int32{}, ""},
	} {
		if got := Text(variant(t, c.value)); got != c.text {
			t.Errorf("%v (%T): got %q, want %q", c.value, c.value, got, c.text)
		}
	}
	if Text(nil) != "" || Text(&ua.Variant{}) != "" {
		t.Error("nothing has a text")
	}
}

func TestValuesAreCoercedToTheTypeOfTheNode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw  string
		kind ua.TypeID
		text string // "!" for an error
	}{
		{`12.7`, ua.TypeIDInt16, "12"}, {`"12.7"`, ua.TypeIDUint32, "12"}, {`"-1"`, ua.TypeIDUint16, "!"}, {`300`, ua.TypeIDByte, "!"}, {`"300"`, ua.TypeIDSByte, "!"},
		{`9007199254740993`, ua.TypeIDInt64, "9007199254740993"}, {`"18446744073709551616"`, ua.TypeIDUint64, "!"}, {`1e3`, ua.TypeIDInt32, "1000"}, {`1e300`, ua.TypeIDInt64, "!"},
		{`true`, ua.TypeIDInt32, "1"}, {`"0x10"`, ua.TypeIDInt32, "!"}, {`""`, ua.TypeIDInt32, "!"}, {`null`, ua.TypeIDInt32, "!"}, {`{}`, ua.TypeIDString, "!"},
		{`"true"`, ua.TypeIDBoolean, "1"}, {`"FALSE"`, ua.TypeIDBoolean, "0"}, {`1`, ua.TypeIDBoolean, "1"}, {`2`, ua.TypeIDBoolean, "!"}, {`"yes"`, ua.TypeIDBoolean, "!"},
		{`"1.5"`, ua.TypeIDFloat, "1.5"}, {`1e39`, ua.TypeIDFloat, "!"}, {`1e39`, ua.TypeIDDouble, "1e+39"}, {`"NaN"`, ua.TypeIDDouble, "NaN"}, {`"inf"`, ua.TypeIDDouble, "!"}, {`"0x1p4"`, ua.TypeIDDouble, "!"},
		{`12.50`, ua.TypeIDString, "12.50"}, {`"x"`, ua.TypeIDString, "x"}, {`true`, ua.TypeIDString, "true"},
		{`"2024-01-15T10:00:00.000Z"`, ua.TypeIDDateTime, "2024-01-15T10:00:00.000Z"}, {`1705312800000`, ua.TypeIDDateTime, "2024-01-15T10:00:00.000Z"}, {`"yesterday"`, ua.TypeIDDateTime, "!"}, {`"9999-01-01T00:00:00Z"`, ua.TypeIDDateTime, "!"},
		{`"00ff"`, ua.TypeIDByteString, "00ff"}, {`"xyz"`, ua.TypeIDByteString, "!"}, {`[1,"2"]`, ua.TypeIDInt32, "1,2"}, {`[1,"x"]`, ua.TypeIDInt32, "!"}, {`[[1]]`, ua.TypeIDInt32, "!"},
		{`"x"`, ua.TypeIDExtensionObject, "!"},
	} {
		v, err := Coerce(json.RawMessage(c.raw), c.kind)
		switch {
		case c.text == "!":
			if err == nil {
				t.Errorf("%s as %s: got %v, want an error", c.raw, c.kind, v.Value())
			}
		case err != nil:
			t.Errorf("%s as %s: %v", c.raw, c.kind, err)
		case v.Type() != c.kind || Text(v) != c.text:
			t.Errorf("%s as %s: got %q of type %s, want %q", c.raw, c.kind, Text(v), v.Type(), c.text)
		}
	}
}

func TestNodeIdsAreReadInAllTheirForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"i=85": "i=85", "ns=3;i=1001": "ns=3;i=1001", " ns=1;s=a;b=c ": "ns=1;s=a;b=c", "ns=2;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63": "ns=2;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63",
		"ns=4;b=AQID": "ns=4;b=AQID", "ns=300;i=65535": "ns=300;i=65535",
		"": "", "Speed": "", "ns=x;i=1": "", "ns=70000;i=1": "", "i=5000000000": "", "ns=1;g=1": "", "nsu=urn:x;i=1": "", "ns=1": "",
	} {
		node, err := ParseNode(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is taken as %s", text, node)
		case want != "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && node.String() != want:
			t.Errorf("%q: got %s", text, node)
		}
	}
}

func TestStatusCodesHaveTheNamesOfTheStandard(t *testing.T) {
	t.Parallel()
	for code, name := range map[ua.StatusCode]string{
		0: "Good", ua.StatusBadNodeIDUnknown: "BadNodeIdUnknown", ua.StatusUncertain: "Uncertain", ua.StatusBadTCPMessageTooLarge: "BadTcpMessageTooLarge", ua.StatusBadServerURIInvalid: "BadServerUriInvalid",
		0x401: "Good#InfoTypeDataValue|HistorianCalculated", ua.StatusUncertainInitialValue | 0x480: "UncertainInitialValue#InfoTypeDataValue|Overflow", 0x8fff0000: "0x8FFF0000",
	} {
		if got := StatusName(code); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}

// memory remembers in memory.
type memory map[string]json.RawMessage

func (m memory) Get(key string) (json.RawMessage, bool) { v, ok := m[key]; return v, ok }
func (m memory) Set(changes map[string]json.RawMessage) error {
	for k, v := range changes {
		m[k] = v
	}
	return nil
}

func TestAChangedCertificateIsToldOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := memory{}
	see := func(url, certificate string) string {
		log.Reset()
		trust{memory: m, url: url, log: slog.New(slog.NewTextHandler(&log, nil))}.meet([]byte(certificate))
		return log.String()
	}
	if got := see("a", "one"); !strings.Contains(got, "INFO") || strings.Contains(got, "WARN") {
		t.Errorf("the first one: %s", got)
	}
	if got := see("a", "one"); got != "" {
		t.Errorf("the same: %s", got)
	}
	if got := see("a", "two"); !strings.Contains(got, "WARN") {
		t.Errorf("another: %s", got)
	}
	if got := see("a", "two"); got != "" {
		t.Errorf("the other again: %s", got)
	}
	if got := see("b", "three"); strings.Contains(got, "WARN") {
		t.Errorf("that of another server: %s", got)
	}
	trust{log: slog.New(slog.NewTextHandler(&log, nil))}.meet([]byte("x")) // in a test there is no memory
}

func TestSettingsThatCannotWorkAreTold(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"url":"opc.tcp://h:1"}`: "",
		`{"url":"opc.tcp://h:1","securityMode":"none","securityPolicy":"none"}`:                "",
		`{"url":"opc.tcp://h:1","securityMode":"none","securityPolicy":"basic192"}`:            "",
		`{"url":"opc.tcp://h:1","securityMode":"sign","securityPolicy":"basic256-sha256"}`:     "",
		`{"url":"opc.tcp://h:1","securityMode":"sign"}`:                                        "invalid securityPolicy",
		`{"url":"opc.tcp://h:1","securityMode":"sign","securityPolicy":"none"}`:                "invalid securityPolicy : none",
		`{"url":"opc.tcp://h:1","securityMode":"sign","securityPolicy":"basic192"}`:            "none of those that protect",
		`{"url":"opc.tcp://h:1","securityMode":"sign","securityPolicy":"pub-sub-aes-128-ctr"}`: "none of those that protect",
		`{"url":"http://h:1"}`: "must begin with opc.tcp",
		`{"url":"opc.tcp://h:1","authentication":{"type":"magic"}}`: "unknown type of authentication",
		`{"url":"opc.tcp://h:1","securityMode":"loud"}`:             "invalid securityMode",
	} {
		var s Settings
		if err := json.Unmarshal([]byte(raw), &s); err != nil {
			t.Fatal(err)
		}
		_, err := New(connector.Env{}, s, time.Second)
		if got := ""; err != nil {
			got = err.Error()
			if want == "" || !strings.Contains(got, want) {
				t.Errorf("%s: got %s, want %s", raw, got, want)
			}
		} else if want != "" {
			t.Errorf("%s: is taken", raw)
		}
	}
}

func TestSecurityWithoutAnIdentityIsToldClearly(t *testing.T) {
	t.Parallel()
	c, err := New(connector.Env{}, Settings{URL: "opc.tcp://127.0.0.1:1", SecurityMode: "sign", SecurityPolicy: "basic256-sha256"}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "only the security mode none works") {
		t.Errorf("got %v", err)
	}
}

// server is a Limited that answers with a function.
type server struct {
	most   int
	answer func(ua.Request) (ua.Response, error)
}

func (s *server) Do(_ context.Context, r ua.Request) (ua.Response, error) { return s.answer(r) }
func (s *server) Limit(context.Context, Operation) (int, error)           { return s.most, nil }
func (s *server) Reduce(_ Operation, most int)                            { s.most = most }

func TestBatchesShrinkToWhatTheServerTakes(t *testing.T) {
	t.Parallel()
	s := &server{most: 100}
	var sizes []int
	done := 0
	err := Batches(t.Context(), s, Reading, 250, func(from, to int) error {
		if to-from > 30 {
			return &wire.StatusError{Status: ua.StatusBadTooManyOperations}
		}
		if from != done {
			t.Fatalf("%d was left out", done)
		}
		done = to
		sizes = append(sizes, to-from)
		return nil
	})
	if err != nil || done != 250 || s.most != 25 {
		t.Errorf("%v, %v, limit %d", err, sizes, s.most)
	}
	wrong := errors.New("gone")
	if err := Batches(t.Context(), s, Reading, 3, func(int, int) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	calls := 0
	err = Batches(t.Context(), s, Reading, 3, func(int, int) error {
		calls++
		return Final(&wire.StatusError{Status: ua.StatusBadTooManyOperations})
	})
	if err == nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestOneValueThatCannotBeDecodedCostsNoOther(t *testing.T) {
	t.Parallel()
	s := &server{most: 1000, answer: func(r ua.Request) (ua.Response, error) {
		request := r.(*ua.ReadRequest)
		response := &ua.ReadResponse{}
		for _, n := range request.NodesToRead {
			if n.NodeID.IntID() == 7 {
				return nil, &wire.DecodeError{Err: errors.New("too long")}
			}
			response.Results = append(response.Results, &ua.DataValue{Value: variant(t, n.NodeID.IntID())})
		}
		return response, nil
	}}
	var nodes []*ua.NodeID
	for i := range 20 {
		nodes = append(nodes, ua.NewNumericNodeID(1, uint32(i)))
	}
	values, err := Read(t.Context(), s, nodes, ua.AttributeIDValue, ua.TimestampsToReturnBoth)
	if err != nil || len(values) != 20 {
		t.Fatalf("%d values, %v", len(values), err)
	}
	for i, v := range values {
		if good := v.Status == ua.StatusOK; good == (i == 7) || good && v.Value.Value() != uint32(i) {
			t.Errorf("value %d: %v", i, v)
		}
	}
}

func FuzzParseNode(f *testing.F) {
	for _, s := range []string{"i=85", "ns=1;s=Speed", "ns=2;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63", "ns=4;b=AQID", "nsu=a;i=1", ";=", "svr=1;i=2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		node, err := ParseNode(s)
		if err != nil {
			return
		}
		again, err := ParseNode(node.String())
		if err != nil || again.String() != node.String() {
			t.Errorf("%q: %v, %v", s, node, err)
		}
	})
}

func FuzzCoerce(f *testing.F) {
	for _, s := range []string{`1`, `"1.5"`, `true`, `[1,2]`, `"2024-01-15T10:00:00Z"`, `null`, `{}`, `"00ff"`, `1e400`, `-`} {
		f.Add(s, byte(6))
	}
	f.Fuzz(func(t *testing.T, s string, kind byte) {
		v, err := Coerce(json.RawMessage(s), ua.TypeID(kind%26))
		if err != nil {
			return
		}
		if _, err := v.Encode(); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		_ = Text(v)
	})
}

func FuzzSettings(f *testing.F) {
	f.Add(`{"url":"opc.tcp://h:1","securityMode":"sign","securityPolicy":"basic256-sha256","readTimeout":"15","authentication":{"type":"basic"}}`)
	f.Add(`{"url":1}`)
	f.Fuzz(func(_ *testing.T, s string) {
		var settings Settings
		if json.Unmarshal([]byte(s), &settings) == nil {
			_, _ = New(connector.Env{}, settings, time.Second)
		}
	})
}
