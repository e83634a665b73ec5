package logging

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// target is where a forwarder sends to.
type target interface {
	// send delivers records, in order, and returns how many of them, from the first on, have arrived.
	send(ctx context.Context, records []record) (sent int, err error)
	// limit is how many records, and how long a pause after them, one call should have.
	limit() (records int, pause time.Duration)
	close()
}

// RefusedError says that a server answered, and with what HTTP status. A Sender returns it so that the forwarder can
// tell what will pass by itself from what never will; any other error counts as an outage.
type RefusedError struct {
	Status     int
	RetryAfter time.Duration // what the server asked for; 0 when it did not
	Err        error
}

func (e *RefusedError) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%d - %s", e.Status, http.StatusText(e.Status))
}

func (e *RefusedError) Unwrap() error { return e.Err }

// neverAccepted says whether the content, rather than the moment or the credentials, was refused.
func neverAccepted(err error) bool {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// retryAfter is how long the server asked to be left alone.
func retryAfter(err error) time.Duration {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	var polite interface{ RetryAfter() time.Duration }
	if errors.As(err, &polite) {
		return polite.RetryAfter()
	}
	return 0
}
