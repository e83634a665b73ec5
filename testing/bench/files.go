package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"oibus/testing/bench/measure"
	"oibus/testing/harness"
	"oibus/testing/peers/files/servers"
)

const (
	smallFile     = 1_000      // bytes
	largeFile     = 64_000_000 // bytes
	largeFiles    = 5
	filesLimit    = 5 * time.Minute
	clientProgram = "sftp"
)

// batch is what is moved at once.
type batch struct{ count, size int }

func (b batch) String() string {
	if b.size < 1_000_000 {
		return fmt.Sprintf("%s files of %s kB", measure.Number(float64(b.count)), measure.Number(float64(b.size)/1e3))
	}
	return fmt.Sprintf("%d files of %s MB", b.count, measure.Number(float64(b.size)/1e6))
}

// files measures how files come from file servers and go to one, beside the client of OpenSSH.
func files(s *stage, n size) []measure.Row {
	for _, program := range []string{"sshd", "vsftpd"} {
		if _, err := exec.LookPath("/usr/sbin/" + program); err != nil || os.Geteuid() != 0 {
			return []measure.Row{measure.Row{Group: "File servers", Name: "files"}.Absent(program + " is not installed, or this is not root")}
		}
	}
	var rows []measure.Row
	for _, b := range []batch{{n.contents / 4, smallFile}, {largeFiles, largeFile}} {
		rows = append(rows, fetchFiles(s, "sftp", servers.StartSSH(s), b)...)
		rows = append(rows, fetchFiles(s, "ftp", servers.StartFTP(s), b)...)
		rows = append(rows, sendFiles(s, servers.StartSSH(s), b)...)
		rows = append(rows, clientFiles(s, servers.StartSSH(s), b)...)
	}
	return rows
}

// fill makes files that a South takes at once, and calls made for each.
func (b batch) fill(s *stage, dir string, made func(name string, raw []byte)) {
	raw := make([]byte, b.size)
	_, err := rand.Read(raw)
	s.must(err)
	for i := range b.count {
		name := fmt.Sprintf("file-%06d.csv", i)
		if made != nil {
			made(name, raw)
			continue
		}
		path, at := filepath.Join(dir, name), time.Now().Add(-time.Hour)
		s.must(errors.Join(os.WriteFile(path, raw, 0o644), os.Chtimes(path, at, at)))
	}
}

// watch waits until a folder holds all files of a batch, and returns how long that took from the first one on: what comes
// before, such as waiting for a tick, is not the transfer.
func (b batch) watch(s *stage, ctx context.Context, dir string, a *harness.Agent) time.Duration {
	var first time.Time
	at, found := 0, 0
	if !harness.UntilDone(ctx, func() bool {
		if found = visible(s, dir); found > 0 && first.IsZero() {
			first, at = time.Now(), found
		}
		return found >= b.count
	}) {
		s.Fatalf("%d of %d files have arrived\n%s", found, b.count, a.Output())
	}
	whole := float64(b.count) / float64(max(1, b.count-at))
	return time.Duration(float64(time.Since(first)) * whole)
}

// visible counts the files of a folder, those that are not whole excepted.
func visible(s *stage, dir string) (n int) {
	f, err := os.Open(dir)
	s.must(err)
	defer f.Close()
	for {
		names, err := f.Readdirnames(10_000)
		for _, name := range names {
			if !strings.HasPrefix(name, ".") {
				n++
			}
		}
		if errors.Is(err, io.EOF) {
			return n
		}
		s.must(err)
	}
}

// mover is an agent with one South and one North.
func (s *stage) mover(southType string, southSettings, item map[string]any, northType string, northSettings map[string]any) *plant {
	p := &plant{s: s, http: &http.Client{}}
	p.a = harness.Start(s, harness.Options{Settings: "[log.console]\nlevel = \"error\"\n"})
	second := p.find("/api/scan-modes", "name", "Every second")
	p.settle()
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/north", map[string]any{"name": "files", "type": northType, "description": "", "enabled": true, "settings": northSettings,
		"caching": map[string]any{
			"trigger":    map[string]any{"scanModeId": second, "scanModeName": nil, "numberOfElements": 1, "numberOfFiles": 1},
			"throttling": map[string]any{"runMinDelay": 0, "maxSize": 0, "maxNumberOfElements": 10000},
			"error":      map[string]any{"retryInterval": 1000, "retryCount": 3, "retentionDuration": 0},
			"archive":    map[string]any{"enabled": false, "retentionDuration": 72}},
		"transformers": []any{}}, &struct{}{}))
	settings := map[string]any{"regex": `.*\.csv$`, "minAge": 100, "preserveFiles": false, "ignoreModifiedDate": false, "maxFiles": 0, "maxSize": 0, "recursive": false}
	for key, value := range item {
		settings[key] = value
	}
	s.must(p.a.JSON(s.context, http.MethodPost, "/api/south", map[string]any{"name": "files", "type": southType, "description": "", "enabled": true, "groups": []any{},
		"settings": southSettings, "items": []any{map[string]any{"id": "", "name": "files", "enabled": true, "scanModeId": second, "scanModeName": nil, "groupId": nil, "groupName": nil,
			"syncWithGroup": false, "maxReadInterval": nil, "readDelay": nil, "startTimeOffset": nil, "endTimeOffset": nil, "recoveryStrategy": nil, "settings": settings}}}, &struct{}{}))
	return p
}

