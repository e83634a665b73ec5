// Package north runs connectors that send data on (protocol/data-plane.md, sections 1.9, 3 and 6). It promises that what
// it accepted is durable and reaches its target at least once, in order, once in normal operation; that what cannot be
// sent is kept where a person finds it; and that a target that is slow, down or lying delays nothing else. It guards
// against the outage of weeks, the full cache, and the one content that can never be sent.
//
// This file is the contract of a connector.
package north

import (
	"context"
	"errors"
	"io"
	"time"

	"oibus/agent/connector"
	"oibus/agent/content"
)

// Type is one type of connector: a row of the catalogue.
type Type struct {
	ID      string         // as in its manifest
	Accepts []content.Kind // what it can send; other kinds go to the error folder
	New     func(Env) (Connector, error)
}

// Env is what a North connector is made from.
type Env struct {
	connector.Env
	// Lost says that the connection is gone: the connector is disconnected, and connected again after a while, until
	// it succeeds. Nothing is sent meanwhile. It does not block.
	Lost func(reason error, after time.Duration)
}

// Connector is one configured North. Its methods are called by one goroutine at a time.
type Connector interface {
	// Connect opens what lasts. It is called before anything is sent, and again after Disconnect. A connector that needs
	// no connection returns nil.
	Connect(ctx context.Context) error
	Disconnect(ctx context.Context) error
	// Test tries the settings, without Connect, and tells what it found. Its error is the result of the test.
	Test(ctx context.Context) (connector.Report, error)
	// Send delivers one content. nil means that the target has it for good. An error of Again is tried for ever, others
	// as often as the settings say.
	Send(ctx context.Context, d Delivery) error
}

// Delivery is one content to send.
type Delivery struct {
	Kind     content.Kind
	Name     string // logical file name, may hold sub-folders
	Elements int    // of an array, 0 for a file
	Size     int64  // in bytes
	Created  time.Time
	// Open reads the content from its beginning. It may be called more than once.
	Open func() io.ReadCloser
}

// AgainError says that sending may succeed later, whatever the limit of attempts.
type AgainError struct {
	Err    error
	After  time.Duration // how long the target asked to wait, 0 when it did not
	Answer bool          // the target answered: it is this content that it refused
}

func (e *AgainError) Error() string { return e.Err.Error() }
func (e *AgainError) Unwrap() error { return e.Err }

// Again marks an error of the network or of the target, which retrying may overcome.
func Again(err error) error { return &AgainError{Err: err} }

// IsAgain finds the AgainError in err.
func IsAgain(err error) (*AgainError, bool) {
	var again *AgainError
	ok := errors.As(err, &again)
	return again, ok
}
