package cache

// kinds is how many kinds of content a summary has room for.
const kinds = 16

// summary counts the contents of a segment, or of all. Its encoding is that of its fields in order.
type summary struct {
	Count    [places]uint32 // contents by place, the first unused
	Bytes    [places]uint64 // of what is left to send, or was sent
	Kinds    [kinds]uint32  // contents in the queue by kind
	Files    uint32         // contents in the queue without elements
	Requeued uint32         // contents in the queue that were put at its tail
	OwnFiles uint32         // contents with a file of their own
	_        uint32
	Elements uint64        // elements in the queue
	OwnBytes uint64        // of the contents with a file of their own
	Stored   uint64        // bytes of the data file that these contents take
	Since    [places]int64 // no content came to this place before, as far as it is there
	Oldest   int64         // no content was created before
	Newest   int64         // nor after
	Top      uint64        // no place in the queue given to a content of this segment is higher
}

// left is how many bytes and elements of a content are to be sent.
func left(s *slot, e extra) (bytes uint64, elements uint32) {
	if e.Consumed == 0 || e.Consumed > s.elements || e.Bytes > s.size {
		return s.size, s.elements
	}
	return s.size - e.Bytes + 1, s.elements - e.Consumed
}

// add counts a content with its state.
func (m *summary) add(s *slot, w word, e extra) {
	p := w.place()
	if p == gone {
		return
	}
	m.count(s, w, e, 1)
	if m.Count[p] == 1 || w.since() < m.Since[p] {
		m.Since[p] = w.since()
	}
	if s.created < m.Oldest || m.Oldest == 0 {
		m.Oldest = s.created
	}
	m.Newest = max(m.Newest, s.created)
	m.Top = max(m.Top, e.Order)
}

// remove is the opposite of add. The bounds stay: they are only bounds.
func (m *summary) remove(s *slot, w word, e extra) {
	if w.place() != gone {
		m.count(s, w, e, ^uint64(0))
	}
}

// count adds sign, which is 1 or -1 modulo 2^64, times the content.
func (m *summary) count(s *slot, w word, e extra, sign uint64) {
	p := w.place()
	bytes, elements := left(s, e)
	m.Count[p] += uint32(sign)
	m.Bytes[p] += sign * bytes
	m.Stored += sign * s.stored()
	if s.flags&flagOwnFile != 0 {
		m.OwnFiles += uint32(sign)
		m.OwnBytes += sign * s.size
	}
	if p != queued {
		return
	}
	m.Kinds[s.kind] += uint32(sign)
	m.Elements += sign * uint64(elements)
	if elements == 0 {
		m.Files += uint32(sign)
	}
	if w&wordRequeued != 0 {
		m.Requeued += uint32(sign)
	}
}

// merge adds sign times the counts of o.
func (m *summary) merge(o *summary, sign uint64) {
	for i := range places {
		m.Count[i] += uint32(sign) * o.Count[i]
		m.Bytes[i] += sign * o.Bytes[i]
	}
	for i := range m.Kinds {
		m.Kinds[i] += uint32(sign) * o.Kinds[i]
	}
	m.Files += uint32(sign) * o.Files
	m.Requeued += uint32(sign) * o.Requeued
	m.OwnFiles += uint32(sign) * o.OwnFiles
	m.OwnBytes += sign * o.OwnBytes
	m.Elements += sign * o.Elements
	m.Stored += sign * o.Stored
}

// counts is m without its bounds.
func (m summary) counts() summary {
	m.Since, m.Oldest, m.Newest, m.Top = [places]int64{}, 0, 0, 0
	return m
}

// live is how many contents there are.
func (m *summary) live() uint32 { return m.Count[queued] + m.Count[errored] + m.Count[archived] }

func (m *summary) size() int64 {
	return int64(m.Bytes[queued] + m.Bytes[errored] + m.Bytes[archived])
}

func summarize(x *index, st *states) (m summary) {
	for i := range x.len() {
		s := x.at(i)
		m.add(&s, st.words[i], st.extra(i, s.ordinal))
	}
	return m
}
