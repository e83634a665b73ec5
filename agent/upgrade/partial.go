package upgrade

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/agent/cloud"
	"oibus/launcher/handover"
	"oibus/platform"
)

const (
	partName   = "download.part"
	memoryName = "download.json"

	memoryLevel = 1
	maxMemory   = 64 << 10 // of download.json: a longer one was not written here
	maxStarts   = 20       // of agents during one download that made no progress: it may be what ends them
	filePerm    = 0o600
	folderPerm  = 0o755
)

// memory is what is known of an unfinished download: download.json beside download.part.
type memory struct {
	Level   int       `json:"level"`
	Command string    `json:"commandId"`
	Asset   string    `json:"assetId"`
	ETag    string    `json:"etag,omitempty"`
	Size    int64     `json:"size"`             // of the whole, -1: the server does not say
	Synced  int64     `json:"synced"`           // bytes that are on disk for good
	Parts   int       `json:"parts"`            // connections that bytes came over
	Renewed bool      `json:"renewed"`          // it was begun anew once, since the first one was not good
	Begun   time.Time `json:"begun"`            // for the command
	Starts  int       `json:"starts"`           // of agents since the last progress
	Staged  string    `json:"staged,omitempty"` // name that the complete file has got
}

// parseMemory reads download.json. What cannot be used is an error: the download begins anew.
func parseMemory(text []byte) (memory, error) {
	var m memory
	if err := json.Unmarshal(text, &m); err != nil {
		return memory{}, fmt.Errorf("cannot use %s: %w", memoryName, err)
	}
	staged := m.Staged == "" || m.Staged == filepath.Base(m.Staged) && !strings.ContainsAny(m.Staged, `/\:`) && strings.HasPrefix(m.Staged, handover.StagedPrefix)
	sizes := m.Size >= -1 && m.Synced >= 0 && (m.Size < 0 || m.Synced <= m.Size) && m.Parts >= 0 && m.Starts >= 0
	if m.Level != memoryLevel || m.Asset == "" || !staged || !sizes {
		return memory{}, fmt.Errorf("cannot use %s: it does not describe a download", memoryName)
	}
	return m, nil
}

// file is a partial file being written.
type file interface {
	io.Writer
	io.Closer
	Sync() error
}

func (realDisk) Create(path string) (file, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, filePerm)
}

// partial is a download under way.
type partial struct {
	memory
	s    *Service
	dir  string
	file file
	at   int64 // bytes in the file

	syncedAt time.Time
}

func (p *partial) path() string { return filepath.Join(p.dir, partName) }

// open goes on with what is there of the release that the order names, or begins.
func (s *Service) open(o order) (*partial, error) {
	p := &partial{s: s, dir: handover.Dir(s.o.DataDir)}
	if err := os.MkdirAll(p.dir, folderPerm); err != nil {
		return nil, fmt.Errorf("cannot create the folder %s: %w", handover.Folder, err)
	}
	m, err := readMemory(p.dir)
	if err != nil {
		s.o.Log.Warn("The download begins anew", "error", err)
	}
	mine := m.Command == o.id
	switch {
	case m.Asset != o.asset || !mine && m.ETag == "":
		// Without an ETag only the command vouches that an asset is the same.
		m = memory{Size: -1}
	case mine && m.Starts >= maxStarts:
		return nil, errors.Join(fmt.Errorf("OIBus was restarted %d times during the download, without any progress", m.Starts), p.discard())
	}
	p.memory = m
	p.Level, p.Command, p.Asset = memoryLevel, o.id, o.asset
	p.Starts++
	if now := s.o.Now(); !mine || p.Begun.IsZero() || now.Before(p.Begun) {
		p.Begun = now.UTC()
	}
	if !mine {
		p.Starts, p.Renewed = 0, false
	}
	return p, p.resume()
}

