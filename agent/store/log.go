package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"oibus/platform"
)

const logSuffix = ".log"

// sumLen is the length of the checksum in front of each line, in hexadecimal, with its space.
const sumLen = 9

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the first record of each log.
type header struct {
	Schema int `json:"schema"`
}

// Log is an append-only file of JSON records, one a line, each behind its checksum, for facts that change too often
// for a rewritten document. Records appended at the same time share one flush. It is safe for concurrent use.
type Log struct {
	store      *Store
	name, path string

	mu      sync.Mutex // guards pending
	pending *batch

	commit sync.Mutex // held while writing; guards file and size
	file   *os.File
	size   int64
}

// batch is what waits for the next flush.
type batch struct {
	data []byte
	done bool
	err  error
}

// OpenLog opens the log name of s, creating it if it is missing, and passes each of its records to replay, oldest
// first. A torn tail, as a power cut leaves it, is cut off, and reported. Bad lines in the middle are reported as an incident, the
// file as it was is kept aside, and the good lines are used. An error of replay ends the opening.
func OpenLog(s *Store, name string, replay func(record []byte) error) (*Log, error) {
	return loadLog(s, name, s.fresh, replay)
}

// CreateLog is OpenLog for a log that is not expected to be there.
func CreateLog(s *Store, name string) (*Log, error) {
	return loadLog(s, name, true, func([]byte) error { return nil })
}

func loadLog(s *Store, name string, mayMiss bool, replay func(record []byte) error) (*Log, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	l := &Log{store: s, name: name, path: path + logSuffix, pending: &batch{}}
	if err := os.MkdirAll(filepath.Dir(path), dirPerm); err != nil {
		return nil, fmt.Errorf("cannot create the folder of log %q: %w", name, err)
	}
	records, whole, err := l.recover(s, mayMiss)
	if err != nil {
		return nil, err
	}
	if !whole {
		if err := l.replace(records); err != nil {
			return nil, err
		}
	} else if err := l.reopen(); err != nil {
		return nil, err
	}
	for _, r := range records {
		if err := replay(r); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot replay log %q: %w", name, err), l.Close())
		}
	}
	return l, nil
}

// recover reads what is usable, and says whether the file can be appended to as it is.
func (l *Log) recover(s *Store, mayMiss bool) (records [][]byte, whole bool, err error) {
	data, err := os.ReadFile(l.path)
	file := l.name + logSuffix
	if errors.Is(err, fs.ErrNotExist) {
		if !mayMiss {
			s.report(file, "missing", "started with an empty one")
		}
		return nil, false, nil
	}
	if err != nil {
		s.putAside(file, "unreadable: "+err.Error())("started without it")
		return nil, false, nil
	}
	p := parseLog(data)
	switch {
	case p.newer > 0:
		return nil, false, fmt.Errorf("cannot read %q: %w: it has schema level %d, this version knows %d", l.path, ErrNewerState, p.newer, SchemaLevel)
	case !p.header:
		s.putAside(file, describe(data, errors.New("no valid first line")))(fmt.Sprintf("kept %d records", len(p.records)))
	case p.bad > 0:
		s.putAside(file, fmt.Sprintf("%d damaged lines", p.bad))(fmt.Sprintf("kept the other %d records", len(p.records)))
	case p.torn > 0:
		s.report(file, fmt.Sprintf("torn at its end, as a power cut or a kill leaves it: %d bytes", p.torn), fmt.Sprintf("cut off; kept the %d records before", len(p.records)))
	default:
		return p.records, true, nil
	}
	return p.records, false, nil
}

// parsed is what is in the bytes of a log.
type parsed struct {
	records [][]byte
	header  bool // the first line is a header
	newer   int  // its schema level when that is too high, else 0
	bad     int  // damaged lines with good ones after them
	torn    int  // damaged bytes at the end
}

