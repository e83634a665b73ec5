package opcua

import (
	"hash/maphash"
	"time"
)

// mostPending bounds how many contents that were not delivered wholly are remembered.
const mostPending = 100

// name says which content it is.
type name struct {
	file    string
	created time.Time
}

// pending remembers what was written of contents that were not delivered wholly.
type pending struct {
	seed     maphash.Seed
	contents map[name]*progress
	order    []name // the oldest first
}

// progress is what became of the elements of one content.
type progress struct {
	fates     []fate
	waits     map[string]bool // nodes that could not be written for the moment
	overtaken map[string]bool // those that another content has written since
}

// fate is what became of one element.
type fate struct {
	sum  uint64 // of the element
	done bool
}

func newPending() pending {
	return pending{seed: maphash.MakeSeed(), contents: map[name]*progress{}}
}

func (p *pending) sum(token []byte) uint64 { return maphash.Bytes(p.seed, token) }

// begin is what is known of a content.
func (p *pending) begin(file string, created time.Time) *progress {
	n := name{file, created}
	if known := p.contents[n]; known != nil {
		return known
	}
	if len(p.order) >= mostPending {
		delete(p.contents, p.order[0])
		p.order = p.order[1:]
	}
	fresh := &progress{waits: map[string]bool{}, overtaken: map[string]bool{}}
	p.contents[n] = fresh
	p.order = append(p.order, n)
	return fresh
}

// end forgets a content that was delivered.
func (p *pending) end(file string, created time.Time) {
	n := name{file, created}
	delete(p.contents, n)
	for i := range p.order {
		if p.order[i] == n {
			p.order = append(p.order[:i:i], p.order[i+1:]...)
			return
		}
	}
}

// overtake notes that by has written a node: what others wanted to write to it before is out of date.
func (p *pending) overtake(by *progress, node string) {
	for _, other := range p.contents {
		if other != by && other.waits[node] {
			other.overtaken[node] = true
		}
	}
}

// written says whether the element at place was written before. From the first one on that is another than it was, the
// content is another one.
func (p *progress) written(place int, sum uint64) bool {
	if place < len(p.fates) && p.fates[place].sum != sum {
		p.fates = p.fates[:place]
		clear(p.overtaken)
	}
	if place >= len(p.fates) {
		p.fates = append(p.fates, fate{sum: sum})
		return false
	}
	return p.fates[place].done
}

func (p *progress) done(place int) { p.fates[place].done = true }
