package connectors

import (
	"encoding/json"
	"io"

	"oibus/agent/entity"
)

// Stream writes JSON piece by piece, so that what shows 100,000 items never stands in memory as a whole.
type Stream func(w io.Writer) error

// SouthStream writes what SouthView returns.
func (v Views) SouthStream(id string) (Stream, error) {
	south, w, err := v.drawn(id)
	if err != nil {
		return nil, err
	}
	view, err := w.head(&south)
	if err != nil {
		return nil, err
	}
	before, err := json.Marshal(view.viewTop)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(view.viewRest)
	if err != nil {
		return nil, err
	}
	return func(to io.Writer) error {
		if _, err := to.Write(append(before[:len(before)-1:len(before)-1], `,"items":`...)); err != nil {
			return err
		}
		if err := w.stream(to, south.Items); err != nil {
			return err
		}
		_, err := to.Write(append([]byte{','}, after[1:]...))
		return err
	}, nil
}

// ItemsStream writes all items of a South, as ItemViews returns them.
func (v Views) ItemsStream(id string) (Stream, error) {
	south, w, err := v.drawn(id)
	return func(to io.Writer) error { return w.stream(to, south.Items) }, err
}

func (w *viewer) stream(to io.Writer, items []entity.SouthItem) error {
	mark := "["
	for i := range items {
		view, err := w.item(&items[i])
		if err != nil {
			return err
		}
		raw, err := json.Marshal(view)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(to, mark); err != nil {
			return err
		}
		if _, err := to.Write(raw); err != nil {
			return err
		}
		mark = ","
	}
	if len(items) == 0 {
		mark = "[]"
	} else {
		mark = "]"
	}
	_, err := io.WriteString(to, mark)
	return err
}
