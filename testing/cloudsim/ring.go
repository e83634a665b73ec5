package cloudsim

// ring keeps the newest entries within a number and a weight in bytes. Its owner locks it. Entries are numbered from 1
// in the order of arrival, whether they are still kept or not.
type ring[T any] struct {
	maxCount int
	maxBytes int64
	onEvict  func(T)

	entries []weighed[T] // those before head are evicted
	head    int
	evicted uint64
	bytes   int64
}

type weighed[T any] struct {
	value T
	bytes int64
}

// add appends v and evicts the oldest entries beyond the limits. The newest entry always stays.
func (r *ring[T]) add(v T, bytes int64) {
	r.entries = append(r.entries, weighed[T]{v, bytes})
	r.bytes += bytes
	for r.len() > 1 && (r.len() > r.maxCount || r.bytes > r.maxBytes) {
		r.evict()
	}
}

func (r *ring[T]) evict() {
	old := r.entries[r.head]
	r.entries[r.head] = weighed[T]{}
	r.head++
	r.evicted++
	r.bytes -= old.bytes
	if r.onEvict != nil {
		r.onEvict(old.value)
	}
	if r.head > len(r.entries)/2 { // moved at most once for each entry: constant time on average
		r.entries = append(r.entries[:0:0], r.entries[r.head:]...)
		r.head = 0
	}
}

func (r *ring[T]) len() int { return len(r.entries) - r.head }

// total is how many entries were ever added.
func (r *ring[T]) total() uint64 { return r.evicted + uint64(r.len()) }

// next is the number that the next entry gets.
func (r *ring[T]) next() uint64 { return r.total() + 1 }

// after returns the kept entries whose number is greater than seq, oldest first.
func (r *ring[T]) after(seq uint64) []T {
	skip := 0
	if seq > r.evicted {
		skip = int(min(seq-r.evicted, uint64(r.len())))
	}
	out := make([]T, 0, r.len()-skip)
	for _, e := range r.entries[r.head+skip:] {
		out = append(out, e.value)
	}
	return out
}

// clear forgets every entry. The numbering goes on.
func (r *ring[T]) clear() {
	for r.len() > 0 {
		r.evict()
	}
}
