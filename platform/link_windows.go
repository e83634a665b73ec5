package platform

import "os"

// FlushTree has nothing to do on Windows, where FlushWritten made each file last.
func FlushTree(string) error { return nil }

// FlushWritten makes a file that was just written last through a power cut, where FlushTree cannot do it for all files
// together.
func FlushWritten(f *os.File) error { return f.Sync() }
