package platform

import "strings"

// ConnectShare opens a Windows share with credentials.
func ConnectShare(_, _, _ string) error { return ErrNoShares }

// DisconnectShare closes a share that ConnectShare opened.
func DisconnectShare(_ string) error { return nil }

// SafeFileName is name, one element of a path, as this system accepts it for a file.
func SafeFileName(name string) string {
	return strings.NewReplacer("/", "_", "\x00", "_").Replace(name)
}
