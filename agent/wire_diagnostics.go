package agent

import (
	"context"
	"os"

	"oibus/launcher/diagnostics"
)

// diagnostics are the parts of the archive for who helps that only the whole agent knows.
func (a *agent) diagnostics(ctx context.Context) []diagnostics.Part {
	parts := append(diagnostics.Process(), diagnostics.Folder(ctx, a.line.DataDir)...)
	if _, err := os.Stat(a.config.File); err == nil {
		parts = append(parts, diagnostics.Settings(a.config.File))
	}
	return append(parts, diagnostics.JSON("state/overview.json", func() (any, error) { return a.overview(), nil }))
}
