package mqtt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"oibus/agent/connector"
	"oibus/agent/connector/mqtt"
	"oibus/agent/connector/mqtt/mqtttest"
	"oibus/agent/content"
	"oibus/agent/south"
)

const noon = "2024-01-15T10:00:00.000Z"

func clock() time.Time { return time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC) }

// rig is a South with a broker that does what it is told.
type rig struct {
	*South
	t      *testing.T
	broker *mqtttest.Broker

	mu     sync.Mutex
	texts  []string // in order of arrival
	refuse error
	lost   []time.Duration
	came   chan string
}

func newRig(t *testing.T, change map[string]any) *rig {
	t.Helper()
	r := &rig{t: t, broker: mqtttest.New(t), came: make(chan string, 1000)}
	set := map[string]any{"url": r.broker.URL, "qos": "1", "persistent": true, "authentication": map[string]any{"type": "none"}, "rejectUnauthorized": false,
		"reconnectPeriod": 1234, "connectTimeout": 5000, "maxNumberOfMessages": 3, "flushMessageTimeout": 50}
	for k, v := range change {
		set[k] = v
	}
	raw, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	env := south.Env{Env: connector.Env{ID: "s1", Name: "South", Type: "mqtt", Settings: raw, Log: slog.New(slog.DiscardHandler)}, Emit: r.emit,
		Lost: func(_ error, after time.Duration) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.lost = append(r.lost, after)
		}}
	if r.South, err = build(env); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.Disconnect(ctx) // most tests end in the middle
	})
	return r
}

func (r *rig) emit(ctx context.Context, c content.Content, items []south.Item) error {
	r.mu.Lock()
	refuse := r.refuse
	r.mu.Unlock()
	if refuse != nil {
		return refuse
	}
	source, err := c.Open()
	if err != nil {
		return err
	}
	text, err := io.ReadAll(source)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.texts = append(r.texts, string(text))
	r.mu.Unlock()
	r.came <- items[0].Name + " " + string(text)
	return nil
}

func (r *rig) set(refuse error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

func (r *rig) next() string {
	r.t.Helper()
	select {
	case text := <-r.came:
		return text
	case <-time.After(2 * time.Minute):
		r.t.Fatal("nothing was handed on")
		return ""
	}
}

func (r *rig) quiet() {
	r.t.Helper()
	select {
	case text := <-r.came:
		r.t.Fatalf("handed on: %s", text)
	case <-time.After(150 * time.Millisecond):
	}
}

func (r *rig) connect(present bool) *mqtttest.Conn {
	r.t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.Connect(context.Background()) }()
	c := r.broker.Welcome(present)
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) disconnect() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := r.Disconnect(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// subscribe subscribes items, for which the broker is asked when new says so.
func (r *rig) subscribe(c *mqtttest.Conn, asks bool, items ...south.Item) {
	r.t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.Subscribe(context.Background(), items) }()
	if asks {
		c.Granted()
	}
	if err := <-done; err != nil {
		r.t.Fatal(err)
	}
}

func item(name, topic string) south.Item {
	return south.Item{ID: "id-" + name, Name: name, Settings: json.RawMessage(fmt.Sprintf(`{"topic":%q}`, topic)), Entity: json.RawMessage(fmt.Sprintf(`{"name":%q}`, name))}
}

func TestContentsAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	at := clock()
	for _, c := range []struct{ filter, topic, payload, want string }{
		{"plant/a/temp", "plant/a/temp", `{"temperature":21.5}`,
			`[{"message":"{\"temperature\":21.5}","timestamp":"` + noon + `","item":{"id":"id-item1","name":"item1","topic":"plant/a/temp"}}]`},
		{"plant/+/temp", "plant/a/temp", `1`,
			`[{"message":"1","topic":"plant/a/temp","timestamp":"` + noon + `","item":{"id":"id-item1","name":"item1","topic":"plant/+/temp"}}]`},
		{"a", "a", "é\n<\"", `[{"message":"é\n<\"","timestamp":"` + noon + `","item":{"id":"id-item1","name":"item1","topic":"a"}}]`},
		{"a", "a", "\xff\x00", `[{"message":"/wA=","encoding":"base64","timestamp":"` + noon + `","item":{"id":"id-item1","name":"item1","topic":"a"}}]`},
		{"a", "a", "", `[{"message":"","timestamp":"` + noon + `","item":{"id":"id-item1","name":"item1","topic":"a"}}]`},
	} {
		sub, err := describe(item("item1", c.filter))
		if err != nil {
			t.Fatal(err)
		}
		got := encode(&portion{of: sub, list: []*arrival{{message: &mqtt.Message{Topic: c.topic, Payload: []byte(c.payload)}, at: at}}})
		if string(got) != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// FuzzMessages: whatever comes, the content is JSON, and the message is in it.
func FuzzMessages(f *testing.F) {
	f.Add("a/b", []byte(`{"x":1}`))
	f.Add("$x/\u2028", []byte{0xff, 0})
	f.Add("é", []byte("\x00\x1f\"\\"))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		if mqtt.CheckTopic(topic) != nil {
			return
		}
		sub := &subscription{item: south.Item{ID: "i", Name: "n"}, filter: "other"}
		a := &arrival{message: &mqtt.Message{Topic: topic, Payload: payload}, at: clock()}
		var got []struct {
			Message, Encoding, Topic string
		}
		if err := json.Unmarshal(encode(&portion{of: sub, list: []*arrival{a, a}}), &got); err != nil || len(got) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
		message := []byte(got[1].Message)
		if got[1].Encoding == "base64" {
			var err error
			if message, err = base64.StdEncoding.DecodeString(got[1].Message); err != nil {
				t.Fatal(err)
			}
		}
		if string(message) != string(payload) || got[1].Topic != topic && topic != "other" {
			t.Errorf("%q became %q", payload, message)
		}
	})
}

