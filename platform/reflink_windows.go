package platform

import "os"

// CloneFile cannot be done on NTFS.
func CloneFile(*os.File, *os.File) error { return ErrNoClone }
