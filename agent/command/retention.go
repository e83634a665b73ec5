package command

import (
	"encoding/json"
	"slices"
	"time"
)

// Bounds of the journal.
const (
	rewriteSlack = 4 << 20 // bytes of old records that are not worth a rewriting
	keptContent  = 64 << 10
	maxUnacked   = 10_000 // terminal commands that the cloud never confirms
)

// clean forgets commands whose retention is over, and rewrites the journal when that is worth it.
func (b *book) clean(now time.Time) (forgotten, unacked int, err error) {
	b.write.Lock()
	defer b.write.Unlock()
	b.mu.Lock()
	kept, unacked := b.keep(now)
	forgotten = len(b.order) - len(kept)
	live, records := int64(0), make([]any, len(kept))
	for i, c := range kept {
		live += c.weight()
		records[i] = entry{Op: opPut, Command: c.copy()}
	}
	acks := len(b.confirmed)
	b.mu.Unlock()

	if forgotten == 0 && b.journal.Size() < 2*live+rewriteSlack {
		return 0, 0, nil
	}
	if err := b.journal.Rewrite(records); err != nil {
		return 0, 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.confirmed = b.confirmed[acks:] // the records say so themselves
	b.order = kept
	clear(b.byID)
	for _, c := range kept {
		b.byID[c.ID] = c
	}
	return forgotten, unacked, nil
}

// keep lists, in order, the commands that stay, and counts those that go although the cloud never confirmed their end.
// Of too many of these the oldest go. The caller holds mu.
func (b *book) keep(now time.Time) (kept []*Stored, unacked int) {
	waiting := 0
	for _, c := range slices.Backward(b.order) {
		over := c.terminal() && c.Ack && now.Sub(c.created()) >= retention
		if c.terminal() && !c.Ack {
			if waiting++; waiting > maxUnacked {
				over, unacked = true, unacked+1
			}
		}
		if !over {
			c.trim()
			kept = append(kept, c)
		}
	}
	slices.Reverse(kept)
	return kept, unacked
}

// trim forgets the content of a command that is over when it is long.
func (c *Stored) trim() {
	if !c.terminal() || !c.Ack || len(c.Fields[contentKey])+len(c.Sealed) <= keptContent {
		return
	}
	fields := map[string]json.RawMessage{}
	for k, v := range c.Fields {
		if k != contentKey {
			fields[k] = v
		}
	}
	c.Fields, c.Sealed = fields, ""
}

// weight is about the size of the record of c.
func (c *Stored) weight() int64 {
	const rest = 500
	n := rest + len(c.Sealed)
	for _, v := range c.Fields {
		n += len(v)
	}
	if c.Result != nil {
		n += len(*c.Result)
	}
	return int64(n)
}