func TestMessagesAreAcknowledgedOnceTheyAreTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.set(&south.HeldError{Err: errors.New("full")})
	c := r.connect(false)
	r.subscribe(c, true, item("a", "a/#"))
	c.Write(mqtttest.Publish("a/x", "1", 1, 1, false))
	r.quiet()
	c.Quiet()
	r.set(nil)
	if got := r.next(); !strings.HasPrefix(got, `a [{"message":"1"`) {
		t.Error(got)
	}
	if p := mqtttest.Expect[*packets.PubackPacket](c); p.MessageID != 1 {
		t.Error(p)
	}
}

func TestMessagesThatComeBeforeTheItemsAreKnownWait(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := r.connect(true)
	for i := range 5 {
		c.Write(mqtttest.Publish("a", fmt.Sprint(i), 1, uint16(i+1), false))
	}
	r.quiet()
	c.Quiet()
	r.subscribe(c, true, item("a", "a"))
	if got := r.next(); strings.Count(got, "message") != 3 { // as many as the settings say
		t.Error(got)
	}
	if got := r.next(); strings.Count(got, "message") != 2 {
		t.Error(got)
	}
	for i := range 5 {
		if p := mqtttest.Expect[*packets.PubackPacket](c); p.MessageID != uint16(i+1) {
			t.Error(p)
		}
	}
}

func TestEachItemGetsItsMessages(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]any{"maxNumberOfMessages": 4})
	c := r.connect(false)
	r.subscribe(c, true, item("a", "a/+"), item("b", "b"), item("twice", "b/x"), item("again", "b/+"))
	for i, topic := range []string{"a/1", "b", "nobody's", "b/x"} {
		c.Write(mqtttest.Publish(topic, fmt.Sprint(i), 1, uint16(i+1), false))
	}
	got := []string{r.next(), r.next()}
	slices.Sort(got)
	if !strings.HasPrefix(got[0], `a [{"message":"0","topic":"a/1"`) || !strings.HasPrefix(got[1], `b [{"message":"1","timestamp"`) {
		t.Errorf("%q", got)
	}
	ids := map[uint16]bool{}
	for range 4 { // what belongs to no item is dropped, and would block the rest
		ids[mqtttest.Expect[*packets.PubackPacket](c).MessageID] = true
	}
	if len(ids) != 4 {
		t.Errorf("%v", ids)
	}
}

func TestWhatCouldNotBeHandedOnIsKeptOverAReconnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.set(errors.New("the disk is full"))
	c := r.connect(false)
	r.subscribe(c, true, item("a", "a"))
	c.Write(mqtttest.Publish("a", "1", 1, 1, false), mqtttest.Publish("a", "2", 0, 0, false))
	for limit := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		if unacknowledged(r.inbox) == 1 {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("nothing has come")
		}
	}
	c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = r.Disconnect(ctx) // it cannot hand on what it has
	r.set(nil)
	c = r.connect(true)
	c.Write(mqtttest.Publish("a", "1", 1, 1, true)) // it waits already
	r.subscribe(c, false, item("a", "a"))           // the session holds the topic
	text := r.next()
	for strings.Count(text, `"message"`) < 2 {
		text += r.next()
	}
	if strings.Count(text, `"message":"1"`) != 1 || strings.Count(text, `"message":"2"`) != 1 {
		t.Error(text)
	}
	if p := mqtttest.Expect[*packets.PubackPacket](c); p.MessageID != 1 {
		t.Error(p)
	}
	r.quiet()
}