func parseLog(data []byte) parsed {
	var p parsed
	damaged := 0
	for first := true; len(data) > 0; first = false {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		data = rest
		record, ok := checkLine(line)
		if !ok || !ended {
			damaged++
			p.torn += len(line)
			continue
		}
		p.bad, p.torn, damaged = p.bad+damaged, 0, 0
		if !first {
			p.records = append(p.records, record)
			continue
		}
		var h header
		if json.Unmarshal(record, &h) == nil && h.Schema > 0 {
			p.header = true
			if h.Schema > SchemaLevel {
				p.newer = h.Schema
			}
		}
	}
	p.torn = max(p.torn, damaged) // an empty line too many is a tear of its own
	return p
}

// checkLine returns the record of a line whose checksum is right.
func checkLine(line []byte) ([]byte, bool) {
	if len(line) < sumLen || line[sumLen-1] != ' ' {
		return nil, false
	}
	sum, err := strconv.ParseUint(string(line[:sumLen-1]), 16, 32)
	record := line[sumLen:]
	return record, err == nil && crc32.Checksum(record, castagnoli) == uint32(sum)
}

func appendLine(buf, record []byte) []byte {
	buf = fmt.Appendf(buf, "%08x ", crc32.Checksum(record, castagnoli))
	return append(append(buf, record...), '\n')
}

// Append adds the JSON of each record. When it returns nil they are durable, all of them; when it returns an error
// none of them is in the log.
func (l *Log) Append(records ...any) error {
	var data []byte
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("cannot encode a record of log %q: %w", l.name, err)
		}
		data = appendLine(data, line)
	}
	l.mu.Lock()
	b := l.pending
	b.data = append(b.data, data...)
	l.mu.Unlock()

	l.commit.Lock()
	defer l.commit.Unlock()
	if b.done { // somebody else's flush took it along
		return b.err
	}
	l.mu.Lock()
	l.pending = &batch{}
	l.mu.Unlock()
	b.err, b.done = l.store.withRoom(func() error { return l.write(b.data) }), true
	return b.err
}

func (l *Log) write(data []byte) error {
	if l.file == nil {
		return fmt.Errorf("cannot append to log %q: %w", l.name, fs.ErrClosed)
	}
	_, err := l.file.WriteAt(data, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		// Nothing of a failed append may be read back later. If even this fails, the next append overwrites it.
		return errors.Join(fmt.Errorf("cannot append to log %q: %w", l.name, err), l.file.Truncate(l.size))
	}
	l.size += int64(len(data))
	return nil
}

// Rewrite replaces the content of the log by records, all or nothing.
func (l *Log) Rewrite(records []any) error {
	lines := make([][]byte, len(records))
	for i, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("cannot encode a record of log %q: %w", l.name, err)
		}
		lines[i] = line
	}
	l.commit.Lock()
	defer l.commit.Unlock()
	if l.file == nil {
		return fmt.Errorf("cannot rewrite log %q: %w", l.name, fs.ErrClosed)
	}
	return l.replace(lines)
}

// replace writes a new file with records and goes on with it, or with the old one when that fails.
func (l *Log) replace(records [][]byte) error {
	first, err := json.Marshal(header{Schema: SchemaLevel})
	if err != nil {
		return err
	}
	data := appendLine(nil, first)
	for _, r := range records {
		data = appendLine(data, r)
	}
	if l.file != nil { // Windows does not replace an open file
		err = l.file.Close()
		l.file = nil
	}
	write := func() error { return platform.WriteFile(l.path, data, filePerm) }
	return errors.Join(err, l.store.withRoom(write), l.reopen())
}

func (l *Log) reopen() error {
	f, err := os.OpenFile(l.path, os.O_RDWR, filePerm)
	if err != nil {
		return fmt.Errorf("cannot open log %q: %w", l.name, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return errors.Join(fmt.Errorf("cannot open log %q: %w", l.name, err), f.Close())
	}
	l.file, l.size = f, size
	return nil
}

// Size is the length of the log in bytes, to decide when to Rewrite it.
func (l *Log) Size() int64 {
	l.commit.Lock()
	defer l.commit.Unlock()
	return l.size
}

// Close ends the use of the log. What was appended is durable already.
func (l *Log) Close() error {
	l.commit.Lock()
	defer l.commit.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
