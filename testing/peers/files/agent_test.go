package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"oibus/testing/harness"
	"oibus/testing/peers/files/servers"
)

// mover is an agent that moves files from one SFTP server to another.
type mover struct {
	t        *testing.T
	agent    *harness.Agent
	from, to *servers.Server
}

func newMover(t *testing.T) *mover {
	t.Helper()
	m := &mover{t: t, agent: harness.Start(t, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})}
	m.from, m.to = servers.StartSSH(t), servers.StartSSH(t)
	second := m.scanMode("Every second")
	target := maps.Clone(m.to.Settings)
	delete(target, "compression")
	delete(target, "retryInterval")
	maps.Copy(target, map[string]any{"remoteFolder": m.to.Remote, "prefix": "", "suffix": ""})
	m.make("/api/north", map[string]any{"name": "to", "type": "sftp", "description": "", "enabled": true, "settings": target,
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": second, "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 0},
			"error":      map[string]any{"retryInterval": 200, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{}})
	m.make("/api/south", map[string]any{"name": "from", "type": "sftp", "description": "", "enabled": true, "groups": []any{}, "settings": m.from.Settings,
		"items": []any{map[string]any{"id": "", "name": "files", "enabled": true, "scanModeId": second, "scanModeName": nil, "groupId": nil, "groupName": nil, "syncWithGroup": false,
			"maxReadInterval": nil, "readDelay": nil, "startTimeOffset": nil, "endTimeOffset": nil, "recoveryStrategy": nil,
			"settings": map[string]any{"remoteFolder": m.from.Remote, "regex": `.*\.csv$`, "minAge": 100, "preserveFiles": false, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}}}})
	return m
}

func (m *mover) make(path string, body map[string]any) {
	m.t.Helper()
	if err := m.agent.JSON(m.t.Context(), "POST", path, body, &struct{}{}); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mover) scanMode(name string) string {
	m.t.Helper()
	var list []struct{ ID, Name string }
	if err := m.agent.JSON(m.t.Context(), "GET", "/api/scan-modes", nil, &list); err != nil {
		m.t.Fatal(err)
	}
	for _, one := range list {
		if one.Name == name {
			return one.ID
		}
	}
	m.t.Fatalf("there is no scan mode %q", name)
	return ""
}

// arrived counts the files that are there, and fails for one that is not whole.
func (m *mover) arrived(whole map[string][32]byte) (n int) {
	m.t.Helper()
	for _, name := range names(m.t, m.to) {
		if strings.HasPrefix(name, ".oibus-") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(m.to.Dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it is being replaced by the same
			m.t.Fatal(err)
		}
		if sum, ok := whole[name]; err == nil && (!ok || sha256.Sum256(raw) != sum) {
			m.t.Fatalf("%s has %d bytes: it is not whole, or not one of ours", name, len(raw))
		}
		n++
	}
	return n
}

// moveThrough moves files while the agent and both servers are killed in turn, each when some more have arrived.
func moveThrough(t *testing.T, files, kills int) {
	m := newMover(t)
	whole := map[string][32]byte{}
	for i := range files {
		name, raw := fmt.Sprintf("file-%05d.csv", i), noise(100+i%7*50_000)
		raw[0] = byte(i)
		whole[name] = sha256.Sum256(raw)
		m.from.Put(name, raw, time.Hour)
	}
	for i := range kills {
		wanted := files * (i + 1) / (kills + 2)
		harness.Until(t, 2*limit, "files arrive", func() bool { return m.arrived(whole) >= wanted })
		switch i % 3 {
		case 0:
			m.agent.Kill()
			m.agent.Start()
		case 1:
			m.from.Kill()
			m.from.Peer.Restart()
		default:
			m.to.Kill()
			m.to.Peer.Restart()
		}
	}
	harness.Until(t, 2*limit, "all files arrive", func() bool { return m.arrived(whole) == files })
	harness.Until(t, limit, "all files are removed at the source, and no half file is left", func() bool {
		return len(names(t, m.from)) == 0 && len(names(t, m.to)) == files
	})
}

func TestNothingIsLostWhenAgentAndServersAreKilled(t *testing.T) {
	t.Parallel()
	moveThrough(t, 60, 3)
}

func TestSweepNothingIsLostWhenAgentAndServersAreKilled(t *testing.T) {
	sweepOnly(t)
	moveThrough(t, 3000, 30)
}
