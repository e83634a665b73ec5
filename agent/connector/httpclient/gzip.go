package httpclient

import (
	"bytes"
	"compress/gzip"
	"io"
)

// Levels of compression (protocol/data-plane.md, section 10).
const (
	FileLevel   = gzip.BestCompression
	ValuesLevel = gzip.DefaultCompression
)

// Gzip compresses what is read from body, piece by piece.
func Gzip(body func() io.ReadCloser, level int) func() io.ReadCloser {
	return func() io.ReadCloser {
		g := &gzipReader{source: body(), piece: make([]byte, 64<<10)}
		g.gzip, g.err = gzip.NewWriterLevel(&g.out, level)
		return g
	}
}

type gzipReader struct {
	source io.ReadCloser
	piece  []byte
	gzip   *gzip.Writer
	out    bytes.Buffer // compressed and not read yet
	err    error        // of the source, or io.EOF when all is compressed
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for g.out.Len() == 0 && g.err == nil {
		g.fill()
	}
	if g.out.Len() > 0 {
		return g.out.Read(p)
	}
	return 0, g.err
}

func (g *gzipReader) fill() {
	n, err := g.source.Read(g.piece)
	_, _ = g.gzip.Write(g.piece[:n]) // a bytes.Buffer does not fail
	if err == io.EOF {
		_ = g.gzip.Close()
	}
	g.err = err
}

func (g *gzipReader) Close() error { return g.source.Close() }
