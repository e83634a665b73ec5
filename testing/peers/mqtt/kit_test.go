// Package mqtt tests the MQTT connectors against Mosquitto, with clients that no one here wrote on the other side: that
// what goes in comes out, over all ways to connect, whoever dies in the middle.
package mqtt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"oibus/agent/connector"
	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/north"
	northmqtt "oibus/agent/north/mqtt"
	"oibus/agent/south"
	southmqtt "oibus/agent/south/mqtt"
	"oibus/agent/store"
	"oibus/testing/harness"
)

// limit is how long nothing may happen.
const limit = 60 * time.Second

// sweeping says whether the whole is to be tested, not a sample.
func sweeping() bool { return os.Getenv("OIBUS_SWEEP") == "1" }

// amount is the whole in a sweep, and otherwise a sample.
func amount(whole, sample int) int {
	if sweeping() {
		return whole
	}
	return sample
}

// broker is a Mosquitto that keeps its sessions over restarts.
type broker struct {
	*harness.Peer
	t    *testing.T
	dir  string
	port int
}

// startBroker starts one with an open listener, or with other lines in its configuration: %port% is its port.
func startBroker(t *testing.T, lines ...string) *broker {
	t.Helper()
	b := &broker{t: t, dir: t.TempDir(), port: harness.FreePort(t)}
	if len(lines) == 0 {
		lines = []string{"listener %port% 127.0.0.1", "allow_anonymous true"}
	}
	config := append([]string{
		"user root", "persistence true", "persistence_location " + b.dir + "/", "max_queued_messages 1000000", "log_dest stderr",
		"log_type error", "log_type warning",
	}, lines...)
	text := strings.ReplaceAll(strings.Join(config, "\n")+"\n", "%port%", strconv.Itoa(b.port))
	path := filepath.Join(b.dir, "mosquitto.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Peer = harness.StartPeer(t, harness.PeerOptions{Path: harness.FindPeer(t, "mosquitto"), Args: []string{"-c", path}, Address: b.address()})
	return b
}

func (b *broker) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// settings of a connector that connects to address.
func settings(address, qos string, persistent bool, more map[string]any) json.RawMessage {
	all := map[string]any{
		"url": "mqtt://" + address, "qos": qos, "persistent": persistent, "authentication": map[string]any{"type": "none"},
		"rejectUnauthorized": false, "reconnectPeriod": 100, "connectTimeout": 5000, "maxNumberOfMessages": 1000, "flushMessageTimeout": 100,
	}
	for k, v := range more {
		all[k] = v
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return raw
}

// memories are what connectors remember over restarts.
type memories struct {
	mu  sync.Mutex
	all map[string]json.RawMessage
}

func (m *memories) Get(key string) (json.RawMessage, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, ok := m.all[key]
	return raw, ok
}

func (m *memories) Set(changes map[string]json.RawMessage) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string]json.RawMessage{}
	}
	for k, v := range changes {
		m.all[k] = v
	}
	return nil
}

func host(m *memories) connector.Host {
	return connector.Host{Version: "test", Now: time.Now, Memory: func(string) connector.Memory { return m }}
}

// record is everything that was handed on, and durable.
type record struct {
	mu       sync.Mutex
	contents int
	counts   map[string]int // of each text
	order    map[string][]string
	items    map[string]int
	hold     error         // while it is set, nothing is taken
	slow     time.Duration // for each content
}

func newRecord() *record {
	return &record{counts: map[string]int{}, order: map[string][]string{}, items: map[string]int{}}
}

