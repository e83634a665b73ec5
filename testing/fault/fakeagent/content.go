package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"oibus/platform"
)

// blobEvery is how many contents go by for one that has a file of its own.
const blobEvery = 5

// content is a cache that keeps its files as the agent's does: segments that are only appended to by the process that
// made them, and larger contents in files of their own.
type content struct {
	a       *agent
	dir     string
	segment *os.File
	run     string
	n       int
}

func openContent(a *agent) (*content, error) {
	c := &content{a: a, dir: filepath.Join(a.dir, "cache", "n"), run: fmt.Sprintf("%s-%d", a.version, time.Now().UnixNano())}
	if err := os.MkdirAll(filepath.Join(c.dir, "blobs"), 0o700); err != nil {
		return nil, err
	}
	var err error
	c.segment, err = os.OpenFile(filepath.Join(c.dir, c.run+".data"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return c, errors.Join(platform.SyncDir(c.dir), platform.SyncDir(filepath.Dir(c.dir)))
}

// put collects a content. What is noted as collected outside of the data folder is on the disk for good.
func (c *content) put() error {
	c.n++
	id := fmt.Sprintf("%s-%d", c.run, c.n)
	var err error
	if c.n%blobEvery == 0 {
		err = platform.WriteFile(filepath.Join(c.dir, "blobs", id), []byte(id), 0o600)
	} else {
		_, err = c.segment.WriteString(id + "\n")
		err = errors.Join(err, c.segment.Sync())
	}
	if err != nil {
		return err
	}
	// A process outlives a cut of power by a moment, in which a flush can seem to have succeeded.
	if _, err := os.Stat(filepath.Join(c.a.ctl, "cut")); err == nil {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(c.a.ctl, "collected"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(id + "\n")
	return errors.Join(err, f.Close())
}
