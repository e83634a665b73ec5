package scan

import (
	"compress/gzip"
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"

	"oibus/platform/task"
)

// compress writes a file gzipped into the folder temp.
func compress(ctx context.Context, path, temp string) (compressed string, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	compressed = filepath.Join(temp, rand.Text()+".gz")
	out, err := os.OpenFile(compressed, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := out.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			os.Remove(compressed)
		}
	}()
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(z, task.Reader(ctx, in)); err != nil {
		return "", err
	}
	return compressed, z.Close()
}
