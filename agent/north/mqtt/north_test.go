package mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"oibus/agent/connector"
	"oibus/agent/connector/mqtt/mqtttest"
	"oibus/agent/content"
	"oibus/agent/north"
)

// rig is a North with a broker that does what it is told.
type rig struct {
	*North
	t      *testing.T
	broker *mqtttest.Broker
	lost   chan time.Duration
}

func newRig(t *testing.T, qos string, persistent bool) *rig {
	t.Helper()
	r := &rig{t: t, broker: mqtttest.New(t), lost: make(chan time.Duration, 10)}
	raw, err := json.Marshal(map[string]any{"url": r.broker.URL, "qos": qos, "persistent": persistent, "authentication": map[string]any{"type": "none"},
		"rejectUnauthorized": false, "reconnectPeriod": 1234, "connectTimeout": 5000})
	if err != nil {
		t.Fatal(err)
	}
	env := north.Env{Env: connector.Env{ID: "n1", Name: "North", Type: "mqtt", Settings: raw, Log: slog.New(slog.DiscardHandler)},
		Lost: func(_ error, after time.Duration) { r.lost <- after }}
	if r.North, err = build(env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.Disconnect(ctx) // most tests end in the middle
	})
	return r
}

// connect connects; a session that lasts is begun anew the first time.
func (r *rig) connect(present bool) *mqtttest.Conn {
	r.t.Helper()
	first := !r.tried && !r.settings.Clean()
	done := make(chan error, 1)
	go func() { done <- r.Connect(context.Background()) }()
	if first {
		c := r.broker.Welcome(false)
		mqtttest.Expect[*packets.DisconnectPacket](c)
		c.Close()
	}
	c := r.broker.Welcome(present)
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
	return c
}

