package diagnostics

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"oibus/platform"
)

const (
	logLimit   = 8 << 20         // bytes of one log, its newest
	logFiles   = 8               // newest ones of the folder
	walkLimit  = 5 * time.Second // to look at the data folder
	listLimit  = 2000            // files that are listed
	smallState = 1 << 20         // bytes of a state file that is copied
)

// launcherJournal is what the launcher noted of upgrades.
const launcherJournal = "launcher.json"

// Process are parts about the process that writes the archive: its versions, its goroutines, its memory.
func Process() []Part {
	return []Part{
		JSON("process/about.json", about),
		{"process/build.txt", func(w io.Writer) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return errors.New("this program does not know how it was built")
			}
			_, err := io.WriteString(w, info.String())
			return err
		}},
		{"process/goroutines.txt", func(w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 1) }},
		JSON("process/memory.json", func() (any, error) {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return map[string]any{"residentBytes": platform.MemoryRSS(), "heapInUseBytes": m.HeapInuse, "heapObjects": m.HeapObjects,
				"stackBytes": m.StackInuse, "systemBytes": m.Sys, "collections": m.NumGC, "goroutines": runtime.NumGoroutine()}, nil
		}),
	}
}

func about() (any, error) {
	return map[string]any{
		"version": platform.Version, "go": runtime.Version(), "operatingSystem": platform.OperatingSystem(), "platform": platform.Platform(),
		"architecture": platform.Architecture(), "processors": runtime.NumCPU(), "processId": os.Getpid(), "time": time.Now().Format(time.RFC3339Nano),
	}, nil
}

// Folder are parts about the data folder of an instance: its logs, its space, what lies in it, and what the launcher
// noted. Contents, secrets and settings are not among them.
func Folder(ctx context.Context, data string) []Part {
	parts := []Part{
		JSON("disk/space.json", func() (any, error) {
			free, total, err := platform.DiskFree(data)
			return map[string]any{"folder": data, "freeBytes": free, "totalBytes": total}, err
		}),
		{"disk/files.txt", func(w io.Writer) error { return list(ctx, w, data) }},
	}
	journal := filepath.Join(data, launcherJournal)
	if info, err := os.Stat(journal); err == nil && info.Mode().IsRegular() && info.Size() <= smallState {
		parts = append(parts, Part{"state/" + launcherJournal, func(w io.Writer) error { return pretty(w, journal) }})
	}
	return append(parts, Logs(filepath.Join(data, "logs"))...)
}

// pretty copies a JSON file with line ends, by which secrets are found.
func pretty(w io.Writer, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return JSON("", func() (any, error) {
		var v any
		return v, json.Unmarshal(text, &v)
	}).Write(w)
}

// Settings is the settings file, masked.
func Settings(file string) Part {
	return Part{"settings/oibus.toml", func(w io.Writer) error { return tail(w, file, smallState) }}
}

// Logs are the newest files of a folder of logs, each from its end.
func Logs(dir string) []Part {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return []Part{{"logs", func(io.Writer) error { return err }}}
	}
	type log struct {
		name string
		at   time.Time
	}
	var logs []log
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && isLog(e.Name()) {
			logs = append(logs, log{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(logs, func(a, b log) int { return b.at.Compare(a.at) })
	var parts []Part
	for _, l := range logs[:min(len(logs), logFiles)] {
		parts = append(parts, Part{"logs/" + l.name, func(w io.Writer) error { return tail(w, filepath.Join(dir, l.name), logLimit) }})
	}
	return parts
}

// isLog leaves out what else lies beside logs: the positions of who forwards them, and anything that is not text.
func isLog(name string) bool {
	return strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".txt")
}

// tail copies the end of a file, from the beginning of a line.
func tail(w io.Writer, path string, limit int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	in := bufio.NewReader(f)
	if start := info.Size() - limit; start > 0 {
		if _, err := f.Seek(start, io.SeekStart); err != nil {
			return err
		}
		if err := skipLine(in); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "(the %d bytes before this are left out)\n", start); err != nil {
			return err
		}
	}
	_, err = io.Copy(w, io.LimitReader(in, limit)) // it may grow meanwhile
	return err
}

// skipLine leaves in at the beginning of a line, or at its end.
func skipLine(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		if err == nil || errors.Is(err, io.EOF) {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// list says what lies in dir: each file of the state, and how much there is in the folders of contents.
func list(ctx context.Context, w io.Writer, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, walkLimit)
	defer cancel()
	listed, sums := 0, map[string][2]int64{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		info, infoErr := infoOf(e, err)
		if infoErr != nil || info.IsDir() {
			return nil // what cannot be looked at is not told
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		top, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		sums[top] = [2]int64{sums[top][0] + 1, sums[top][1] + info.Size()}
		if listed++; listed > listLimit || slices.Contains([]string{"cache", "error", "archive", "history"}, top) {
			return nil
		}
		_, err = fmt.Fprintf(w, "%s %12d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		_, err = fmt.Fprintln(w, "(there is more than could be looked at)")
	}
	if err != nil {
		return err
	}
	for _, top := range slices.Sorted(maps.Keys(sums)) {
		if _, err := fmt.Fprintf(w, "%10d files %14d bytes in %s\n", sums[top][0], sums[top][1], top); err != nil {
			return err
		}
	}
	return nil
}

func infoOf(e fs.DirEntry, err error) (fs.FileInfo, error) {
	if err != nil {
		return nil, err
	}
	return e.Info()
}
