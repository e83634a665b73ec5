// Package answer says what an HTTP target's answer means for a content that was sent to it (protocol/data-plane.md,
// section 6.0): delivered, to be tried again for ever, or an error of the content. It promises that what the network,
// the credentials or the load of a target spoil never costs a content its attempts. It guards against good contents in
// the error folder, and against one bad content that holds up all others.
package answer

import (
	"context"
	"errors"
	"fmt"

	"oibus/agent/connector/httpclient"
	"oibus/agent/north"
)

// Failed is the error of an exchange that got no answer: prefix stands before the words for the network.
//
// Unlike in the reference, what is wrong with the settings or the registration is no fault of the content either.
func Failed(prefix string, err error) error {
	var settings *httpclient.SettingsError
	switch {
	case errors.Is(err, context.Canceled), errors.As(err, &settings):
		return north.Again(err)
	case httpclient.IsLocal(err):
		return err
	default:
		return north.Again(fmt.Errorf("%s%w", prefix, err))
	}
}

// Refused is the error of an answer that is no success, worded by text.
func Refused(res *httpclient.Response, text string) error {
	err := errors.New(text)
	if !httpclient.Retryable(res.Status) {
		return err
	}
	return &north.AgainError{Err: err, After: res.RetryAfter(), Answer: httpclient.AboutContent(res.Status)}
}

// Taken is nil when the target read the whole content before it called it a success.
func Taken(prefix string, res *httpclient.Response) error {
	if err := res.Taken(); err != nil {
		return &north.AgainError{Err: fmt.Errorf("%s%w", prefix, err), Answer: true}
	}
	return nil
}
