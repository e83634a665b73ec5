package platform

// SyncDir does nothing on Windows, where NTFS journals its folders and a folder cannot be flushed.
func SyncDir(string) error { return nil }
