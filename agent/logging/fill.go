package logging

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
)

const (
	// maxBatchBytes bounds one batch, since servers bound what they accept.
	maxBatchBytes = 1 << 20
	// passOver is how many lines below its level a forwarder looks at before it remembers that it did.
	passOver = 1000
)

func (f *forwarder) full() bool { return len(f.pending) >= f.chance || f.size >= maxBatchBytes }

// fill reads the journal until a batch is full or the end is reached.
func (f *forwarder) fill() {
	for !f.full() {
		if len(f.chunk) == 0 && !f.readChunk() {
			break
		}
		line := f.chunk
		if i := bytes.IndexByte(f.chunk, '\n'); i >= 0 {
			line = f.chunk[:i+1]
		}
		f.chunk = f.chunk[len(line):]
		f.take(line)
	}
	if len(f.pending) == 0 && f.read-f.cursor.seq >= passOver {
		f.advance(f.read)
	}
}

func (f *forwarder) readChunk() bool {
	if f.pos.first == 0 {
		f.pos = f.journal.locate(f.read + 1)
	}
	if f.pos.first == 0 {
		return false // an empty journal
	}
	if f.buf == nil {
		f.buf = make([]byte, chunkSize)
	}
	n, next, err := f.journal.read(f.pos, f.buf)
	if errors.Is(err, errRotatedAway) {
		if f.pos = f.journal.locate(f.read + 1); f.pos.first == 0 {
			return false
		}
		n, next, err = f.journal.read(f.pos, f.buf)
	}
	if err != nil {
		f.trouble.report(f.log, f.now(), fmt.Sprintf("Cannot read the log journal for %s: %v", f.name, err))
		return false
	}
	f.chunk, f.pos = f.buf[:n], next
	return n > 0
}

// take puts a line into the batch when it is to be sent. A gap in the numbers is lines that are no longer there.
func (f *forwarder) take(line []byte) {
	rec, err := parseRecord(line)
	if err != nil || rec.seq <= f.read {
		return
	}
	if missing := rec.seq - f.read - 1; missing > 0 {
		f.mourn(missing, rec.seq-1)
	}
	f.read = rec.seq
	if rec.level >= f.route.level && string(rec.except) != f.key {
		f.keep(bytes.Clone(line))
	}
}

func (f *forwarder) keep(line []byte) {
	rec, err := parseRecord(line)
	if err != nil {
		return
	}
	if len(f.pending) == 0 {
		f.due = f.now().Add(f.route.interval)
	}
	f.pending = append(f.pending, rec)
	f.size += rec.size
}

// mourn sends, whatever the level, and logs that lines up to the one numbered seq are lost.
func (f *forwarder) mourn(missing, seq uint64) {
	text := fmt.Sprintf("%d log entries were lost before they could be sent to %s: the journal no longer holds them",
		missing, f.name)
	body := appendLine(nil, f.now(), slog.LevelWarn, appendScope(nil, Scope{Type: Internal}, ""), []byte(text))
	f.keep(appendNumbered(nil, seq, body))
	if seq > f.mourned {
		f.mourned = seq
		f.log.Warn(text)
	}
}
