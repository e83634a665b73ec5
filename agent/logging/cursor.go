package logging

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A cursor file holds two slots of one line each, {"seq":1234,"sum":"89abcdef"}, padded with spaces. They are
// overwritten in turn, in place: one is whole at any moment, it costs no new space on a full disk, and a write of
// 64 bytes for each batch where the writer of state files would cost two flushes of the disk.
const (
	slotSize  = 64
	slotCount = 2
	// cursorSync is how often the disk is told to flush. A power cut repeats at most what was sent since.
	cursorSync = 5 * time.Second
)

// cursor remembers, over restarts and kills, the last line of the journal that a forwarder is done with.
type cursor struct {
	path   string
	file   *os.File // nil when the cursor is not kept, or cannot be
	seq    uint64
	known  bool
	slot   int64
	synced time.Time
}

var errBadCursor = errors.New("neither slot is whole")

func openCursor(dir, key string) (*cursor, error) {
	c := &cursor{path: filepath.Join(dir, "cursor-"+key+".json")}
	data, err := readBounded(c.path, slotSize*slotCount)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		c.seq, c.slot, err = parseCursor(data)
	}
	if err == nil {
		c.file, err = os.OpenFile(c.path, os.O_RDWR, 0o640)
	}
	if err != nil {
		// A folder or a file of somebody else in its place would be in the way of the next one.
		_ = os.Rename(c.path, c.path+".corrupt-"+time.Now().UTC().Format("20060102T150405.000000000"))
		return c, fmt.Errorf("cannot read cursor %s: %w", c.path, err)
	}
	c.known = true
	return c, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// parseCursor returns the higher of the two slots and the index of the other one, which is to be written next.
func parseCursor(data []byte) (seq uint64, next int64, err error) {
	err = errBadCursor
	for i := range int64(slotCount) {
		if int64(len(data)) < (i+1)*slotSize {
			break
		}
		if v, ok := parseSlot(data[i*slotSize : (i+1)*slotSize]); ok && (err != nil || v > seq) {
			seq, next, err = v, (i+1)%slotCount, nil
		}
	}
	return seq, next, err
}

func parseSlot(data []byte) (uint64, bool) {
	var seq uint64
	var sum uint32
	n, err := fmt.Sscanf(string(bytes.TrimRight(data, " \n")), `{"seq":%d,"sum":"%08x"}`, &seq, &sum)
	return seq, err == nil && n == 2 && bytes.Equal(data, formatSlot(seq))
}

func formatSlot(seq uint64) []byte {
	digits := fmt.Append(nil, seq)
	slot := fmt.Appendf(make([]byte, 0, slotSize), `{"seq":%s,"sum":"%08x"}`, digits, crc32.ChecksumIEEE(digits))
	slot = append(slot, bytes.Repeat([]byte{' '}, slotSize-1-len(slot))...)
	return append(slot, '\n')
}

// start makes the cursor known, at seq.
func (c *cursor) start(seq uint64) error {
	c.seq, c.known, c.slot = seq, true, 0
	if err := c.create(); err != nil {
		return fmt.Errorf("cannot make cursor: %w", err)
	}
	return nil
}

func (c *cursor) create() error {
	f, err := os.OpenFile(c.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	slot := formatSlot(c.seq)
	if _, err := f.WriteAt(append(slot, slot...), 0); err != nil {
		f.Close()
		return err
	}
	c.file = f
	return f.Sync()
}

// advance moves the cursor to seq. It is flushed to the disk when now is late enough, or at once when told to be sure.
func (c *cursor) advance(seq uint64, now time.Time, sure bool) error {
	c.seq = seq
	if c.file == nil {
		if err := c.create(); err != nil {
			return fmt.Errorf("cannot make cursor: %w", err)
		}
	}
	if _, err := c.file.WriteAt(formatSlot(seq), c.slot*slotSize); err != nil {
		return fmt.Errorf("cannot write cursor: %w", err)
	}
	c.slot = (c.slot + 1) % slotCount
	if !sure && now.Sub(c.synced) < cursorSync {
		return nil
	}
	c.synced = now
	if err := c.file.Sync(); err != nil {
		return fmt.Errorf("cannot write cursor: %w", err)
	}
	return nil
}

// forget makes the cursor unknown.
func (c *cursor) forget() error {
	c.close()
	c.known, c.seq = false, 0
	if err := os.Remove(c.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot remove cursor: %w", err)
	}
	return nil
}

func (c *cursor) close() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}
