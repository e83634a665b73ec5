package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrNoProc says that this system does not show its processes as files.
var ErrNoProc = errors.New("this system has no /proc: measured on Linux only")

// clockTick is the unit of the times in /proc, the same on every Linux of today.
const clockTick = 10 * time.Millisecond

// Memory is what a process has in the machine's memory, in bytes.
type Memory struct {
	Resident uint64
	Peak     uint64 // most that was ever resident
	Private  uint64 // of Resident, what is not a part of a file: heap and stacks
}

// ParseStatus reads /proc/PID/status.
func ParseStatus(text string) (Memory, error) {
	var m Memory
	fields := map[string]*uint64{"VmRSS": &m.Resident, "VmHWM": &m.Peak, "RssAnon": &m.Private}
	found := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		target := fields[name]
		if target == nil {
			continue
		}
		kilobytes, ok := strings.CutSuffix(strings.TrimSpace(value), " kB")
		n, err := strconv.ParseUint(kilobytes, 10, 64)
		if !ok || err != nil {
			return m, fmt.Errorf("cannot understand %q", strings.TrimSpace(line))
		}
		*target = n << 10
		found++
	}
	if found != len(fields) {
		return m, errors.New("cannot read the memory of a process: it has ended, or the kernel does not tell")
	}
	return m, nil
}

// Times are who started a process, and the processor time that it took.
type Times struct {
	Parent int
	CPU    time.Duration
}

// ParseStat reads /proc/PID/stat. The name of the program, in parentheses, may hold spaces and parentheses.
func ParseStat(text string) (Times, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return Times{}, fmt.Errorf("cannot understand the %d fields of a process", len(fields))
	}
	parent, parentErr := strconv.Atoi(fields[1])
	user, userErr := strconv.ParseInt(fields[11], 10, 64)
	system, systemErr := strconv.ParseInt(fields[12], 10, 64)
	return Times{parent, time.Duration(user+system) * clockTick}, errors.Join(parentErr, userErr, systemErr)
}

func proc(pid int, name string) (string, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return "", ErrNoProc
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
	return string(text), err
}

// MemoryOf asks the system for the memory of a process.
func MemoryOf(pid int) (Memory, error) {
	text, err := proc(pid, "status")
	if err != nil {
		return Memory{}, err
	}
	return ParseStatus(text)
}

// TimesOf asks the system for the times of a process.
func TimesOf(pid int) (Times, error) {
	text, err := proc(pid, "stat")
	if err != nil {
		return Times{}, err
	}
	return ParseStat(text)
}

// ChildOf is the one process that another one started.
func ChildOf(parent int) (int, error) {
	if _, err := TimesOf(parent); err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	child := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if t, err := TimesOf(pid); err == nil && t.Parent == parent { // one that has ended meanwhile is nobody's child
			if child != 0 {
				return 0, fmt.Errorf("process %d has more than one child", parent)
			}
			child = pid
		}
	}
	if child == 0 {
		return 0, fmt.Errorf("process %d has no child", parent)
	}
	return child, nil
}
