package launcher

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// maxLogFile bounds launcher.log; the one before it is kept as launcher.log.1.
const maxLogFile = 2 << 20

// logFile takes what a console would show, where there is none: under the Windows service manager. It needs no lock:
// only the console writes to it.
type logFile struct {
	path string
	file *os.File
	size int64
}

// openLogFile appends to logs/launcher.log in the data folder.
func openLogFile(dir string) (*logFile, error) {
	folder := filepath.Join(dir, "logs")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create the log folder: %w", err)
	}
	l := &logFile{path: filepath.Join(folder, "launcher.log")}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the log of the launcher: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("cannot read the size of the log of the launcher: %w", err), f.Close())
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer. A file that cannot be turned is written on, and turned when it has grown as much again.
func (l *logFile) Write(line []byte) (int, error) {
	if l.size+int64(len(line)) > maxLogFile {
		if err := l.turn(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

func (l *logFile) turn() error {
	// What fails shows in that the file is not turned; there is no other place to log it to.
	_ = errors.Join(l.file.Close(), os.Rename(l.path, l.path+".1"))
	err := l.open()
	l.size = 0
	return err
}

func (l *logFile) close() error { return l.file.Close() }
