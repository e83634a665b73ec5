package launcher

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"oibus/launcher/upgrade"
	"oibus/platform"
)

const (
	journalName    = "launcher.json"
	previousSuffix = ".previous"
	corruptMark    = ".corrupt-"

	// journalLevel is the level of the file written by this version. One of a higher level is refused.
	journalLevel = 1
	// maxJournal bounds the file: a bigger one was not written by a launcher.
	maxJournal = 1 << 20

	// The reserve is room for the journal on a full disk.
	reserveName = "launcher.reserve"
	reserveSize = 256 << 10
	reserveFrom = 64 << 20 // free space from which it is made
)

// errNewerJournal says that launcher.json was written by a newer launcher: start that one, or restore a backup.
var errNewerJournal = errors.New("it was written by a newer version of OIBus")

// record is the content of launcher.json, what the launcher is doing.
type record struct {
	Level int `json:"level"`
	// Phase is what the launcher is busy with: idle, or how far an upgrade has come.
	Phase    upgrade.Phase `json:"phase"`
	Launcher string        `json:"launcherVersion"`
	Mark     string        `json:"mark"` // of the processes that this launcher started
	Agent    *agentRecord  `json:"agent"`
	Restarts int           `json:"restarts"` // since the launcher started
	LastExit *exitRecord   `json:"lastExit"`
	Upgrades upgrade.State `json:"upgrades"`
}

// agentRecord is the running agent.
type agentRecord struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
}

// exitRecord is how the agent last ended.
type exitRecord struct {
	Code   int       `json:"code"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// journal keeps launcher.json. It is written when something happens, not with every heartbeat.
type journal struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex // held while the file is written; guards the rest
	now     record
	behind  bool      // the file does not say what now says
	tryNext time.Time // to write it then
}

// catchUpEvery is how often a file that could not be written is tried again.
const catchUpEvery = 5 * time.Second

// openJournal reads launcher.json in dir. A file that is not what it should be is put aside and the one before is
// used; only one of a newer launcher is an error.
func openJournal(dir string, log *slog.Logger) (*journal, error) {
	return openNamed(dir, journalName, log)
}

func openNamed(dir, name string, log *slog.Logger) (*journal, error) {
	j := &journal{path: filepath.Join(dir, name), log: log}
	if err := platform.CleanTemp(dir); err != nil {
		log.Warn("cannot remove unfinished files", "error", err)
	}
	for _, path := range []string{j.path, j.path + previousSuffix} {
		r, err := readRecord(path)
		switch {
		case err == nil:
			j.now = r
			return j, nil
		case errors.Is(err, errNewerJournal):
			return nil, fmt.Errorf("cannot use %s: %w", path, err)
		case !errors.Is(err, os.ErrNotExist):
			j.putAside(path, err)
		}
	}
	return j, nil
}

func readRecord(path string) (record, error) {
	text, err := platform.ReadShared(path, maxJournal)
	if err != nil {
		return record{}, err
	}
	return decodeRecord(text)
}

func decodeRecord(text []byte) (record, error) {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return record{}, err
	}
	if r.Level > journalLevel {
		return record{}, errNewerJournal
	}
	if r.Level < 1 {
		return record{}, errors.New("it has no level")
	}
	return r, nil
}

func (j *journal) putAside(path string, reason error) {
	aside := path + corruptMark + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, aside); err != nil {
		j.log.Warn("cannot put a bad file aside", "file", path, "reason", reason, "error", err)
		return
	}
	j.log.Warn("a bad file was put aside", "file", path, "reason", reason, "now", aside)
}

// update changes the record and writes it. That it cannot be written, on a full disk for example, is logged and does
// not keep the agent from running.
func (j *journal) update(change func(*record)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.now)
	if err := j.save(j.now); err != nil {
		j.log.Warn("cannot record what the launcher does", "error", err)
		j.behind, j.tryNext = true, time.Now().Add(catchUpEvery)
	}
}

// catchUp writes what could not be written before, when it is time to try again.
func (j *journal) catchUp(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.behind && now.After(j.tryNext) && j.save(j.now) != nil {
		j.tryNext = now.Add(catchUpEvery)
	}
}

// commit is update for what must not be acted upon before it is written: after an error, nothing has changed.
func (j *journal) commit(change func(*record)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	next := j.now
	change(&next)
	if err := j.save(next); err != nil {
		return err
	}
	j.now = next
	return nil
}

// saveUpgrades writes the state of upgrades.
func (j *journal) saveUpgrades(s upgrade.State) error {
	return j.commit(func(r *record) { r.Phase, r.Upgrades = s.Phase(), s })
}

// save writes r. On a full disk it takes the room that was kept for that.
func (j *journal) save(r record) error {
	r.Level = journalLevel
	err := j.write(r)
	if platform.IsDiskFull(err) && os.Remove(j.reserve()) == nil {
		err = j.write(r)
	}
	j.behind = j.behind && err != nil
	return err
}

// reserve is the file that keeps room for the journal.
func (j *journal) reserve() string { return filepath.Join(filepath.Dir(j.path), reserveName) }

// replenish makes the reserve again when it was used up and there is room.
func (j *journal) replenish() {
	if info, err := os.Stat(j.reserve()); err == nil && info.Size() == reserveSize {
		return
	}
	if free, _, err := platform.DiskFree(filepath.Dir(j.path)); err != nil || free < reserveFrom {
		return
	}
	room := make([]byte, reserveSize)
	_, _ = rand.Read(room) // a file system that compresses would keep no room for zeros
	if err := os.WriteFile(j.reserve(), room, 0o600); err != nil {
		j.log.Warn("cannot keep room for a full disk", "error", err)
	}
}

func (j *journal) write(r record) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", journalName, err)
	}
	if old, err := platform.ReadShared(j.path, maxJournal); err == nil {
		if err := platform.WriteFile(j.path+previousSuffix, old, 0o600); err != nil {
			return err
		}
	}
	return platform.WriteFile(j.path, append(text, '\n'), 0o600)
}

// begin is the start of a launcher whose children carry mark. factory is the version of the factory release.
func (j *journal) begin(mark, factory string) {
	j.update(func(r *record) {
		if r.Upgrades.Running.IsFactory() {
			r.Upgrades.Running.Version = factory
		}
		*r = record{
			Phase: r.Upgrades.Phase(), Launcher: platform.Version, Mark: mark, LastExit: r.LastExit, Upgrades: r.Upgrades,
		}
	})
	j.replenish()
}
