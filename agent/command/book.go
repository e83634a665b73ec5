package command

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"oibus/agent/store"
)

// journalName is the journal in the store.
const journalName = "commands"

// JournalIn keeps the journal in s.
func JournalIn(s *store.Store) OpenJournal {
	return func(replay func(record []byte) error) (Journal, error) {
		return store.OpenLog(s, journalName, replay)
	}
}

// entry is one record of the journal.
type entry struct {
	Op      operation   `json:"op"`
	Command *Stored     `json:"command,omitempty"` // of put
	ID      string      `json:"id,omitempty"`      // of run, back, end and drop
	Status  string      `json:"status,omitempty"`  // of end
	Result  *string     `json:"result,omitempty"`  // of end
	At      *string     `json:"at,omitempty"`      // of end: completedDate
	Acks    []confirmed `json:"acks,omitempty"`    // of ack
	Note    string      `json:"note,omitempty"`    // of note
}

type operation string

const (
	opPut  operation = "put"  // a command as a whole
	opRun  operation = "run"  // it is about to be executed
	opBack operation = "back" // it was not begun after all
	opEnd  operation = "end"  // it reached a terminal state
	opAck  operation = "ack"  // the cloud confirmed states
	opNote operation = "note" // how far one that runs has come
	opDrop operation = "drop" // it is forgotten
)

// confirmed is a state that the cloud confirmed.
type confirmed struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

// book is the journal and what follows from it: all commands, by id and in the order they came.
type book struct {
	journal Journal

	write   sync.Mutex // held from deciding on a change until it is durable and applied
	current *Stored    // the one that runs; guarded by write

	mu        sync.RWMutex // guards what follows, never held during a flush
	byID      map[string]*Stored
	order     []*Stored // by Seq
	lastSeq   uint64
	confirmed []confirmed // not journaled yet
	strange   int         // records that could not be understood
}

func openBook(open OpenJournal) (*book, error) {
	b := &book{byID: map[string]*Stored{}}
	journal, err := open(func(record []byte) error {
		var e entry
		if err := json.Unmarshal(record, &e); err != nil || !b.apply(e) {
			b.strange++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.journal = journal
	slices.SortStableFunc(b.order, func(x, y *Stored) int { return compareSeq(x, y) })
	return b, nil
}

func compareSeq(x, y *Stored) int {
	switch {
	case x.Seq < y.Seq:
		return -1
	case x.Seq > y.Seq:
		return 1
	}
	return 0
}

// commit makes entries durable, in one flush, and then true. The caller holds write.
func (b *book) commit(entries ...entry) error {
	records := make([]any, 0, len(entries)+1)
	b.mu.Lock()
	acks := b.confirmed
	b.confirmed = nil
	b.mu.Unlock()
	if len(acks) > 0 {
		records = append(records, entry{Op: opAck, Acks: acks})
	}
	for _, e := range entries {
		records = append(records, e)
	}
	if len(records) == 0 {
		return nil
	}
	if err := b.journal.Append(records...); err != nil {
		b.mu.Lock()
		b.confirmed = append(acks, b.confirmed...)
		b.mu.Unlock()
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		b.apply(e)
	}
	return nil
}

// apply changes memory as e says, and tells whether it could. At run time the caller holds mu.
func (b *book) apply(e entry) bool {
	switch e.Op {
	case opPut:
		if e.Command == nil || e.Command.ID == "" || b.byID[e.Command.ID] != nil {
			return false
		}
		b.byID[e.Command.ID] = e.Command
		b.order = append(b.order, e.Command)
		b.lastSeq = max(b.lastSeq, e.Command.Seq)
		return true
	case opAck:
		for _, a := range e.Acks {
			if c := b.byID[a.ID]; c != nil && c.Status == a.Status {
				c.Ack = true
			}
		}
		return true
	}
	c := b.byID[e.ID]
	if c == nil {
		return false
	}
	switch e.Op {
	case opNote:
		c.Progress = e.Note
		return true // no state that the cloud is told of
	case opRun:
		c.Status, c.Ack = Running, false
	case opBack:
		c.Status, c.Ack, c.Progress = Retrieved, false, ""
	case opEnd:
		c.Status, c.Result, c.CompletedDate, c.Ack = e.Status, e.Result, e.At, false
		c.Progress = ""
	case opDrop:
		delete(b.byID, e.ID)
		b.order = slices.DeleteFunc(b.order, func(o *Stored) bool { return o == c })
	default:
		return false
	}
	c.revision++
	return true
}

// nextSeq is the place of a new command.
func (b *book) nextSeq() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastSeq++
	return b.lastSeq
}

// get is a snapshot of the command id, nil when there is none.
func (b *book) get(id string) *Stored {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c := b.byID[id]; c != nil {
		return c.copy()
	}
	return nil
}

// all returns snapshots of the commands that match, in the order they came.
func (b *book) all(match func(*Stored) bool) []*Stored {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var found []*Stored
	for _, c := range b.order {
		if match(c) {
			found = append(found, c.copy())
		}
	}
	return found
}

// confirm notes that the cloud has confirmed the state that each snapshot shows. A state that changed since stays
// unconfirmed. Contents that nobody needs any more leave the memory.
func (b *book) confirm(snapshots []*Stored) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, snapshot := range snapshots {
		c := b.byID[snapshot.ID]
		if c == nil || c.revision != snapshot.revision || c.Status != snapshot.Status {
			continue
		}
		c.Ack = true
		c.trim()
		b.confirmed = append(b.confirmed, confirmed{c.ID, c.Status})
	}
}

// eachWaiting passes the commands that wait to f, oldest first, until it returns false. f must not keep them.
func (b *book) eachWaiting(f func(*Stored) bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, c := range b.order {
		if c.Status == Retrieved && !f(c) {
			return
		}
	}
}

// mark changes what is only in memory of the commands ids.
func (b *book) mark(ids []string, change func(*Stored)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range ids {
		if c := b.byID[id]; c != nil {
			change(c)
		}
	}
}

// flush journals confirmations that wait.
func (b *book) flush() error {
	b.write.Lock()
	defer b.write.Unlock()
	return b.commit()
}

// close journals what waits and ends the use of the journal.
func (b *book) close() error { return errors.Join(b.flush(), b.journal.Close()) }
