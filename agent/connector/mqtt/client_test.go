package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"oibus/agent/connector/mqtt/mqtttest"
)

// taker takes messages, and is told of losses.
type taker struct {
	mu   sync.Mutex
	list []*Message
	lost []error
	came chan *Message
}

func newTaker() *taker { return &taker{came: make(chan *Message, 1000)} }

func (k *taker) take(_ context.Context, m *Message) bool {
	k.mu.Lock()
	k.list = append(k.list, m)
	k.mu.Unlock()
	k.came <- m
	return true
}

func (k *taker) next(t *testing.T) *Message {
	t.Helper()
	select {
	case m := <-k.came:
		return m
	case <-time.After(2 * time.Minute):
		t.Fatal("no message was handed over")
		return nil
	}
}

func (k *taker) losses() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.lost)
}

func newClient(t *testing.T, url, qos string, persistent bool, change ...func(*Options)) (*Client, *taker) {
	t.Helper()
	k := newTaker()
	s := &Settings{URL: url, QoSText: qos, Timeout: 5000}
	if persistent {
		s.Persistent = true
	}
	o := Options{Settings: s, ID: "c1", Clean: s.Clean(), Message: k.take, Lost: func(err error) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.lost = append(k.lost, err)
	}}
	for _, f := range change {
		f(&o)
	}
	c := New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.Disconnect(ctx) // most tests end with a broken connection
	})
	return c, k
}

// connect connects c to b, which remembers its session or not.
func connect(t *testing.T, c *Client, b *mqtttest.Broker, present bool) *mqtttest.Conn {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		got, err := c.Connect(context.Background())
		if err == nil && got != present {
			err = errors.New("it is not known whether the broker knew the session")
		}
		done <- err
	}()
	conn := b.Welcome(present)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return conn
}

