package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const (
	currentJournal = "journal.jsonl"
	fileSize       = 50 << 20 // at which the agent closes a file of its journal
	marker         = "Read 42 values of PLC 7, line "
)

// prepareJournal adds numbered lines to the journal of an agent that has stopped, in files as the agent writes them, as
// if the cloud had not been there for a while.
func prepareJournal(dir string, lines int) error {
	current := filepath.Join(dir, currentJournal)
	first, last, err := numbers(current)
	if err != nil {
		return err
	}
	if err := os.Rename(current, filepath.Join(dir, closedName(first))); err != nil {
		return fmt.Errorf("cannot close the journal: %w", err)
	}
	at := time.Now().UTC()
	for written := 0; written < lines; {
		path := filepath.Join(dir, closedName(last+1))
		n, err := writeLines(path, last, written, lines, at)
		if err != nil {
			return fmt.Errorf("cannot prepare the journal: %w", err)
		}
		written, last = written+n, last+uint64(n)
		if written == lines {
			return os.Rename(path, current)
		}
	}
	return nil
}

func closedName(first uint64) string { return fmt.Sprintf("journal-%020d.jsonl", first) }

// numbers are the first and the last sequence number in a file of the journal.
func numbers(path string) (first, last uint64, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, fmt.Errorf("cannot read the journal: %w", err)
	}
	for line := range bytes.Lines(text) {
		var l struct{ Seq uint64 }
		if err := json.Unmarshal(line, &l); err != nil {
			return 0, 0, fmt.Errorf("cannot read the journal: %w", err)
		}
		if last = l.Seq; first == 0 {
			first = last
		}
	}
	if first == 0 {
		return 0, 0, errors.New("the journal is empty")
	}
	return first, last, nil
}

// writeLines fills one file and returns how many lines that were.
func writeLines(path string, last uint64, written, lines int, at time.Time) (n int, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Sync(), f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for size := 0; size < fileSize && written+n < lines; n++ {
		wrote, err := fmt.Fprintf(w, `{"seq":%d,"time":"%s","level":"info","type":"SOUTH","id":"k3JdQ9","name":"PLC 7","message":"%s%d"}`+"\n",
			last+1+uint64(n), at.Add(time.Duration(written+n)*time.Microsecond).Format("2006-01-02T15:04:05.000000Z"), marker, written+n)
		if err != nil {
			return n, err
		}
		size += wrote
	}
	return n, w.Flush()
}

// tally ticks off the numbered lines that arrive.
type tally struct {
	mu            sync.Mutex
	seen          []bool
	arrived, back int // lines ticked off; lines that came again
	first, last   time.Time
	all           chan struct{}
}

func newTally(lines int) *tally { return &tally{seen: make([]bool, lines), all: make(chan struct{})} }

// add takes the body of a request that the simulator accepted at the moment at.
func (t *tally) add(body []byte, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		i := bytes.Index(body, []byte(marker))
		if i < 0 {
			return
		}
		body = body[i+len(marker):]
		end := bytes.IndexByte(body, '"')
		n, err := strconv.Atoi(string(body[:max(end, 0)]))
		if err != nil || n >= len(t.seen) {
			continue
		}
		t.tick(n, at)
	}
}

func (t *tally) tick(n int, at time.Time) {
	if t.seen[n] {
		t.back++
		return
	}
	t.seen[n] = true
	if t.arrived == 0 {
		t.first = at
	}
	if t.arrived++; t.arrived == len(t.seen) {
		t.last = at
		close(t.all)
	}
}

func (t *tally) count() (arrived, back int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.arrived, t.back
}
