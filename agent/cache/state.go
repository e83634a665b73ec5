package cache

import "slices"

// word is where a content is and since when: place in bits 0-1, more facts in the extras in bit 2, at the tail of
// the queue by request in bit 3, and from bit 8 on the milliseconds since 1970 at which it came to its folder.
type word uint64

const (
	wordExtra    word = 1 << 2
	wordRequeued word = 1 << 3
)

func makeWord(p place, at int64) word { return word(p) | word(max(at, 0))<<8 }

func (w word) place() place { return place(w & 3) }

func (w word) since() int64 { return int64(w >> 8) }

// extra is what few contents have.
type extra struct {
	Order    uint64 // place in the queue, of a requeued content: behind the contents with smaller sequence numbers
	Bytes    uint64 // where the first element that is not sent begins, when Consumed is not 0
	Consumed uint32 // how many elements were sent
	Attempts uint32 // how many attempts to send it failed; and underway
}

// underway, in the attempts of a content that is sent once, says that one began and that its end was not noted.
const underway = 1 << 31

const extraSize = 24

// states are those of the contents of a segment, by position, and the extras by ordinal.
type states struct {
	words  []word
	extras map[uint32]extra
}

// initial is the word of a content that nothing has happened to.
func initial(s *slot) word { return makeWord(s.place, s.created) }

func newStates(x *index) *states {
	st := &states{words: make([]word, x.len())}
	for i := range st.words {
		s := x.at(i)
		st.words[i] = initial(&s)
	}
	return st
}

func (st *states) set(pos int, ordinal uint32, w word, e extra) {
	if e == (extra{}) {
		w &^= wordExtra
		delete(st.extras, ordinal)
	} else {
		w |= wordExtra
		if st.extras == nil {
			st.extras = map[uint32]extra{}
		}
		st.extras[ordinal] = e
	}
	st.words[pos] = w
}

// extra of the content at pos.
func (st *states) extra(pos int, ordinal uint32) extra {
	if st.words[pos]&wordExtra == 0 {
		return extra{}
	}
	return st.extras[ordinal]
}

// stateFacts are those of a state file. Its body is an ordinal and a word for each content that something has happened
// to, then an ordinal and an extra for those that have one.
type stateFacts struct {
	Key, First    uint64
	Count, Extras uint32
	Entries, Gen  uint32  // how many slots the index had, of which generation of the data: what Sum is about
	Sum           summary // of the contents where they are
}

const wordSize = 12

// encode is the body of the state file of a segment.
func (st *states) encode(x *index) (body []byte, count, extras uint32) {
	for i, w := range st.words {
		s := x.at(i)
		if w != initial(&s) {
			body = le.AppendUint64(le.AppendUint32(body, s.ordinal), uint64(w))
			count++
		}
	}
	ordinals := make([]uint32, 0, len(st.extras))
	for o := range st.extras {
		ordinals = append(ordinals, o)
	}
	slices.Sort(ordinals)
	for _, o := range ordinals {
		e := st.extras[o]
		body = le.AppendUint32(body, o)
		body = le.AppendUint64(body, e.Order)
		body = le.AppendUint64(body, e.Bytes)
		body = le.AppendUint32(body, e.Consumed)
		body = le.AppendUint32(body, e.Attempts)
	}
	return body, count, uint32(len(ordinals))
}

// decodeStates merges the body of a state file with an index. Contents that the index has no more are passed over.
func decodeStates(x *index, body []byte, count, extras uint32) (*states, bool) {
	if uint64(len(body)) != uint64(count)*wordSize+uint64(extras)*(4+extraSize) {
		return nil, false
	}
	st := newStates(x)
	for range count {
		if pos, ok := x.find(le.Uint32(body)); ok {
			st.words[pos] = word(le.Uint64(body[4:])) &^ wordExtra
		}
		body = body[wordSize:]
	}
	for range extras {
		o := le.Uint32(body)
		if pos, ok := x.find(o); ok {
			st.set(pos, o, st.words[pos], extra{Order: le.Uint64(body[4:]), Bytes: le.Uint64(body[12:]),
				Consumed: le.Uint32(body[20:]), Attempts: le.Uint32(body[24:])})
		}
		body = body[4+extraSize:]
	}
	return st, true
}