func fetchFiles(s *stage, kind string, server *servers.Server, b batch) []measure.Row {
	b.fill(s, server.Dir, func(name string, raw []byte) { server.Put(name, raw, time.Hour) })
	out := s.TempDir()
	ctx, cancel := s.within(filesLimit)
	defer cancel()
	var took time.Duration
	p := s.mover(kind, server.Settings, map[string]any{"remoteFolder": server.Remote}, "file-writer", map[string]any{"outputFolder": out, "prefix": "", "suffix": ""})
	cpu, resident := p.usage(func() { took = b.watch(s, ctx, out, p.a) })
	p.a.Stop()
	return b.rows(b.String()+", fetched, cached, written and removed at the source, "+kind, took, cpu, resident)
}

func sendFiles(s *stage, server *servers.Server, b batch) []measure.Row {
	in := s.TempDir()
	b.fill(s, in, nil)
	settings := map[string]any{"remoteFolder": server.Remote, "prefix": "", "suffix": ""}
	for key, value := range server.Settings {
		if key != "compression" && key != "retryInterval" {
			settings[key] = value
		}
	}
	ctx, cancel := s.within(filesLimit)
	defer cancel()
	var took time.Duration
	p := s.mover("folder-scanner", map[string]any{"inputFolder": in, "compression": false}, nil, "sftp", settings)
	cpu, resident := p.usage(func() { took = b.watch(s, ctx, server.Dir, p.a) })
	p.a.Stop()
	return b.rows(b.String()+", scanned, cached and sent, sftp", took, cpu, resident)
}

func (b batch) rows(group string, took, cpu time.Duration, resident uint64) []measure.Row {
	return []measure.Row{b.row(group, "OIBus", took),
		{Group: group, Name: "processor time of the agent", Value: cpu.Seconds(), Unit: "s", Detail: "resident at most " + measure.Number(float64(resident)/mebibyte) + " MB"}}
}

func (b batch) row(group, name string, took time.Duration) measure.Row {
	return measure.Row{Group: group, Name: name, Value: float64(b.count) / took.Seconds(), Unit: "files/s",
		Detail: fmt.Sprintf("%s MB/s", measure.Number(float64(b.count)*float64(b.size)/1e6/took.Seconds()))}
}

// clientFiles measures the client of OpenSSH, which neither caches nor flushes what it fetches.
func clientFiles(s *stage, server *servers.Server, b batch) []measure.Row {
	program, err := exec.LookPath(clientProgram)
	if err != nil {
		return []measure.Row{measure.Row{Group: "File servers", Name: clientProgram}.Absent("it is not installed")}
	}
	b.fill(s, server.Dir, func(name string, raw []byte) { server.Put(name, raw, time.Hour) })
	local := s.TempDir()
	me, err := user.Current()
	s.must(err)
	run := func(command string) time.Duration {
		ctx, cancel := s.within(filesLimit)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, "-q", "-b", "-", "-i", filepath.Join(server.Base, "key"), "-P", strconv.Itoa(server.Port),
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", me.Username+"@127.0.0.1")
		cmd.Stdin = strings.NewReader(command + "\n")
		start := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			s.Fatalf("%s: %v\n%s", clientProgram, err, out)
		}
		return time.Since(start)
	}
	got := run(fmt.Sprintf("get %s/* %s/", server.Dir, local))
	for _, name := range []string{server.Dir, local} {
		if n := visible(s, name); n != b.count {
			s.Fatalf("%s holds %d files", name, n)
		}
	}
	s.must(os.RemoveAll(server.Dir))
	s.must(os.Mkdir(server.Dir, 0o755))
	put := run(fmt.Sprintf("put %s/* %s/", local, server.Dir))
	group := b.String() + ", the client sftp alone, without a cache and without flushing"
	return []measure.Row{b.row(group, "get", got), b.row(group, "put", put)}
}
