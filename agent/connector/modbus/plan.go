package modbus

import (
	"cmp"
	"slices"
)

// Span is a run of bits or registers of a table.
type Span struct {
	Table   Table
	Address uint16
	Count   int
}

func (s Span) end() int { return int(s.Address) + s.Count }

// Request is one reading, of several spans when they are close to each other.
type Request struct {
	Span
	Of []int // the spans, by their positions in what was planned, in the order of their addresses
}

// Single plans one request for each span.
func Single(spans []Span) []Request {
	requests := make([]Request, len(spans))
	for i, s := range spans {
		requests[i] = Request{s, []int{i}}
	}
	return requests
}

// Batch plans as few requests as possible: spans that follow each other within gap are read at once, within the limits of
// the protocol.
func Batch(spans []Span, gap int) []Request {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(spans[a].Table, spans[b].Table), cmp.Compare(spans[a].Address, spans[b].Address))
	})
	var requests []Request
	for _, i := range order {
		s := spans[i]
		if last := len(requests) - 1; last >= 0 {
			r := &requests[last]
			count := max(r.end(), s.end()) - int(r.Address)
			if r.Table == s.Table && int(s.Address) <= r.end()+gap && count <= s.Table.Max() {
				r.Count, r.Of = count, append(r.Of, i)
				continue
			}
		}
		requests = append(requests, Request{s, []int{i}})
	}
	return requests
}

// Halve divides a request between its spans, nil when there is one only.
func (r Request) Halve(spans []Span) []Request {
	if len(r.Of) < 2 {
		return nil
	}
	middle := len(r.Of) / 2
	return []Request{covering(spans, r.Of[:middle]), covering(spans, r.Of[middle:])}
}

func covering(spans []Span, of []int) Request {
	r := Request{spans[of[0]], of}
	for _, i := range of[1:] {
		r.Count = max(r.end(), spans[i].end()) - int(r.Address)
	}
	return r
}
