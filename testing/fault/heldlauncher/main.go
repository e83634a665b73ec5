// Command heldlauncher is the launcher, which a test can hold at any point of an upgrade. It promises to wait there,
// with everything as it is at that point, until the test lets it go or ends it. It guards against fault tests that hit
// the moment that they mean only by luck.
package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/launcher"
)

// The files by which the test speaks to it, in the folder that the environment names.
const (
	folderVariable = "OIBUS_FAULT_DIR"
	holdName       = "hold" // the point at which to wait
	heldName       = "held" // there while it waits; the test removes it to let it go
	pointsName     = "points"
)

func main() {
	if dir := os.Getenv(folderVariable); dir != "" {
		launcher.Hook = func(point string) { pass(dir, point) }
	}
	os.Exit(launcher.Main(os.Args[1:], os.Stdout, os.Stderr))
}

// pass notes the point, and waits there if that is wanted.
func pass(dir, point string) {
	if f, err := os.OpenFile(filepath.Join(dir, pointsName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
		_, _ = f.WriteString(point + "\n") // for those who read a failure
		_ = f.Close()
	}
	hold, held := filepath.Join(dir, holdName), filepath.Join(dir, heldName)
	if text, err := os.ReadFile(hold); err != nil || strings.TrimSpace(string(text)) != point || os.Rename(hold, held) != nil {
		return
	}
	for {
		if _, err := os.Stat(held); err != nil {
			return
		}
		<-time.After(2 * time.Millisecond)
	}
}
