package cache

import "sort"

// slot is what the index of a segment tells of one content. It never changes.
//
//	ordinal 4 | offset 4 | created 8 | size 8 | elements 4 | checksum of the bytes 4 | name at 4 | length of name 2 |
//	kind 1 | place 1 | flags 1 | 0 …
type slot struct {
	ordinal  uint32 // seq less that of the segment
	offset   uint32 // of the record in the data file
	created  int64
	size     uint64
	elements uint32
	sum      uint32
	nameAt   uint32
	nameLen  uint16
	kind     uint8
	place    place // where it was put
	flags    uint8
}

const slotSize = 48

func (s *slot) bytesAt() int64 { return int64(s.offset) + recordHead + int64(s.nameLen) }

// stored is how many bytes of the data file the content takes.
func (s *slot) stored() uint64 {
	n := uint64(recordHead) + uint64(s.nameLen)
	if s.flags&flagOwnFile == 0 {
		n += s.size
	}
	return n
}

func (s *slot) joinable() bool { return s.flags&flagArray != 0 && s.elements > 0 }

// index is the slots of a segment, by ordinal, and the names they refer to, as they are on disk.
type index struct{ slots, names []byte }

func (x *index) len() int { return len(x.slots) / slotSize }

func (x *index) at(pos int) slot {
	b := x.slots[pos*slotSize : (pos+1)*slotSize]
	return slot{ordinal: le.Uint32(b), offset: le.Uint32(b[4:]), created: int64(le.Uint64(b[8:])), size: le.Uint64(b[16:]),
		elements: le.Uint32(b[24:]), sum: le.Uint32(b[28:]), nameAt: le.Uint32(b[32:]), nameLen: le.Uint16(b[36:]),
		kind: b[38], place: place(b[39]), flags: b[40]}
}

func (x *index) ordinal(pos int) uint32 { return le.Uint32(x.slots[pos*slotSize:]) }

func (x *index) name(s *slot) []byte {
	return x.names[s.nameAt : uint64(s.nameAt)+uint64(s.nameLen)]
}

// add appends a slot for a record at offset.
func (x *index) add(r *record, first uint64, offset int64) {
	b := x.slots
	b = le.AppendUint32(b, uint32(r.seq-first))
	b = le.AppendUint32(b, uint32(offset))
	b = le.AppendUint64(b, uint64(r.created))
	b = le.AppendUint64(b, r.size)
	b = le.AppendUint32(b, r.elements)
	b = le.AppendUint32(b, r.sum)
	b = le.AppendUint32(b, uint32(len(x.names)))
	b = le.AppendUint16(b, uint16(len(r.name)))
	b = append(b, r.kind, byte(r.place), r.flags, 0, 0, 0, 0, 0, 0, 0)
	x.slots, x.names = b, append(x.names, r.name...)
}

// copySlot appends slot s of other, whose record is now at offset.
func (x *index) copySlot(other *index, s *slot, offset int64) {
	x.add(&record{seq: uint64(s.ordinal), created: s.created, size: s.size, elements: s.elements, sum: s.sum, kind: s.kind,
		place: s.place, flags: s.flags, name: string(other.name(s))}, 0, offset)
}

// find is the position of the slot with ordinal.
func (x *index) find(ordinal uint32) (pos int, ok bool) {
	n := x.len()
	if p := int(ordinal); p < n && x.ordinal(p) == ordinal {
		return p, true
	}
	pos = sort.Search(n, func(i int) bool { return x.ordinal(i) >= ordinal })
	return pos, pos < n && x.ordinal(pos) == ordinal
}

// valid says whether the slots make sense, so that nothing that follows them can leave the file or the names.
func (x *index) valid(dataLen int64) bool {
	if len(x.slots)%slotSize != 0 {
		return false
	}
	for i := range x.len() {
		s := x.at(i)
		if i > 0 && s.ordinal <= x.ordinal(i-1) || uint64(s.nameAt)+uint64(s.nameLen) > uint64(len(x.names)) ||
			s.place == gone || s.place >= places || s.kind >= kinds || s.flags&flagOwnFile == 0 && s.size > inlineLimit || s.size > 1<<62 ||
			int64(s.offset)+int64(s.stored()) > dataLen {
			return false
		}
	}
	return true
}

// indexFacts are those of an index file. Its body is the slots, then the names.
type indexFacts struct {
	Key, First uint64
	Gen        uint32
	Count      uint32
	DataLen    int64
	Sum        summary // of the contents where they were put
}
