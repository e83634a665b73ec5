package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connector/mqtt"
	"oibus/agent/content"
	"oibus/agent/south"
)

const (
	// testLimit is how long the test of an item waits for a message.
	testLimit = 30 * time.Second
	// leaveLimit is how long a test may take to close its connection.
	leaveLimit = 5 * time.Second
)

// Test connects under an identifier of its own, so that the running connector stays connected.
func (s *South) Test(ctx context.Context) (connector.Report, error) {
	return mqtt.Test(ctx, &s.settings.Settings, s.env.ID)
}

// TestItem waits for one message.
func (s *South) TestItem(ctx context.Context, t south.TestRequest) (result south.TestResult, err error) {
	sub, err := describe(t.Item)
	if err != nil {
		return result, err
	}
	fail := func(err error) (south.TestResult, error) {
		//lint:ignore ST1005 the reference's text
		return south.TestResult{}, fmt.Errorf("Error when testing item %s: %w", sub.filter, err)
	}
	came := make(chan *mqtt.Message, 1)
	lost := make(chan error, 1)
	c := mqtt.New(mqtt.Options{
		Settings: &s.settings.Settings, ID: mqtt.TestID(s.env.ID), Clean: true, Log: s.env.Log,
		Message: func(_ context.Context, m *mqtt.Message) bool {
			select {
			case came <- m:
			default:
			}
			return true
		},
		Lost: func(reason error) { lost <- reason },
	})
	start := time.Now()
	if _, err := c.Connect(ctx); err != nil {
		return fail(err)
	}
	defer func() {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
		defer cancel()
		err = errors.Join(err, c.Disconnect(leave))
	}()
	result.Connection = time.Since(start)
	start = time.Now()
	refused, err := c.Subscribe(ctx, []string{sub.filter}, 0)
	if err != nil {
		return fail(err)
	}
	if len(refused) > 0 {
		return fail(errors.New("the broker refuses the subscription"))
	}
	timer := time.NewTimer(testLimit)
	defer timer.Stop()
	select {
	case m := <-came:
		result.Query = time.Since(start)
		p := portion{of: sub, list: []*arrival{{message: m, at: s.env.Host.Now()}}}
		result.Content = content.FromBytes(content.AnyContent, "", 0, encode(&p))
		return result, nil
	case reason := <-lost:
		return fail(reason)
	case <-timer.C:
		return fail(fmt.Errorf("no message has come within %s", testLimit))
	case <-ctx.Done():
		return fail(ctx.Err())
	}
}
