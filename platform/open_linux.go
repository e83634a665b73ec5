package platform

import "os"

// OpenShared opens a file for reading that others may replace or remove meanwhile.
func OpenShared(path string) (*os.File, error) { return os.Open(path) }

// rename gives the file at path a new name, in the place of the file that has it.
func rename(path, to string) error { return os.Rename(path, to) }
