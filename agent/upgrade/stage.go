package upgrade

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/launcher/handover"
	"oibus/launcher/release"
	"oibus/platform"
	"oibus/platform/task"
)

// stage verifies what was downloaded, gives it the name under which the launcher finds it, and asks for the upgrade.
func (s *Service) stage(ctx context.Context, o order, p *partial, r *reporter) error {
	if err := p.close(); err != nil {
		return fmt.Errorf("cannot write the download: %w", err)
	}
	path := p.path()
	if p.Staged != "" {
		path = filepath.Join(p.dir, p.Staged)
	}
	r.says("Verifying version %s", o.version)
	sum, err := s.verify(ctx, path, o.version)
	if err != nil {
		return err
	}
	if err := s.o.Forbidden(); err != nil {
		return errors.Join(&toldError{err}, p.discard())
	}
	if err := p.giveName(stagedName(o)); err != nil {
		return err
	}
	request := handover.Request{
		CommandID: o.id, Version: o.version, Package: p.Staged, UpdateLauncher: o.updateLauncher, BackupFolders: o.backupFolders,
		SHA256: sum, At: s.o.Now().UTC(),
	}
	if err := handover.WriteRequest(s.o.DataDir, request); err != nil {
		return fmt.Errorf("cannot ask the launcher: %w", err)
	}
	s.o.Log.Info(fmt.Sprintf("Version %s was downloaded and verified, the launcher is asked to install it", o.version))
	return removeIfThere(filepath.Join(p.dir, memoryName))
}

// giveName renames the complete file. The name is noted first, so that a crash in between leaves either file known.
func (p *partial) giveName(name string) error {
	if p.Staged == name {
		return nil
	}
	p.Staged = name
	err := p.save()
	if err == nil {
		err = os.Rename(p.path(), filepath.Join(p.dir, name))
	}
	if err == nil {
		err = platform.SyncDir(p.dir)
	}
	if err != nil {
		return fmt.Errorf("cannot hand over the release: %w", err)
	}
	return nil
}

// verify checks the release as the launcher will, so that what it would refuse is refused at once, and returns the
// SHA-256 of the package. version "" is any.
func (s *Service) verify(ctx context.Context, path, version string) (sum string, err error) {
	p, err := release.Open(path, release.DefaultLimits())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	policy := s.o.Policy
	policy.Version, policy.StateLevel, policy.Now = version, s.o.StateLevel, s.o.Now()
	report, err := p.Verify(ctx, policy)
	if err != nil {
		return "", err
	}
	for _, w := range report.Warnings {
		s.o.Log.Warn("The release is accepted all the same: "+w, "version", report.Manifest.Version)
	}
	if err := s.checkUnpacking(ctx, p.Size()); err != nil {
		return "", err
	}
	return sumOf(ctx, path)
}

func sumOf(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("cannot read the release: %w", err)
	}
	h := sha256.New()
	_, err = io.CopyBuffer(h, task.Reader(ctx, f), make([]byte, pieceSize))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("cannot read the release: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (s *Service) removeStaged(name string) error {
	if !strings.HasPrefix(name, handover.StagedPrefix) {
		return nil
	}
	return removeIfThere(filepath.Join(handover.Dir(s.o.DataDir), name))
}

// tidy removes what nobody waits for any more: releases that were staged and are not asked for, downloads that no
// command has gone on with for long, uploads that were cut.
func (s *Service) tidy() {
	dir := handover.Dir(s.o.DataDir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // there is none yet
	}
	request, asked, requestErr := handover.ReadRequest(s.o.DataDir)
	status, statusErr := handover.ReadStatus(s.o.DataDir)
	m, memoryErr := readMemory(dir)
	if requestErr != nil || statusErr != nil {
		return // the launcher says what is wrong
	}
	old := memoryErr != nil || m.Asset == "" || s.o.Now().Sub(m.Begun) > keepPartial
	for _, e := range entries {
		name := e.Name()
		var over bool
		switch {
		case name == partName || name == memoryName:
			over = old && m.Staged == ""
		case strings.HasPrefix(name, handover.StagedPrefix):
			over = !(asked && request.Package == name) && status.Upgrades.Attempt == nil && m.Staged != name
		case strings.HasPrefix(name, uploadPrefix):
			over = !s.uploading()
		}
		if over {
			s.note(removeIfThere(filepath.Join(dir, name)))
		}
	}
}

// reporter tells how far a command has come: to the log, to the journal of the command, and to the page.
type reporter struct {
	s    *Service
	o    order
	note func(text string)

	from     int64     // bytes that were there at the beginning of the present process
	begun    time.Time //
	told     time.Time
	toldAt   int // in tenths
	received bool
}

// Progress is how far the command that runs has come, for the page. The zero value is that of none.
type Progress struct {
	CommandID string  `json:"commandId"`
	Version   string  `json:"version"`
	Text      string  `json:"text"`
	Bytes     int64   `json:"bytes"`
	Size      int64   `json:"size"`           // -1: not known
	Rate      float64 `json:"bytesPerSecond"` // of this process
	Error     string  `json:"error"`          // of the connection before, while it is waited for the next one
}

// tellPace is how often at least the progress of a download is told, or each tenth of it.
const tellPace = 30 * time.Second

func (s *Service) report(o order, note func(string)) *reporter {
	if note == nil {
		note = func(string) {}
	}
	r := &reporter{s: s, o: o, note: note, begun: s.o.Now(), told: s.o.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = Progress{CommandID: o.id, Version: o.version, Size: -1}
	return r
}

func (r *reporter) end() {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.progress = Progress{}
	r.s.shownAt = time.Time{}
}

// says tells a step.
func (r *reporter) says(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.s.o.Log.Info(text, "command", r.o.id)
	r.show(func(p *Progress) { p.Text, p.Error = text, "" })
	r.note(text)
}

func (r *reporter) show(change func(p *Progress)) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	change(&r.s.progress)
}

// downloaded tells the bytes that are there.
func (r *reporter) downloaded(at, size int64) {
	now := r.s.o.Now()
	if !r.received {
		r.received, r.from, r.begun, r.toldAt = true, at, now, -1
	}
	rate := 0.0
	if d := now.Sub(r.begun).Seconds(); d > 0 && at > r.from {
		rate = float64(at-r.from) / d
	}
	r.show(func(p *Progress) { p.Bytes, p.Size, p.Rate, p.Error = at, size, rate, "" })
	tenth := 0
	if size > 0 {
		tenth = int(at * 10 / size)
	}
	if tenth == r.toldAt && now.Sub(r.told) < tellPace {
		return
	}
	r.told, r.toldAt = now, tenth
	of := ""
	if size > 0 {
		of = fmt.Sprintf(" of %s, %d %%", megabytes(uint64(size)), at*100/size)
	}
	r.says("Downloading version %s: %s%s", r.o.version, megabytes(uint64(at)), of)
}

// interrupted tells that the download waits.
func (r *reporter) interrupted(err error, wait time.Duration) {
	text := fmt.Sprintf("The download of version %s was interrupted (%v), it goes on in %s", r.o.version, err, wait.Round(time.Second))
	r.show(func(p *Progress) { p.Text, p.Error = text, err.Error() })
	if now := r.s.o.Now(); now.Sub(r.told) >= tellPace {
		r.told = now
		r.note(text)
	}
}
