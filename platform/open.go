package platform

import (
	"errors"
	"io"
)

// ReadShared reads a file that others may replace meanwhile, as WriteFile does. More than limit bytes are left out.
func ReadShared(path string, limit int64) ([]byte, error) {
	f, err := OpenShared(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return text, errors.Join(err, f.Close())
}