// lose ends a connection and waits until the client has noticed.
func lose(t *testing.T, c *Client, conn *mqtttest.Conn) {
	t.Helper()
	conn.Close()
	for limit := time.Now().Add(2 * time.Minute); c.Connected(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("the loss was not noticed")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := c.Disconnect(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestTheConnectorIntroducesItself(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "1", true, func(o *Options) {
		o.Settings.Authentication = Authentication{Type: "basic", Username: "jane", Password: "secret"}
	})
	p := connect(t, c, b, true).Connect
	if p.ProtocolName != "MQTT" || p.ProtocolVersion != 4 || p.ClientIdentifier != "c1" || p.CleanSession || p.Keepalive != 60 ||
		p.Username != "jane" || string(p.Password) != "secret" || p.WillFlag {
		t.Errorf("%+v", p)
	}
}

func TestRefusalsAreToldInTheReferencesWords(t *testing.T) {
	t.Parallel()
	for code, want := range map[byte]string{
		1: "Connection refused: Unacceptable protocol version", 2: "Connection refused: Identifier rejected", 3: "Connection refused: Server unavailable",
		4: "Connection refused: Bad username or password", 5: "Connection refused: Not authorized", 77: "Connection refused: return code 77",
	} {
		b := mqtttest.New(t)
		c, k := newClient(t, b.URL, "1", false)
		done := make(chan error, 1)
		go func() { _, err := c.Connect(context.Background()); done <- err }()
		b.Accept().Answer(code, false)
		if err := <-done; err == nil || err.Error() != want || c.Connected() || k.losses() != 0 {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestABrokerThatDoesNotAnswerIsLeftInTime(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "1", false, func(o *Options) { o.Settings.Timeout = 100 })
	_, err := c.Connect(context.Background())
	if err == nil || err.Error() != "connack timeout: the broker has not answered within 100 ms" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Connect(ctx); err == nil || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAServerThatIsNoBrokerIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x30\x05\x00\x01ahi":          "the broker does not speak MQTT 3.1.1",
		"HTTP/1.1 400 Bad Request\r\n": "", // any error
		"\xf0\xff\xff\xff\xff\xff":     "more than four bytes",
	} {
		b := mqtttest.New(t)
		c, _ := newClient(t, b.URL, "1", false)
		done := make(chan error, 1)
		go func() { _, err := c.Connect(context.Background()); done <- err }()
		conn := b.Accept()
		conn.Raw([]byte(text))
		conn.Close()
		if err := <-done; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAMessageIsAcknowledgedWhenItsTakerSaysSo(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, k := newClient(t, b.URL, "2", true)
	conn := connect(t, c, b, false)
	conn.Write(mqtttest.Publish("a", "0", 0, 0, false), mqtttest.Publish("a", "1", 1, 11, false), mqtttest.Publish("a", "2", 2, 12, false))
	messages := []*Message{k.next(t), k.next(t), k.next(t)}
	conn.Quiet()
	c.Ack(messages)
	if p := mqtttest.Expect[*packets.PubackPacket](conn); p.MessageID != 11 {
		t.Error(p)
	}
	if p := mqtttest.Expect[*packets.PubrecPacket](conn); p.MessageID != 12 {
		t.Error(p)
	}
	conn.Write(mqtttest.Short(packets.Pubrel, 12))
	if p := mqtttest.Expect[*packets.PubcompPacket](conn); p.MessageID != 12 {
		t.Error(p)
	}
}

func TestWhatWaitsIsNotHandedOverAgainWhenItComesAgain(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, k := newClient(t, b.URL, "1", true)
	conn := connect(t, c, b, false)
	conn.Write(mqtttest.Publish("a", "1", 1, 11, false), mqtttest.Publish("a", "2", 2, 12, false))
	messages := []*Message{k.next(t), k.next(t)}
	lose(t, c, conn)
	conn = connect(t, c, b, true)
	conn.Write(mqtttest.Publish("a", "1", 1, 11, true), mqtttest.Publish("a", "2", 2, 12, true), mqtttest.Publish("a", "3", 1, 13, false))
	if m := k.next(t); string(m.Payload) != "3" {
		t.Errorf("handed over again: %s", m.Payload)
	}
	c.Ack(messages)
	if p := mqtttest.Expect[*packets.PubackPacket](conn); p.MessageID != 11 {
		t.Error(p)
	}
	if p := mqtttest.Expect[*packets.PubrecPacket](conn); p.MessageID != 12 {
		t.Error(p)
	}
}

func TestWhatWasTakenWithoutAConnectionIsAcknowledgedWhenItComesAgain(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, k := newClient(t, b.URL, "1", true)
	conn := connect(t, c, b, false)
	conn.Write(mqtttest.Publish("a", "1", 1, 11, false), mqtttest.Publish("a", "2", 2, 12, false))
	messages := []*Message{k.next(t), k.next(t)}
	lose(t, c, conn)
	c.Ack(messages)
	conn = connect(t, c, b, true)
	conn.Write(mqtttest.Publish("a", "1", 1, 11, true))
	if p := mqtttest.Expect[*packets.PubackPacket](conn); p.MessageID != 11 {
		t.Error(p)
	}
	for range 2 { // at QoS 2 until it is released
		conn.Write(mqtttest.Publish("a", "2", 2, 12, true))
		if p := mqtttest.Expect[*packets.PubrecPacket](conn); p.MessageID != 12 {
			t.Error(p)
		}
	}
	conn.Write(mqtttest.Short(packets.Pubrel, 12))
	mqtttest.Expect[*packets.PubcompPacket](conn)
	// The identifiers are free, and used for others that hold the same.
	conn.Write(mqtttest.Publish("a", "1", 1, 11, false), mqtttest.Publish("a", "2", 2, 12, false))
	if string(k.next(t).Payload)+string(k.next(t).Payload) != "12" {
		t.Error("other messages came")
	}
}

func TestAfterTheBrokerHasForgottenTheSessionNothingIsRecognised(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, k := newClient(t, b.URL, "2", true)
	conn := connect(t, c, b, false)
	conn.Write(mqtttest.Publish("a", "1", 2, 11, false), mqtttest.Publish("a", "2", 2, 12, false))
	messages := []*Message{k.next(t), k.next(t)}
	c.Ack(messages[:1])
	mqtttest.Expect[*packets.PubrecPacket](conn)
	lose(t, c, conn)
	conn = connect(t, c, b, false)
	c.Ack(messages[1:]) // nobody waits for that
	conn.Quiet()
	conn.Write(mqtttest.Publish("a", "1", 2, 11, true))
	if string(k.next(t).Payload) != "1" {
		t.Error("another message came")
	}
}

func TestWhatWasOnItsWayIsCompletedUnderItsIdentifiers(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "2", true)
	conn := connect(t, c, b, false)
	var flights []*Flight
	for i := range 3 {
		f, err := c.Publish(t.Context(), "a", []byte(fmt.Sprint(i)), 2)
		if err != nil {
			t.Fatal(err)
		}
		flights = append(flights, f)
	}
	var ids []uint16
	for range flights {
		ids = append(ids, mqtttest.Expect[*packets.PublishPacket](conn).MessageID)
	}
	conn.Write(mqtttest.Short(packets.Pubrec, ids[0]), mqtttest.Short(packets.Pubrec, ids[1]))
	mqtttest.Expect[*packets.PubrelPacket](conn)
	mqtttest.Expect[*packets.PubrelPacket](conn)
	conn.Write(mqtttest.Short(packets.Pubcomp, ids[0]))
	if err := c.Wait(t.Context(), flights[0]); err != nil {
		t.Fatal(err)
	}
	lose(t, c, conn)
	conn = connect(t, c, b, true)
	if p := mqtttest.Expect[*packets.PubrelPacket](conn); p.MessageID != ids[1] {
		t.Errorf("%s: the broker has this message", p)
	}
	if p := mqtttest.Expect[*packets.PublishPacket](conn); p.MessageID != ids[2] || !p.Dup || string(p.Payload) != "2" || p.Qos != 2 {
		t.Errorf("%s", p)
	}
	conn.Write(mqtttest.Short(packets.Pubcomp, ids[1]), mqtttest.Short(packets.Pubrec, ids[2]))
	mqtttest.Expect[*packets.PubrelPacket](conn)
	conn.Write(mqtttest.Short(packets.Pubcomp, ids[2]))
	for _, f := range flights[1:] {
		if err := c.Wait(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatWasOnItsWayIsGivenUpWhenTheBrokerHasForgotten(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "1", true)
	conn := connect(t, c, b, false)
	f, err := c.Publish(t.Context(), "a", []byte("1"), 1)
	if err != nil {
		t.Fatal(err)
	}
	lose(t, c, conn)
	if _, err := c.Publish(t.Context(), "a", nil, 1); !errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
	conn = connect(t, c, b, false)
	if done, err := f.Done(); !done || !errors.Is(err, ErrForgotten) {
		t.Error(done, err)
	}
	conn.Quiet()
}

func TestOnlySoManyMessagesAreOnTheirWay(t *testing.T) {
	t.Parallel()
	for qos, window := range map[byte]int{1: window1, 2: window2} {
		b := mqtttest.New(t)
		c, _ := newClient(t, b.URL, "2", true)
		conn := connect(t, c, b, false)
		done := make(chan error, 1)
		go func() {
			for range window + 1 {
				if _, err := c.Publish(context.Background(), "a", []byte("x"), qos); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		var first uint16
		for i := range window {
			if p := mqtttest.Expect[*packets.PublishPacket](conn); i == 0 {
				first = p.MessageID
			}
		}
		conn.Quiet()
		kind := byte(packets.Puback)
		if qos == 2 {
			kind = packets.Pubcomp
		}
		conn.Write(mqtttest.Short(kind, first))
		mqtttest.Expect[*packets.PublishPacket](conn)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestABrokerThatTakesFewerAtOnceGetsFewer(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "2", true)
	conn := connect(t, c, b, false)
	var flights []*Flight
	for range 5 {
		f, err := c.Publish(t.Context(), "a", []byte("x"), 2)
		if err != nil {
			t.Fatal(err)
		}
		flights = append(flights, f)
		mqtttest.Expect[*packets.PublishPacket](conn)
	}
	for range 2 { // nothing arrives
		lose(t, c, conn)
		conn = connect(t, c, b, true)
	}
	for _, f := range flights {
		if f.id%2 == 1 {
			mqtttest.Expect[*packets.PublishPacket](conn)
			if f.id < 5 {
				mqtttest.Expect[*packets.PublishPacket](conn)
			}
			conn.Quiet() // two at a time
		}
		conn.Write(mqtttest.Short(packets.Pubrec, f.id))
		mqtttest.Expect[*packets.PubrelPacket](conn)
		if f.id%2 == 0 {
			conn.Write(mqtttest.Short(packets.Pubcomp, f.id-1), mqtttest.Short(packets.Pubcomp, f.id))
		}
	}
	conn.Write(mqtttest.Short(packets.Pubcomp, 5))
	for _, f := range flights {
		if err := c.Wait(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
}

func TestAPublisherBeginsWithoutAPast(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "2", true, func(o *Options) { o.Anew = true })
	done := make(chan error, 1)
	go func() { _, err := c.Connect(context.Background()); done <- err }()
	first := b.Welcome(false)
	mqtttest.Expect[*packets.DisconnectPacket](first)
	first.Close()
	second := b.Welcome(false)
	if err := <-done; err != nil || !first.Connect.CleanSession || second.Connect.CleanSession {
		t.Errorf("%v, %v, %v", err, first.Connect, second.Connect)
	}
	lose(t, c, second)
	if p := connect(t, c, b, true).Connect; p.CleanSession {
		t.Error("a session that goes on was ended")
	}
}

func TestWhatWaitsToBeWrittenIsWrittenBeforeLeaving(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, k := newClient(t, b.URL, "1", true)
	conn := connect(t, c, b, false)
	const n = 100
	var messages []*Message
	for i := range n {
		conn.Write(mqtttest.Publish("a", "x", 1, uint16(i+1), false))
		messages = append(messages, k.next(t))
	}
	done := make(chan error, 1)
	go func() {
		c.Ack(messages)
		done <- c.Disconnect(context.Background())
	}()
	for i := range n {
		if p := mqtttest.Expect[*packets.PubackPacket](conn); p.MessageID != uint16(i+1) {
			t.Fatal(p)
		}
	}
	conn.Write(mqtttest.Publish("a", "late", 1, 999, false)) // is not taken any more
	mqtttest.Expect[*packets.DisconnectPacket](conn)
	conn.Close()
	if err := <-done; err != nil || k.losses() != 0 {
		t.Errorf("%v, %d", err, k.losses())
	}
	if _, err := c.Publish(t.Context(), "a", nil, 0); !errors.Is(err, ErrNotConnected) {
		t.Error(err)
	}
}

func TestTopicsThatAreRefusedAreNamed(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, _ := newClient(t, b.URL, "1", false)
	conn := connect(t, c, b, false)
	var filters []string
	for i := range 2*filtersAtOnce + 1 {
		filters = append(filters, fmt.Sprintf("t/%d", i))
	}
	type answer struct {
		refused []string
		err     error
	}
	done := make(chan answer, 1)
	go func() {
		refused, err := c.Subscribe(context.Background(), filters, 1)
		done <- answer{refused, err}
	}()
	var asked []string
	asked = append(asked, conn.Granted()...)
	asked = append(asked, conn.Granted(failure)...)
	asked = append(asked, conn.Granted()...)
	if got := <-done; got.err != nil || !slices.Equal(got.refused, []string{"t/8"}) || !slices.Equal(asked, filters) {
		t.Errorf("%v, asked %v", got, asked)
	}
	gone := make(chan error, 1)
	go func() { gone <- c.Unsubscribe(context.Background(), []string{"t/1"}) }()
	p := mqtttest.Expect[*packets.UnsubscribePacket](conn)
	conn.Write(mqtttest.Short(packets.Unsuback, p.MessageID))
	if err := <-gone; err != nil || !slices.Equal(p.Topics, []string{"t/1"}) {
		t.Error(err, p)
	}
	go func() { gone <- c.Unsubscribe(context.Background(), []string{"t/2"}) }()
	mqtttest.Expect[*packets.UnsubscribePacket](conn)
	conn.Close()
	if err := <-gone; err == nil || err.Error() != "the broker has closed the connection" {
		t.Error(err)
	}
}

func TestAMessageThatIsTooLargeIsPassedOver(t *testing.T) {
	t.Parallel()
	b := mqtttest.New(t)
	c, k := newClient(t, b.URL, "1", true)
	conn := connect(t, c, b, false)
	large := mqtttest.Publish("a", strings.Repeat("x", maxPacket), 1, 5, false)
	conn.Write(large, mqtttest.Publish("a", "small", 1, 6, false))
	if p := mqtttest.Expect[*packets.PubackPacket](conn); p.MessageID != 5 {
		t.Error(p)
	}
	if string(k.next(t).Payload) != "small" {
		t.Error("another message came")
	}
}

// pipe connects c with what is not quite a broker, in the bubble of a synctest.
func pipe(t *testing.T, c *Client) *mqtttest.Conn {
	t.Helper()
	there, here := net.Pipe()
	c.dial = func(context.Context) (net.Conn, error) { return here, nil }
	done := make(chan error, 1)
	go func() { _, err := c.Connect(context.Background()); done <- err }()
	conn := mqtttest.Serve(t, there)
	conn.Answer(packets.Accepted, false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestTheConnectionStaysAliveWhileNothingIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, k := newClient(t, "mqtt://broker", "1", true, func(o *Options) {
			o.Message = func(ctx context.Context, _ *Message) bool {
				select {
				case <-release:
					return true
				case <-ctx.Done():
					return false
				}
			}
		})
		conn := pipe(t, c)
		pings := make(chan struct{}, 1000)
		go func() { // the line takes a pong only when somebody reads
			for range pings {
				_ = packets.NewControlPacket(packets.Pingresp).Write(conn.Line())
			}
		}()
		go func() {
			defer close(pings)
			for {
				p, err := conn.TryRead()
				if _, ok := p.(*packets.PingreqPacket); ok && err == nil {
					pings <- struct{}{}
				} else if !errors.Is(err, os.ErrDeadlineExceeded) { // pings are further apart than its patience
					return
				}
			}
		}()
		conn.Write(mqtttest.Publish("a", "1", 1, 1, false))
		time.Sleep(time.Hour)
		if !c.Connected() || k.losses() != 0 {
			t.Fatal("the connection is gone")
		}
		close(release)
		time.Sleep(time.Hour)
		if !c.Connected() || k.losses() != 0 {
			t.Error("the connection is gone")
		}
		conn.Close()
	})
}

func TestABrokerThatIsSilentIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, k := newClient(t, "mqtt://broker", "1", true)
		conn := pipe(t, c)
		go func() {
			for c.Connected() {
				_, _ = conn.TryRead() // and no answer
			}
		}()
		time.Sleep(silenceLimit + time.Second)
		synctest.Wait()
		if c.Connected() || k.losses() != 1 || k.lost[0].Error() != "the broker does not answer any more" {
			t.Errorf("%v", k.lost)
		}
		conn.Close()
	})
}

func TestABrokerThatDoesNotReadIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, k := newClient(t, "mqtt://broker", "1", true)
		conn := pipe(t, c)
		if _, err := c.Publish(t.Context(), "a", []byte("x"), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(writeLimit + time.Second)
		synctest.Wait()
		if c.Connected() || k.losses() != 1 {
			t.Errorf("%v", k.lost)
		}
		conn.Close()
	})
}

func TestABrokerThatDoesNotConfirmIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, k := newClient(t, "mqtt://broker", "1", true)
		conn := pipe(t, c)
		go func() {
			for c.Connected() {
				if p, err := conn.TryRead(); err == nil {
					if _, ok := p.(*packets.PingreqPacket); ok {
						_ = packets.NewControlPacket(packets.Pingresp).Write(conn.Line())
					}
				}
			}
		}()
		f, err := c.Publish(t.Context(), "a", []byte("x"), 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(t.Context(), f); err == nil || err.Error() != "the broker does not answer a request" || k.losses() != 1 {
			t.Errorf("%v, %v", err, k.lost)
		}
		conn.Close()
	})
}