func readMemory(dir string) (memory, error) {
	f, err := os.Open(filepath.Join(dir, memoryName))
	if errors.Is(err, fs.ErrNotExist) {
		return memory{}, nil
	}
	if err != nil {
		return memory{}, fmt.Errorf("cannot read %s: %w", memoryName, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxMemory))
	if err = errors.Join(err, f.Close()); err != nil {
		return memory{}, fmt.Errorf("cannot read %s: %w", memoryName, err)
	}
	return parseMemory(text)
}

// resume opens the file where it is known to be whole. Bytes after that may not have reached the disk.
func (p *partial) resume() error {
	if p.Staged != "" {
		if info, err := os.Stat(filepath.Join(p.dir, p.Staged)); err == nil && info.Size() == p.Synced {
			p.at = p.Synced
			return p.save()
		}
		p.Staged = "" // it has its old name still, or is gone
	}
	info, err := os.Stat(p.path())
	switch {
	case err == nil && info.Size() >= p.Synced:
		err = os.Truncate(p.path(), p.Synced)
	case err == nil || errors.Is(err, fs.ErrNotExist):
		p.Synced, err = 0, removeIfThere(p.path())
	}
	if err != nil {
		return fmt.Errorf("cannot go on with the download: %w", err)
	}
	if p.at = p.Synced; p.at == 0 {
		p.ETag, p.Size, p.Parts = "", -1, 0
	}
	return p.save()
}

// from is where the next connection goes on.
func (p *partial) from() cloud.Resume {
	return cloud.Resume{Offset: p.at, Size: max(p.Size, 0), ETag: p.ETag}
}

// begin notes what a connection brings, and opens the file at its beginning.
func (p *partial) begin(a *cloud.Asset) error {
	if a.Offset != p.at {
		if err := p.empty(); err != nil {
			return err
		}
	}
	if p.at == 0 {
		p.ETag, p.Parts = a.ETag, 0
	}
	if a.Size >= 0 || p.at == 0 {
		p.Size = a.Size
	}
	p.Parts++
	if p.file == nil {
		var err error
		if p.file, err = p.s.o.disk.Create(p.path()); err != nil {
			return fmt.Errorf("cannot write the download: %w", err)
		}
	}
	return p.save()
}

// empty begins the file anew.
func (p *partial) empty() error {
	err := p.close()
	p.at, p.Synced, p.Parts, p.ETag, p.Size = 0, 0, 0, "", -1
	if err = errors.Join(err, removeIfThere(p.path())); err != nil {
		return fmt.Errorf("cannot begin the download anew: %w", err)
	}
	return nil
}

// sync makes what is there durable, and then known.
func (p *partial) sync() error {
	if p.file == nil {
		return nil
	}
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("cannot write the download: %w", err)
	}
	if p.at > p.Synced {
		p.Starts = 0
	}
	p.Synced = p.at
	return p.save()
}

func (p *partial) save() error {
	text, err := json.MarshalIndent(p.memory, "", "  ")
	if err == nil {
		err = platform.WriteFile(filepath.Join(p.dir, memoryName), append(text, '\n'), filePerm)
	}
	if err != nil {
		return fmt.Errorf("cannot note the progress of the download: %w", err)
	}
	return nil
}

// close closes the file. What is there stays for the next time.
func (p *partial) close() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Close()
	p.file = nil
	return err
}

// patched says whether the file was put together from several parts, and may still be begun anew.
func (p *partial) patched() bool { return p.Parts > 1 && !p.Renewed }

// renew begins anew after discard, for the last time.
func (p *partial) renew() { p.memory.Renewed, p.Staged = true, "" }

// discard removes the download.
func (p *partial) discard() error {
	names := []string{partName, memoryName}
	if p.Staged != "" {
		names = append(names, p.Staged)
	}
	err := p.empty()
	for _, name := range names {
		err = errors.Join(err, removeIfThere(filepath.Join(p.dir, name)))
	}
	return err
}

// stagedName is the name of the complete package: it does not depend on when it is given, so that it is given once.
func stagedName(o order) string {
	sum := sha256.Sum256([]byte(o.id + "\x00" + o.asset))
	return handover.StagedPrefix + o.version + "-" + hex.EncodeToString(sum[:6]) + ".zip"
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
