package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"
)

// hostile is a server that acknowledges, opens a channel, and then sends what a test wants.
func hostile(t testing.TB, answer func(c net.Conn, request uint32, n int)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serve(c, answer) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return "opc.tcp://" + listener.Addr().String()
}

func serve(c net.Conn, answer func(c net.Conn, request uint32, n int)) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := readFrame(c, mostBuffer); err != nil {
		return
	}
	ack := ua.NewBuffer(nil)
	for _, n := range []uint32{0, mostBuffer, mostBuffer, 0, 0} {
		ack.WriteUint32(n)
	}
	_, _ = c.Write(newFrame("ACK", final, ack.Bytes()))
	for n := 0; ; n++ {
		f, err := readFrame(c, mostBuffer)
		if err != nil || f.kind == "CLO" {
			return
		}
		if f.kind == "OPN" {
			b := ua.NewBuffer(f.whole[chunkHeader:])
			b.ReadString()
			b.ReadBytes()
			b.ReadBytes()
			b.ReadUint32()
			_, _ = c.Write(openAnswer(b.ReadUint32()))
			continue
		}
		answer(c, binary.LittleEndian.Uint32(f.whole[chunkHeader+tokenHeader+4:]), n)
	}
}

func header() *ua.ResponseHeader {
	return &ua.ResponseHeader{ServiceDiagnostics: &ua.DiagnosticInfo{}, AdditionalHeader: ua.NewExtensionObject(nil)}
}

func service(v any) []byte {
	b := ua.NewBuffer(nil)
	b.WriteStruct(ua.NewFourByteExpandedNodeID(0, ua.ServiceTypeID(v)))
	b.WriteStruct(v)
	return b.Bytes()
}

func openAnswer(request uint32) []byte {
	b := ua.NewBuffer(nil)
	b.WriteUint32(9) // channel
	b.WriteString(ua.SecurityPolicyURINone)
	b.WriteByteString(nil)
	b.WriteByteString(nil)
	b.WriteUint32(1)
	b.WriteUint32(request)
	b.Write(service(&ua.OpenSecureChannelResponse{ResponseHeader: header(), SecurityToken: &ua.ChannelSecurityToken{ChannelID: 9, TokenID: 5, RevisedLifetime: 3_600_000}}))
	return newFrame("OPN", final, b.Bytes())
}

// message is a chunk of an answer.
func message(chunk byte, request uint32, body []byte) []byte {
	b := ua.NewBuffer(nil)
	for _, n := range []uint32{9, 5, 2, request} {
		b.WriteUint32(n)
	}
	b.Write(body)
	return newFrame("MSG", chunk, b.Bytes())
}

