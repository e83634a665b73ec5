package cache

import (
	"fmt"
	"io"
	"path/filepath"

	"oibus/agent/store"
)

const corruptMark = ".corrupt-"

// keptIncidents is how many incidents are remembered.
const keptIncidents = 100

// keptDamage bounds how much of a damaged part of a file is copied aside.
const keptDamage = segmentBytes

func (c *Cache) asideName(path string) string {
	return path + corruptMark + c.o.Now().UTC().Format("20060102T150405.000000000Z")
}

// putAside renames a bad file, and reports it with what is done without it.
func (c *Cache) putAside(path string, reason error, instead string) {
	aside := c.asideName(path)
	action := "put aside as " + filepath.Base(aside)
	if _, err := c.disk.Size(path); err != nil {
		action = "it is missing"
	} else if err := c.disk.Rename(path, aside); err != nil {
		action = "could not put it aside: " + err.Error()
	}
	c.report(path, reason.Error(), action+"; "+instead)
}

// keepAside copies a damaged part of a file that stays in use.
func (c *Cache) keepAside(path string, f io.ReaderAt, part extent) {
	aside := c.asideName(fmt.Sprintf("%s.%d", path, part.from))
	data := make([]byte, min(part.to-part.from, keptDamage))
	n, err := f.ReadAt(data, part.from)
	if err == nil || err == io.EOF || n > 0 {
		err = replace(c.disk, aside, data[:n])
	}
	action := "put aside as " + filepath.Base(aside)
	if err != nil {
		action = "could not put them aside: " + err.Error()
	}
	c.report(path, fmt.Sprintf("%d damaged bytes at %d", part.to-part.from, part.from), action+"; kept the other contents")
}

// report remembers an incident, and has it told to Options.OnIncident, which is not called from here because mu is
// held.
func (c *Cache) report(path, reason, action string) {
	name, err := filepath.Rel(c.root, path)
	if err != nil {
		name = path
	}
	i := store.Incident{File: filepath.ToSlash(name), Reason: reason, Action: action, At: c.o.Now()}
	c.incidents++
	c.untold = append(c.untold, i)
	if len(c.untold) > keptIncidents {
		c.untold = c.untold[1:]
	}
	c.wakeUp()
}

// tell passes on the incidents that were not told yet.
func (c *Cache) tell() {
	c.mu.Lock()
	untold := c.untold
	c.untold = nil
	c.mu.Unlock()
	for _, i := range untold {
		c.o.OnIncident(i)
	}
}