func (r *record) emit(ctx context.Context, c content.Content, s content.Source) error {
	r.mu.Lock()
	hold, slow := r.hold, r.slow
	r.mu.Unlock()
	if hold != nil {
		return &south.HeldError{Err: hold}
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	source, err := c.Open()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(source)
	if err != nil {
		return err
	}
	var list []struct {
		Message, Topic string
		Item           struct{ Topic string }
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents++
	for _, m := range list {
		topic := m.Topic
		if topic == "" {
			topic = m.Item.Topic
		}
		r.counts[m.Message]++
		r.order[topic] = append(r.order[topic], m.Message)
		r.items[s.Items[0].Name]++
	}
	return nil
}

// got is how many different texts came, how many again, and in how many contents.
func (r *record) got() (different, again, contents int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.counts {
		again += n - 1
	}
	return len(r.counts), again, r.contents
}

func (r *record) set(f func(r *record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

// await waits until n different texts are recorded.
func (r *record) await(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(limit)
	last := 0
	for {
		got, _, _ := r.got()
		if got >= n {
			return
		}
		if got != last {
			last, deadline = got, time.Now().Add(limit)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d values have come", got, n)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// source is a South with its machinery.
type source struct {
	*south.Runner
	t       *testing.T
	entity  entity.South
	options south.Options
	log     *logs
}

type logs struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.String(), text)
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func item(name, topic string) entity.SouthItem {
	raw, err := json.Marshal(map[string]string{"topic": topic})
	if err != nil {
		panic(err)
	}
	return entity.SouthItem{Audit: entity.Audit{ID: name}, Name: name, Enabled: true, ScanModeID: entity.SubscriptionScanMode, Settings: raw}
}

func subscriptionMode(string) (entity.ScanMode, bool) {
	return entity.ScanMode{Audit: entity.Audit{ID: entity.SubscriptionScanMode}, Name: "Subscription"}, true
}

// startSource starts a South that hands on to r.
func startSource(t *testing.T, id string, set json.RawMessage, r *record, m *memories, items ...entity.SouthItem) *source {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tracking, err := south.OpenTracking(st)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracking.Close() })
	s := &source{t: t, log: &logs{}}
	s.entity = entity.South{Connector: entity.Connector{Audit: entity.Audit{ID: id}, Name: id, Type: "mqtt", Enabled: true}, Items: items}
	s.options = south.Options{South: s.entity, Settings: set, Type: southmqtt.Type, TempDir: filepath.Join(dir, "tmp"), Host: host(m),
		ScanMode: subscriptionMode, Emit: r.emit, Tracking: tracking, Log: s.log.logger()}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *source) start() {
	s.t.Helper()
	var err error
	if s.Runner, err = south.Start(s.options); err != nil {
		s.t.Fatal(err)
	}
}

func (s *source) stop() {
	s.t.Helper()
	if s.Runner == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		s.t.Error(err)
	}
	s.Runner = nil
}

// awaitConnected waits until the South is connected and what it asked for is subscribed.
func (s *source) awaitConnected(b *broker) {
	s.t.Helper()
	harness.Until(s.t, limit, "the south is connected", func() bool { return s.State().Connected })
	s.awaitSubscribed(b)
}

// awaitSubscribed asks the broker by publishing to a topic that only the probe item has.
func (s *source) awaitSubscribed(b *broker) {
	s.t.Helper()
	c := client(s.t, b.address(), "probe"+s.entity.ID, true)
	defer c.Disconnect(100)
	for _, i := range s.entity.Items {
		if i.Name != "probe" {
			continue
		}
		harness.Until(s.t, limit, "the probe has come", func() bool {
			publish(s.t, c, "probe/"+s.entity.ID, 1, "probe")
			return s.probed()
		})
	}
}

func (s *source) probed() bool { return s.Metrics().NumberOfValuesRetrieved > 0 }

// client is one that no one here wrote.
func client(t testing.TB, address, id string, clean bool) paho.Client {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID(id).SetCleanSession(clean).SetProtocolVersion(4).
		SetConnectTimeout(5 * time.Second).SetMaxReconnectInterval(200 * time.Millisecond).SetOrderMatters(true)
	c := paho.NewClient(o)
	harness.Until(t, limit, id+" is connected", func() bool {
		token := c.Connect()
		return token.WaitTimeout(5*time.Second) && token.Error() == nil
	})
	return c
}

func publish(t testing.TB, c paho.Client, topic string, qos byte, text string) {
	t.Helper()
	token := c.Publish(topic, qos, false, text)
	if !token.WaitTimeout(limit) || token.Error() != nil {
		t.Fatalf("cannot publish: %v", token.Error())
	}
}

// publishAll publishes texts from..to-1, many at a time, and returns once the broker has confirmed them all.
func publishAll(t testing.TB, c paho.Client, topic func(i int) string, qos byte, from, to int) {
	t.Helper()
	tokens := make([]paho.Token, 0, to-from)
	inFlight := 100
	if qos == 2 {
		inFlight = 10 // Mosquitto ends connections with more than 20
	}
	for i := from; i < to; i++ {
		tokens = append(tokens, c.Publish(topic(i), qos, false, fmt.Sprint(i)))
		if i-from >= inFlight {
			confirm(t, tokens[i-from-inFlight])
		}
	}
	for _, token := range tokens {
		confirm(t, token)
	}
	publish(t, c, "barrier", 1, "") // at QoS 0 it is not known otherwise whether the broker has them
}

func confirm(t testing.TB, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(limit) || token.Error() != nil {
		t.Fatalf("cannot publish: %v", token.Error())
	}
}

// sink is a North with its machinery.
type sink struct {
	*north.Runner
	t       *testing.T
	options north.Options
	log     *logs
}

func startSink(t *testing.T, id string, set json.RawMessage) *sink {
	t.Helper()
	n := entity.North{Connector: entity.Connector{Audit: entity.Audit{ID: id}, Name: id, Type: "mqtt", Enabled: true}}
	n.Caching.Trigger.NumberOfElements, n.Caching.Trigger.NumberOfFiles = 1, 1
	n.Caching.Throttling.MaxNumberOfElements = 10_000
	n.Caching.Error.RetryInterval, n.Caching.Error.RetryCount = 100, 3
	s := &sink{t: t, log: &logs{}}
	s.options = north.Options{North: n, Settings: set, Type: northmqtt.Type, DataDir: t.TempDir(), Reserve: 1, Host: host(&memories{}), Log: s.log.logger()}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *sink) start() {
	s.t.Helper()
	var err error
	if s.Runner, err = north.Start(s.options); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sink) stop() {
	s.t.Helper()
	if s.Runner == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		s.t.Error(err)
	}
	s.Runner = nil
}

// messages is a content for the North.
func messages(topic func(i int) string, from, to int) content.Content {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		sep := byte(',')
		if i == from {
			sep = '['
		}
		b.WriteByte(sep)
		fmt.Fprintf(&b, `{"topic":%q,"payload":"%d"}`, topic(i), i)
	}
	b.WriteByte(']')
	return content.FromBytes(content.MQTT, "", to-from, b.Bytes())
}

func (s *sink) accept(c content.Content) {
	s.t.Helper()
	if err := s.Accept(s.t.Context(), c, content.Source{Origin: content.FromSouth, SouthID: "x"}); err != nil {
		s.t.Fatal(err)
	}
}

func textOf(t *testing.T, c content.Content) string {
	t.Helper()
	r, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
