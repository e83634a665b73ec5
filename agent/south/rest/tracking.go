package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ohler55/ojg/jp"

	"oibus/agent/content"
	"oibus/agent/transform/datetime"
	"oibus/platform/task"
)

// maxWhole bounds an answer that a path needs as a whole in memory.
const maxWhole = 64 << 20

// tracking finds the greatest instant in an answer. A nil tracking finds none.
type tracking struct {
	source    string
	following path    // nil when the whole answer is needed
	whole     jp.Expr // nil when it is not
	input     *datetime.Input
	log       *slog.Logger

	any        bool
	latest     int64 // in milliseconds
	unreadable int
}

// tracking is what an item wants to be tracked, nil for nothing.
func (r *REST) tracking(item itemSettings) (*tracking, error) {
	if item.Tracking == nil || !bool(item.Tracking.Track) || item.ReturnType == "file" {
		return nil, nil
	}
	t := &tracking{source: item.Tracking.JSONPath, log: r.log}
	var err error
	if t.input, err = datetime.NewInput(item.Tracking.DateTime.spec(), r.now()); err != nil {
		return nil, fmt.Errorf("cannot track the instant: %w", err)
	}
	if p, ok := parsePath(t.source); ok {
		if t.following = p; len(p) == 0 {
			t.following = path{}
		}
		return t, nil
	}
	err = task.Protect("parse of a JSONPath", func() (err error) {
		t.whole, err = jp.ParseString(strings.TrimSpace(t.source))
		return err
	})
	if err != nil || len(t.whole) == 0 {
		return nil, fmt.Errorf("invalid JSONPath %q: %w", t.source, errors.Join(err, errors.New("see the documentation of tracked instants")))
	}
	return t, nil
}

// path is what to follow while the answer is read.
func (t *tracking) path() path {
	if t == nil {
		return nil
	}
	return t.following
}

func (t *tracking) forget() {
	if t != nil {
		t.any, t.unreadable = false, 0
	}
}

// found takes a value that the path leads to. What is empty is passed over, and so is a text that is no date; a value
// that can be none is an error.
func (t *tracking) found(token []byte) error {
	text, isText := content.Text(token)
	var ms int64
	var err error
	switch {
	case isText && len(text) == 0 || string(token) == "null":
		return nil
	case isText:
		if ms, err = t.input.Text(text); err != nil && !numeric(err) {
			t.unreadable++
			return nil
		}
	default:
		number, convertErr := strconv.ParseFloat(string(token), 64)
		if convertErr != nil {
			return fmt.Errorf("the JSONPath %q leads to %s, which is no instant", t.source, kindOf(token))
		}
		if number == 0 {
			return nil
		}
		ms, err = t.input.Number(number)
	}
	if err != nil {
		return err
	}
	if !t.any || ms > t.latest {
		t.any, t.latest = true, ms
	}
	return nil
}

// numeric says whether a text failed where a number is expected: a mistake in the settings, not in the data.
func numeric(err error) bool {
	var wrong *datetime.Error
	return errors.As(err, &wrong) && (wrong.Type == datetime.UnixEpoch || wrong.Type == datetime.UnixEpochMs)
}

func kindOf(token []byte) string {
	switch token[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return string(token)
}

// greatest is the greatest instant of the answer in a file, zero for none.
func (t *tracking) greatest(path string) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if t.whole != nil {
		if err := t.search(path); err != nil {
			return time.Time{}, err
		}
	}
	if t.unreadable > 0 {
		t.log.Warn(fmt.Sprintf("%d values at the JSONPath %q are no dates as the settings describe them: they are not tracked", t.unreadable, t.source))
	}
	if !t.any {
		return time.Time{}, nil
	}
	return time.UnixMilli(t.latest), nil
}

// search looks through an answer that is read as a whole. One that is no JSON holds no instants.
func (t *tracking) search(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxWhole {
		return fmt.Errorf("the JSONPath %q needs the whole answer, which is longer than %d bytes: read shorter intervals, or use a path without filter", t.source, maxWhole)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var data any
	if json.Unmarshal(raw, &data) != nil {
		return nil
	}
	var matches []any
	if err := task.Protect("search of a JSONPath", func() error { matches = t.whole.Get(data); return nil }); err != nil {
		return fmt.Errorf("cannot follow the JSONPath %q: %w", t.source, err)
	}
	for _, match := range matches {
		token, err := json.Marshal(match)
		if err != nil {
			return err
		}
		if err := t.found(token); err != nil {
			return err
		}
	}
	return nil
}
