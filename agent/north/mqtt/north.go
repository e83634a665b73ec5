// Package mqtt is the North that publishes to an MQTT broker (protocol/data-plane.md, section 6.3). It promises that a
// content counts as sent only once the broker has confirmed each of its messages at the quality asked for, and at QoS 0
// that it has read them; that messages go out in order; and that after a failure in the middle only those are sent again
// that the broker has not confirmed: at QoS 2 in a persistent session none arrives twice. It guards against the one
// message that cannot be published and would hold up all the others.
package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"oibus/agent/connector"
	"oibus/agent/connector/mqtt"
	"oibus/agent/connector/setting"
	"oibus/agent/content"
	"oibus/agent/north"
)

// Type is the row of the catalogue.
var Type = north.Type{
	ID:      "mqtt",
	Accepts: []content.Kind{content.MQTT},
	New:     func(env north.Env) (north.Connector, error) { return build(env) },
}

// barrierEvery is after how many messages at QoS 0 the broker is asked whether it has read them.
const barrierEvery = 1000

// North is a configured connector.
type North struct {
	env      north.Env
	settings mqtt.Settings
	client   *mqtt.Client
	trip     trip
	tried    bool // Connect was called
}

func build(env north.Env) (*North, error) {
	n := &North{env: env}
	if err := setting.Decode(env.Settings, &n.settings); err != nil {
		return nil, err
	}
	if err := n.settings.Check(); err != nil {
		return nil, err
	}
	n.client = mqtt.New(mqtt.Options{Settings: &n.settings, ID: env.ID, Clean: n.settings.Clean(), Anew: true, Log: env.Log,
		Lost: func(reason error) { env.Lost(reason, n.settings.ReconnectAfter()) }})
	return n, nil
}

// Connect connects, and goes on with what was on its way.
func (n *North) Connect(ctx context.Context) error {
	n.tried = true
	_, err := n.client.Connect(ctx)
	return err
}

// Disconnect closes the connection.
func (n *North) Disconnect(ctx context.Context) error { return n.client.Disconnect(ctx) }

// Test connects under an identifier of its own.
func (n *North) Test(ctx context.Context) (connector.Report, error) {
	return mqtt.Test(ctx, &n.settings, n.env.ID)
}

// Errors of a North that has no connection, in the reference's words.
var (
	errReconnecting = errors.New("Connector is reconnecting...") //lint:ignore ST1005 the reference's text
	errNoClient     = errors.New("MQTT client not set. The connector cannot write values")
)

// Send publishes the messages of a content that have not arrived yet.
func (n *North) Send(ctx context.Context, d north.Delivery) error {
	switch {
	case !n.tried:
		return north.Again(errNoClient)
	case !n.client.Connected():
		return north.Again(errReconnecting)
	}
	faults, err := n.publish(ctx, d)
	if err == nil {
		err = n.await(ctx)
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	if faults.count > 0 { // what could be published was: the trip is kept, so that it is not published again
		return fmt.Errorf("%d of %d messages cannot be published: %s", faults.count, n.trip.taken(), faults.first)
	}
	n.trip = trip{}
	return nil
}

// faults are the messages of a content that can never be published.
type faults struct {
	count int
	first string
}

func (f *faults) add(position int, err error) {
	if f.count++; f.count == 1 {
		f.first = fmt.Sprintf("message %d: %s", position, err)
	}
}

// publish sends what was not sent yet on its way. A message that cannot be published is passed over.
func (n *North) publish(ctx context.Context, d north.Delivery) (bad faults, err error) {
	r, known, err := n.resume(d)
	if err != nil {
		return bad, err
	}
	defer r.Close()
	elements := content.NewArray(r)
	for i := 1; ; i++ {
		element, err := elements.Next()
		if errors.Is(err, io.EOF) {
			return bad, nil
		}
		if err != nil {
			return bad, fmt.Errorf("cannot read the messages: %w", err)
		}
		m, fault := parse(element)
		if fault != nil {
			bad.add(i, fault)
		}
		if i <= known {
			continue
		}
		if err := n.send(ctx, element, m, fault == nil); err != nil {
			return bad, north.Again(err)
		}
	}
}

// resume opens a content, and says how many of its messages were sent on their way before.
func (n *North) resume(d north.Delivery) (r io.ReadCloser, known int, err error) {
	n.trip.cut()
	if known = n.trip.taken(); known > 0 {
		r = d.Open()
		same, err := n.trip.of(d.Created, r)
		_ = r.Close() // it was only read
		if err != nil {
			return nil, 0, err
		}
		if same {
			return d.Open(), known, nil
		}
	}
	n.trip = trip{created: d.Created}
	return d.Open(), 0, nil
}

// send sends one message on its way, or notes that it is passed over.
func (n *North) send(ctx context.Context, element []byte, m message, valid bool) error {
	if !valid {
		n.trip.add(element, nil, false)
		return nil
	}
	f, err := n.client.Publish(ctx, m.Topic, m.Payload, n.settings.QoS())
	if err != nil {
		return err
	}
	n.trip.add(element, f, f == nil)
	n.trip.settle()
	if n.trip.unread >= barrierEvery {
		return n.barrier(ctx)
	}
	return nil
}

func (n *North) barrier(ctx context.Context) error {
	if err := n.client.Barrier(ctx); err != nil {
		return err
	}
	n.trip.wasRead()
	return nil
}

// await returns once everything that was sent on its way has arrived.
func (n *North) await(ctx context.Context) error {
	if n.trip.unread > 0 {
		if err := n.barrier(ctx); err != nil {
			return north.Again(err)
		}
	}
	for {
		f := n.trip.settle()
		if f == nil {
			return nil
		}
		if err := n.client.Wait(ctx, f); err != nil {
			return north.Again(err)
		}
	}
}