// lose ends the connection, as the machinery sees it.
func (r *rig) lose(c *mqtttest.Conn) {
	r.t.Helper()
	c.Close()
	select {
	case after := <-r.lost:
		if after != 1234*time.Millisecond {
			r.t.Errorf("the next connection is after %s", after)
		}
	case <-time.After(2 * time.Minute):
		r.t.Fatal("the loss was not noticed")
	}
	if err := r.Disconnect(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func delivery(elements ...string) north.Delivery {
	text := "[" + strings.Join(elements, ",") + "]"
	return north.Delivery{Kind: content.MQTT, Elements: len(elements), Size: int64(len(text)), Created: time.UnixMilli(1),
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func element(i int) string { return fmt.Sprintf(`{"topic":"a/%d","payload":"%d"}`, i, i) }

func (r *rig) send(d north.Delivery) chan error {
	done := make(chan error, 1)
	go func() { done <- r.Send(context.Background(), d) }()
	return done
}

func expect(t *testing.T, c *mqtttest.Conn, i int, again bool) uint16 {
	t.Helper()
	p := mqtttest.Expect[*packets.PublishPacket](c)
	if p.TopicName != fmt.Sprintf("a/%d", i) || string(p.Payload) != fmt.Sprint(i) || p.Retain || p.Dup != again {
		t.Errorf("%s", p)
	}
	return p.MessageID
}

func TestAContentIsSentOnceEachMessageIsConfirmed(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", false)
	c := r.connect(false)
	done := r.send(delivery(element(0), element(1)))
	first, second := expect(t, c, 0, false), expect(t, c, 1, false)
	c.Write(mqtttest.Short(packets.Puback, first))
	select {
	case err := <-done:
		t.Fatalf("sent before the broker has all: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	c.Write(mqtttest.Short(packets.Puback, second))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAtQoS0TheBrokerIsAskedWhetherItHasReadThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, "0", false)
	c := r.connect(false)
	done := r.send(delivery(element(0), element(1)))
	expect(t, c, 0, false)
	expect(t, c, 1, false)
	mqtttest.Expect[*packets.PingreqPacket](c)
	r.lose(c)
	if err := <-done; err == nil {
		t.Fatal("nobody has said that they were read")
	} else if _, again := north.IsAgain(err); !again {
		t.Error(err)
	}
	c = r.connect(false)
	done = r.send(delivery(element(0), element(1)))
	expect(t, c, 0, false)
	expect(t, c, 1, false)
	mqtttest.Expect[*packets.PingreqPacket](c)
	c.Write(packets.NewControlPacket(packets.Pingresp))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAfterALossOnlyWhatIsNotConfirmedIsSentAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", false)
	c := r.connect(false)
	d := delivery(element(0), element(1), element(2))
	done := r.send(d)
	first := expect(t, c, 0, false)
	expect(t, c, 1, false)
	expect(t, c, 2, false)
	c.Write(mqtttest.Short(packets.Puback, first))
	for limit := time.Now().Add(2 * time.Minute); r.client.InFlight() != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the confirmation was not noticed")
		}
	}
	r.lose(c)
	if _, again := north.IsAgain(<-done); !again {
		t.Error("it is to be tried again")
	}
	c = r.connect(false)
	done = r.send(d)
	for i := 1; i <= 2; i++ {
		c.Write(mqtttest.Short(packets.Puback, expect(t, c, i, false)))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	// The same messages in another content are other messages.
	done = r.send(delivery(element(0)))
	c.Write(mqtttest.Short(packets.Puback, expect(t, c, 0, false)))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestInASessionThatLastsNothingIsPublishedTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, "2", true)
	c := r.connect(false)
	d := delivery(element(0), element(1))
	done := r.send(d)
	first, second := expect(t, c, 0, false), expect(t, c, 1, false)
	c.Write(mqtttest.Short(packets.Pubrec, first))
	mqtttest.Expect[*packets.PubrelPacket](c)
	r.lose(c)
	<-done
	c = r.connect(true)
	done = r.send(d)
	if p := mqtttest.Expect[*packets.PubrelPacket](c); p.MessageID != first {
		t.Errorf("%s", p)
	}
	if id := expect(t, c, 1, true); id != second {
		t.Errorf("the second message has another identifier")
	}
	c.Write(mqtttest.Short(packets.Pubcomp, first), mqtttest.Short(packets.Pubrec, second))
	mqtttest.Expect[*packets.PubrelPacket](c)
	c.Write(mqtttest.Short(packets.Pubcomp, second))
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.Quiet()
}

func TestAnotherContentIsSentFromItsBeginning(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", true)
	c := r.connect(false)
	done := r.send(delivery(element(0), element(1)))
	c.Write(mqtttest.Short(packets.Puback, expect(t, c, 0, false)))
	expect(t, c, 1, false)
	r.lose(c)
	<-done
	c = r.connect(false)
	other := delivery(element(0), element(7)) // somebody has taken the first one away
	other.Created = time.UnixMilli(2)
	done = r.send(other)
	for _, i := range []int{0, 7} {
		c.Write(mqtttest.Short(packets.Puback, expect(t, c, i, false)))
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAMessageThatCannotBePublishedDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", false)
	c := r.connect(false)
	d := delivery(element(0), `{"topic":"a/#","payload":"x"}`, `{"payload":"x"}`, `7`, element(4))
	done := r.send(d)
	for _, i := range []int{0, 4} {
		c.Write(mqtttest.Short(packets.Puback, expect(t, c, i, false)))
	}
	const want = `3 of 5 messages cannot be published: message 2: the topic "a/#" holds a wildcard`
	for range 2 { // it is tried as often as the settings say, and publishes nothing twice
		err := <-done
		if _, again := north.IsAgain(err); err == nil || again || err.Error() != want {
			t.Fatal(err)
		}
		done = r.send(d)
	}
	if err := <-done; err == nil || err.Error() != want {
		t.Fatal(err)
	}
	c.Quiet()
	done = r.send(delivery(element(5)))
	c.Write(mqtttest.Short(packets.Puback, expect(t, c, 5, false)))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWithoutAConnectionItIsTriedAgainForEver(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", false)
	for _, want := range []string{"MQTT client not set. The connector cannot write values", "Connector is reconnecting..."} {
		err := r.Send(t.Context(), delivery(element(0)))
		if _, again := north.IsAgain(err); !again || err.Error() != want {
			t.Error(err)
		}
		if !r.tried {
			r.lose(r.connect(false))
		}
	}
}

func TestAContentThatCannotBeReadIsNoFaultOfTheBroker(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", false)
	r.connect(false)
	d := delivery()
	d.Open = func() io.ReadCloser { return io.NopCloser(strings.NewReader(`{"no":"array"}`)) }
	if err := r.Send(t.Context(), d); err == nil || !strings.Contains(err.Error(), "cannot read the messages") {
		t.Error(err)
	}
}

func TestAStopEndsASendThatWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t, "1", false)
	c := r.connect(false)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Send(ctx, delivery(element(0))) }()
	expect(t, c, 0, false)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// FuzzElements: whatever an element is, it is published as it is meant or refused.
func FuzzElements(f *testing.F) {
	for _, seed := range []string{element(1), `{"topic":"a","payload":{"x": 1}}`, `{"topic":"a"}`, `{"topic":1}`, `null`, `{"topic":"a","payload":"\ud800"}`, `{"topic":"a/#"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parse(data)
		if err != nil {
			return
		}
		var raw struct {
			Topic   string
			Payload any
		}
		if json.Unmarshal(data, &raw) != nil || raw.Topic != m.Topic {
			t.Fatalf("%q gives topic %q", data, m.Topic)
		}
		if text, ok := raw.Payload.(string); ok && text != string(m.Payload) {
			t.Errorf("%q gives payload %q", data, m.Payload)
		}
		if raw.Payload == nil && len(m.Payload) > 0 {
			t.Errorf("%q gives payload %q", data, m.Payload)
		}
	})
}

func TestAPayloadThatIsNoTextIsPublishedAsJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`"a\n"`: "a\n", ` {"x": 1} `: `{"x": 1}`, `true`: "true", `1.50`: "1.50", `null`: "", `""`: ""} {
		m, err := parse([]byte(`{"topic":"t","payload":` + text + `}`))
		if err != nil || !bytes.Equal(m.Payload, []byte(want)) {
			t.Errorf("%s: %q, %v", text, m.Payload, err)
		}
	}
}
