package platform

import (
	"os"
	"path/filepath"
)

// Existing is a folder itself, or the nearest one above it that is there.
func Existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