func open(t testing.TB, url string) *Channel {
	t.Helper()
	c, err := Dial(t.Context(), Options{URL: url, Policy: ua.SecurityPolicyURINone, Mode: ua.MessageSecurityModeNone, Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAnAnswerInPiecesIsOneAnswer(t *testing.T) {
	t.Parallel()
	body := service(&ua.ReadResponse{ResponseHeader: header(), Results: []*ua.DataValue{{EncodingMask: ua.DataValueStatusCode, Status: ua.StatusBadNoData}}})
	c := open(t, hostile(t, func(c net.Conn, request uint32, _ int) {
		_, _ = c.Write(append(message(between, request, body[:10]), message(final, request, body[10:])...))
	}))
	for range 3 {
		got, err := c.Do(t.Context(), &ua.ReadRequest{}, nil, 0)
		if r, ok := got.(*ua.ReadResponse); err != nil || !ok || len(r.Results) != 1 || r.Results[0].Status != ua.StatusBadNoData {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

// What servers may send instead of an answer, and what it is taken for.
func TestWhateverAServerSendsIsAnErrorAndNoMore(t *testing.T) {
	t.Parallel()
	deep := bytes.Repeat([]byte{0x18}, 20000) // a variant in a variant in a variant
	request := service(&ua.OpenSecureChannelRequest{RequestHeader: &ua.RequestHeader{AuthenticationToken: ua.NewTwoByteNodeID(0)}})
	dimensions := service(&ua.ReadResponse{ResponseHeader: header()})
	dimensions = binary.LittleEndian.AppendUint32(dimensions[:len(dimensions)-8], 1)
	negative := append(bytes.Clone(dimensions), 0x01, 0x86, 0xf0, 0xff, 0xff, 0xff) // an array of a negative length
	for name, send := range map[string]func(c net.Conn, request uint32, n int){
		"nothing of a service": func(c net.Conn, n uint32, _ int) { _, _ = c.Write(message(final, n, []byte{1})) },
		"a request":            func(c net.Conn, n uint32, _ int) { _, _ = c.Write(message(final, n, request)) },
		"nested values": func(c net.Conn, n uint32, _ int) {
			_, _ = c.Write(message(final, n, append(bytes.Clone(dimensions), append([]byte{1}, deep...)...)))
		},
		"a negative length": func(c net.Conn, n uint32, _ int) { _, _ = c.Write(message(final, n, negative)) },
		"a short chunk":     func(c net.Conn, _ uint32, _ int) { _, _ = c.Write(newFrame("MSG", final, []byte{1, 2})) },
		"a short frame":     func(c net.Conn, _ uint32, _ int) { _, _ = c.Write([]byte{'M', 'S', 'G', 'F', 3, 0, 0, 0}) },
		"a huge frame":      func(c net.Conn, _ uint32, _ int) { _, _ = c.Write([]byte{'M', 'S', 'G', 'F', 255, 255, 255, 255}) },
		"an unknown frame":  func(c net.Conn, _ uint32, _ int) { _, _ = c.Write(newFrame("XXX", final, make([]byte, 30))) },
		"an abort": func(c net.Conn, n uint32, _ int) {
			_, _ = c.Write(message(aborted, n, []byte{0, 0, 5, 0x80, 0, 0, 0, 0}))
		},
		"an abort that is cut": func(c net.Conn, n uint32, _ int) { _, _ = c.Write(message(aborted, n, []byte{0})) },
		"an error": func(c net.Conn, _ uint32, _ int) {
			_, _ = c.Write(newFrame("ERR", final, []byte{0, 0, 5, 0x80, 1, 0, 0, 0, 'x'}))
		},
		"an error that is cut": func(c net.Conn, _ uint32, _ int) { _, _ = c.Write(newFrame("ERR", final, nil)) },
		"another key":          func(c net.Conn, _ uint32, _ int) { _, _ = c.Write(newFrame("MSG", final, make([]byte, 40))) },
		"the end":              func(c net.Conn, _ uint32, _ int) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, hostile(t, send))
			got, err := c.Do(t.Context(), &ua.ReadRequest{}, nil, 0)
			if err == nil {
				t.Errorf("is taken for %T", got)
			}
			if StatusOf := new(StatusError); errors.As(err, &StatusOf) && StatusOf.Status == ua.StatusBadTimeout {
				t.Error("is waited for")
			}
		})
	}
}

func TestAServerThatDoesNotAnswerIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	c := open(t, hostile(t, func(net.Conn, uint32, int) {}))
	_, err := c.Do(t.Context(), &ua.ReadRequest{}, nil, 50*time.Millisecond)
	if status := new(StatusError); !errors.As(err, &status) || status.Status != ua.StatusBadTimeout {
		t.Errorf("got %v", err)
	}
	call, err := c.Start(&ua.PublishRequest{}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if a := <-call.Answers(); !errors.Is(a.err, ErrClosed) {
		t.Errorf("got %v", a.err)
	}
	if _, err := c.Do(t.Context(), &ua.ReadRequest{}, nil, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatIsNoneIsToldSo(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = listener.Close(); done.Wait() })
	_, err = Dial(t.Context(), Options{URL: "opc.tcp://" + listener.Addr().String(), Policy: ua.SecurityPolicyURINone, Mode: ua.MessageSecurityModeNone, Timeout: time.Second})
	if err == nil {
		t.Error("it is taken for a server of OPC UA")
	}
	for _, url := range []string{"http://h", "opc.tcp://", "x", "opc.tcp://:1", "opc.tcp://h:port"} {
		if _, err := Dial(t.Context(), Options{URL: url, Timeout: time.Second}); err == nil || !strings.Contains(err.Error(), "no address") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestWhatIsSealedCanBeOpenedAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{2048, 3072} {
		own, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		for policy := range recipes {
			algo, err := Asymmetric(policy, own, &own.PublicKey)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, sealing{algo: algo, encrypt: true}, 20)
		}
	}
	one, two := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	mine, err := uapolicy.Symmetric(ua.SecurityPolicyURIBasic256Sha256, one, two)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := uapolicy.Symmetric(ua.SecurityPolicyURIBasic256Sha256, two, one)
	if err != nil {
		t.Fatal(err)
	}
	for _, encrypt := range []bool{false, true} {
		for size := range 200 {
			seal := sealing{algo: mine, encrypt: encrypt}
			chunk, err := seal.seal(append(make([]byte, 16, 4096), bytes.Repeat([]byte{7}, size)...), 16)
			if err != nil {
				t.Fatal(err)
			}
			if got := int(binary.LittleEndian.Uint32(chunk[4:])); got != len(chunk) {
				t.Fatalf("the header says %d of %d", got, len(chunk))
			}
			body, err := sealing{algo: theirs, encrypt: encrypt}.open(chunk, 16)
			if err != nil || !bytes.Equal(body, bytes.Repeat([]byte{7}, size)) {
				t.Fatalf("%d bytes: %v, %v", size, body, err)
			}
			chunk[len(chunk)/2] ^= 1
			if _, err := (sealing{algo: theirs, encrypt: encrypt}).open(chunk, 16); err == nil {
				t.Fatal("a changed chunk is opened")
			}
		}
		room := sealing{algo: mine, encrypt: encrypt}.room(8192, 16)
		full, err := sealing{algo: mine, encrypt: encrypt}.seal(make([]byte, 16+sequenceSize+room, 10000), 16)
		if err != nil || len(full) > 8192 || len(full) < 8192-32 {
			t.Errorf("a full chunk has %d bytes, %v", len(full), err)
		}
	}
}

func roundTrip(t *testing.T, s sealing, head int) {
	t.Helper()
	for _, size := range []int{8, 100, 1000} {
		body := bytes.Repeat([]byte{7}, size)
		chunk, err := s.seal(append(make([]byte, head, 8192), body...), head)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.open(chunk, head)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := s.open(chunk[:len(chunk)-1], head); err == nil {
			t.Error("a cut chunk is opened")
		}
	}
}

func TestValuesInValuesWithoutEndAreNotDecoded(t *testing.T) {
	t.Parallel()
	for _, pattern := range [][]byte{{0x18}, {0x17, 1}, {0x98, 1, 0, 0, 0}, {0x40}} {
		body := service(&ua.ReadResponse{ResponseHeader: header()})
		body = binary.LittleEndian.AppendUint32(body[:len(body)-8], 1)
		body = append(body, 1)
		body = append(body, bytes.Repeat(pattern, (mostMessage-len(body))/len(pattern))...)
		if got, err := Decode(Answer{body: body}); err == nil {
			t.Errorf("%x: got %T", pattern, got)
		}
	}
}

func TestAnArrayThatIsLongerThanItsMessageIsNotDecoded(t *testing.T) {
	t.Parallel()
	whole := service(&ua.ReadResponse{ResponseHeader: header()})
	for cut := 4; cut < len(whole); cut++ {
		for _, length := range []uint32{0x7fffffff, 1 << 20} {
			body := binary.LittleEndian.AppendUint32(bytes.Clone(whole[:cut]), length)
			_, _ = Decode(Answer{body: append(body, whole[cut:]...)}) // takes no memory, or the test ends
		}
	}
	dimensions := append(service(&ua.ReadResponse{ResponseHeader: header()}), 0)[:len(whole)-8]
	dimensions = binary.LittleEndian.AppendUint32(dimensions, 1)
	dimensions = append(dimensions, 1, 0xc6, 1, 0, 0, 0, 7, 0, 0, 0) // an array of one number
	dimensions = binary.LittleEndian.AppendUint32(dimensions, 100_000)
	for range 100_000 {
		dimensions = binary.LittleEndian.AppendUint32(dimensions, 1)
	}
	if got, err := Decode(Answer{body: append(dimensions, 0, 0, 0, 0)}); err == nil {
		t.Errorf("got %T", got)
	}
}

func TestWhatTheLibraryEncodesIsSurveyedToItsEnd(t *testing.T) {
	t.Parallel()
	node := ua.NewStringNodeID(1, "node")
	var values []*ua.DataValue
	for _, v := range []any{true, int8(1), uint8(1), int16(1), uint16(1), int32(1), uint32(1), int64(1), uint64(1), float32(1), 1.5, "text", "", time.Now(), ua.NewGUID("72962B91-FA75-4AE6-8D28-B404DC7DAF63"),
		[]byte{1, 2}, ua.XMLElement("<a/>"), node, ua.NewStringExpandedNodeID(2, "x"), ua.StatusBad, &ua.QualifiedName{Name: "q"}, ua.NewLocalizedTextWithLocale("text", "en"),
		ua.NewExtensionObject(&ua.ServerStatusDataType{BuildInfo: &ua.BuildInfo{ProductName: "p"}, ShutdownReason: ua.NewLocalizedText("r")}), ua.MustVariant(int32(1)), []int32{1, 2}, [][]float64{{1, 2}, {3, 4}}, []string{"a", ""}, ua.ByteArray{1}, []*ua.Variant{ua.MustVariant("x")},
		&ua.DataValue{EncodingMask: ua.DataValueStatusCode, Status: ua.StatusBad}, &ua.DiagnosticInfo{EncodingMask: 0x7f, AdditionalInfo: "i", InnerDiagnosticInfo: &ua.DiagnosticInfo{}}} {
		values = append(values, &ua.DataValue{EncodingMask: 0x3f, Value: ua.MustVariant(v), Status: ua.StatusBad, SourceTimestamp: time.Now(), ServerTimestamp: time.Now()})
	}
	history := ua.NewExtensionObject(&ua.HistoryData{DataValues: values})
	change := ua.NewExtensionObject(&ua.DataChangeNotification{MonitoredItems: []*ua.MonitoredItemNotification{{ClientHandle: 1, Value: values[0]}}})
	for _, v := range []any{
		&ua.ReadResponse{ResponseHeader: header(), Results: values},
		&ua.HistoryReadResponse{ResponseHeader: header(), Results: []*ua.HistoryReadResult{{ContinuationPoint: []byte{1}, HistoryData: history}}},
		&ua.PublishResponse{ResponseHeader: header(), AvailableSequenceNumbers: []uint32{1}, NotificationMessage: &ua.NotificationMessage{NotificationData: []*ua.ExtensionObject{change}}},
		&ua.ServiceFault{ResponseHeader: header()},
	} {
		body := service(v)
		s := &survey{b: body}
		if err := s.expandedNode(); err != nil {
			t.Fatal(err)
		}
		if err := s.value(reflect.TypeOf(v)); err != nil || len(s.b) != 0 {
			t.Errorf("%T: %v, %d bytes are left", v, err, len(s.b))
		}
		for cut := range len(body) {
			if surveyed(body[:cut]) == nil {
				t.Errorf("%T: %d of %d bytes are enough", v, cut, len(body))
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(service(&ua.ReadResponse{ResponseHeader: header(), Results: []*ua.DataValue{{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(int32(1))}}}))
	f.Add(service(&ua.HistoryReadResponse{ResponseHeader: header(), Results: []*ua.HistoryReadResult{{HistoryData: ua.NewExtensionObject(&ua.HistoryData{})}}}))
	f.Add(service(&ua.PublishResponse{ResponseHeader: header(), NotificationMessage: &ua.NotificationMessage{}}))
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = Decode(Answer{body: body})
	})
}

func FuzzFrames(f *testing.F) {
	f.Add(message(final, 1, []byte("x")))
	f.Add(openAnswer(1))
	f.Add(newFrame("ERR", final, nil))
	f.Fuzz(func(_ *testing.T, data []byte) {
		c := &Channel{o: Options{Policy: ua.SecurityPolicyURINone, Mode: ua.MessageSecurityModeNone}, waiting: map[uint32]chan Answer{1: make(chan Answer, 1)}, keys: map[uint32]sealing{5: {}}, expires: map[uint32]time.Time{}}
		parts := map[uint32][]byte{}
		for r := bytes.NewReader(data); ; {
			frame, err := readFrame(r, mostBuffer)
			if err != nil || c.take(frame, parts) != nil {
				return
			}
		}
	})
}
