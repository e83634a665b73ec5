package modbus

import (
	"context"
	"errors"
	"fmt"

	"oibus/agent/connector/modbus"
	"oibus/agent/content"
	"oibus/agent/south"
)

// errUnread marks an item whose turn did not come.
var errUnread = errors.New("not read")

// scan is one reading of several items, each of which ends with a text or with an error.
type scan struct {
	points []point
	spans  []modbus.Span // of the points that can be read
	which  []int         // point of a span; nil when they are the same
	texts  []string
	errs   []error
}

func (m *Modbus) newScan(items []south.Item) *scan {
	s := &scan{points: make([]point, len(items)), texts: make([]string, len(items)), errs: make([]error, len(items)), which: make([]int, 0, len(items))}
	for i := range items {
		if s.points[i], s.errs[i] = m.points.get(items[i], m.parse); s.errs[i] == nil {
			s.spans, s.which, s.errs[i] = append(s.spans, s.points[i].span), append(s.which, i), errUnread
		}
	}
	return s
}

func (s *scan) plan(batch bool, gap int) []modbus.Request {
	if batch {
		return modbus.Batch(s.spans, max(gap, 0))
	}
	return modbus.Single(s.spans)
}

// run reads everything that can be read. Its error is that of the connection, behind which nothing more was read.
func (s *scan) run(ctx context.Context, client *modbus.Client, requests []modbus.Request) error {
	for _, r := range requests {
		if err := s.read(ctx, client, r); err != nil {
			return err
		}
	}
	return nil
}

// read makes one request. What the device refuses as a whole may have parts that it has: the request is halved until
// only what it does not have is left out.
func (s *scan) read(ctx context.Context, client *modbus.Client, r modbus.Request) error {
	err := s.fetch(ctx, client, r)
	var refused *modbus.Exception
	if !errors.As(err, &refused) {
		return err
	}
	halves := r.Halve(s.spans)
	if halves == nil || !refused.Divisible() {
		for _, i := range r.Of {
			s.errs[s.point(i)] = err
		}
		return nil
	}
	return s.run(ctx, client, halves)
}

func (s *scan) point(span int) int {
	if s.which == nil {
		return span
	}
	return s.which[span]
}

// fetch makes one request and keeps the values.
func (s *scan) fetch(ctx context.Context, client *modbus.Client, r modbus.Request) error {
	if r.Table.Bits() {
		bits, err := client.ReadBits(ctx, r.Table, r.Address, r.Count)
		if err != nil {
			return err
		}
		for _, i := range r.Of {
			text := "0"
			if bits[s.spans[i].Address-r.Address] {
				text = "1"
			}
			s.keep(i, text)
		}
		return nil
	}
	words, err := client.ReadRegisters(ctx, r.Table, r.Address, r.Count)
	if err != nil {
		return err
	}
	for _, i := range r.Of {
		from := int(s.spans[i].Address - r.Address)
		s.keep(i, s.points[s.point(i)].format.Text(words[from:from+s.spans[i].Count]))
	}
	return nil
}

func (s *scan) keep(span int, text string) {
	i := s.point(span)
	s.texts[i], s.errs[i] = text, nil
}

// values are those that were read, and the items that they are of.
func (s *scan) values(items []south.Item, at string) ([]south.Item, []content.TimeValue) {
	var values []content.TimeValue
	var of []south.Item
	for i := range items {
		if s.errs[i] == nil {
			values = append(values, content.TimeValue{PointID: items[i].Name, Timestamp: at, Data: content.TextData(s.texts[i])})
			of = append(of, items[i])
		}
	}
	return of, values
}

// failure is why none of the items was read.
func (s *scan) failure() error {
	switch len(s.errs) {
	case 0:
		return nil
	case 1:
		return s.errs[0]
	}
	return fmt.Errorf("%w (and %d more items)", s.errs[0], len(s.errs)-1)
}