func TestWhatWasReceivedIsHandedOnAndAcknowledgedBeforeLeaving(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]any{"flushMessageTimeout": 1_000_000, "maxNumberOfMessages": 1_000_000})
	c := r.connect(false)
	r.subscribe(c, true, item("a", "a"))
	c.Write(mqtttest.Publish("a", "1", 1, 1, false))
	for limit := time.Now().Add(2 * time.Minute); unacknowledged(r.inbox) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("nothing has come")
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); r.disconnect() }()
	r.next()
	mqtttest.Expect[*packets.PubackPacket](c)
	mqtttest.Expect[*packets.DisconnectPacket](c)
	c.Close()
	<-done
}

// unacknowledged is how many messages the broker waits for.
func unacknowledged(b *inbox) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waiting
}

func TestMemoryIsBoundedWhileNothingIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.set(&south.HeldError{Err: errors.New("full")})
	c := r.connect(false)
	r.subscribe(c, true, item("a", "a"))
	const n = 1000
	go func() {
		for i := range n {
			_ = mqtttest.Publish("a", fmt.Sprint(i), 0, 0, false).Write(c.Line()) // blocks when nothing is read
		}
	}()
	r.quiet()
	r.inbox.mu.Lock()
	if waiting := len(r.inbox.list); waiting > 2*3 {
		t.Errorf("%d messages wait in memory", waiting)
	}
	r.inbox.mu.Unlock()
	r.set(nil)
	var all strings.Builder
	for strings.Count(all.String(), `"message"`) < n {
		all.WriteString(r.next())
	}
}

func TestAConnectionThatFailsIsTriedAgainAfterTheTimeOfTheSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	done := make(chan error, 1)
	go func() { done <- r.Connect(context.Background()) }()
	r.broker.Accept().Answer(5, false)
	if err := <-done; err == nil || err.Error() != "Connection refused: Not authorized" {
		t.Error(err)
	}
	c := r.connect(false)
	c.Close()
	for limit := time.Now().Add(2 * time.Minute); r.client.Connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the loss was not noticed")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.lost, []time.Duration{1234 * time.Millisecond, 1234 * time.Millisecond}) {
		t.Errorf("%v", r.lost)
	}
}

func TestTheTestOfAnItemSaysWhatFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	done := make(chan error, 1)
	go func() {
		_, err := r.TestItem(context.Background(), south.TestRequest{Item: item("a", "a/b")})
		done <- err
	}()
	c := r.broker.Welcome(false)
	if c.Connect.ClientIdentifier == "s1" || !c.Connect.CleanSession {
		t.Error("the test takes the place of the connector")
	}
	c.Granted(0x80)
	if err := <-done; err == nil || err.Error() != "Error when testing item a/b: the broker refuses the subscription" {
		t.Error(err)
	}
	if _, err := r.TestItem(t.Context(), south.TestRequest{Item: item("a", "a+")}); err == nil || !strings.Contains(err.Error(), "wildcard") {
		t.Error(err)
	}
}

func TestTheWindowFollowsTheBroker(t *testing.T) {
	t.Parallel()
	w := newWindow()
	for n := 1; n <= 9; n++ {
		if w.seen(n, false); w.reached(n) {
			t.Fatalf("reached after %d", n)
		}
	}
	if w.seen(10, false); !w.reached(10) {
		t.Error("no broker sends fewer than 10 by default")
	}
	w.seen(25, false) // more came while they were handed on
	if w.reached(24) || !w.reached(25) {
		t.Error("the broker sends 25")
	}
	w.timedOut(3)
	w.seen(1, false) // much later: there was no more
	if w.reached(3) {
		t.Error("the broker had no more")
	}
	w.timedOut(3)
	w.seen(1, true) // at once
	if !w.reached(3) {
		t.Error("the broker waits after 3")
	}
	w.seen(4, false)
	if w.reached(3) {
		t.Error("the broker sends more than 3")
	}
}

// A broker may be configured to send only a few messages before it waits for acknowledgements.
func TestABrokerThatWaitsIsRecognised(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]any{"maxNumberOfMessages": 1000, "flushMessageTimeout": 30})
	c := r.connect(false)
	r.subscribe(c, true, item("a", "a"))
	const few = 5
	learned := func() bool {
		r.inbox.mu.Lock()
		defer r.inbox.mu.Unlock()
		return r.inbox.window.size == few
	}
	id := uint16(0)
	for limit := time.Now().Add(2 * time.Minute); !learned(); {
		if time.Now().After(limit) {
			t.Fatal("it was never recognised")
		}
		for range few {
			id++
			c.Write(mqtttest.Publish("a", "x", 1, id, false))
		}
		for n := 0; n < few; n++ {
			mqtttest.Expect[*packets.PubackPacket](c)
		}
	}
}

func TestTheSameComplaintIsLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	var c complaints
	for i := range 100 {
		c.log(log, clock().Add(time.Duration(i)*time.Second), "no item")
	}
	if n := strings.Count(text.String(), "no item"); n != 2 || !strings.Contains(text.String(), "messages=59") {
		t.Errorf("%d: %s", n, text.String())
	}
}
