package release

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"oibus/platform/task"
)

// zipVersion is the version of the zip format with folders and deflate, 2.0.
const zipVersion = 20

// Source is a file that goes into a package. Open is called twice and must give the same content.
type Source struct {
	Path       string // in the package, with slashes
	Executable bool
	Open       func() (io.ReadCloser, error)
}

// FileSource takes the content from a file on disk.
func FileSource(path, file string, executable bool) Source {
	return Source{Path: path, Executable: executable, Open: func() (io.ReadCloser, error) { return os.Open(file) }}
}

// Write makes a package of the sources. Of m it takes the version, platform, architecture, state levels and creation
// time; it returns the manifest with the files, signed when there is a key. The same input gives the same bytes: the
// entries are sorted, the manifest first, and bear a fixed time.
func Write(ctx context.Context, w io.Writer, m Manifest, sources []Source, key *PrivateKey) (Manifest, error) {
	m.Format, m.Product, m.Files, m.Signature = manifestFormat, product, nil, nil
	m.Version, m.Created = strings.TrimPrefix(m.Version, "v"), m.Created.UTC().Truncate(time.Second)
	sources = slices.SortedFunc(slices.Values(sources), func(a, b Source) int { return strings.Compare(a.Path, b.Path) })
	facts := make([]contentFacts, len(sources))
	for i, s := range sources {
		var err error
		if facts[i], err = s.pack(ctx, io.Discard); err != nil {
			return Manifest{}, err
		}
		m.Files = append(m.Files, File{Path: s.Path, Size: facts[i].size, SHA256: facts[i].sha256, Executable: s.Executable})
	}
	text, err := m.finish(key)
	if err != nil {
		return Manifest{}, err
	}
	return m, writeArchive(ctx, w, text, sources, facts)
}

// finish checks, signs and encodes a manifest that has all its files.
func (m *Manifest) finish(key *PrivateKey) ([]byte, error) {
	err := m.check(DefaultLimits())
	if err == nil && m.Version == "" {
		err = errors.New("the version is missing")
	}
	if err == nil {
		err = m.seal()
	}
	if err == nil && key != nil {
		err = m.sign(*key)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the manifest: %w", err)
	}
	return m.encode()
}

func writeArchive(ctx context.Context, w io.Writer, manifest []byte, sources []Source, facts []contentFacts) error {
	z := zip.NewWriter(w)
	first := Source{Path: ManifestName, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(manifest)), nil
	}}
	f, err := first.pack(ctx, io.Discard)
	if err == nil {
		err = first.writeTo(ctx, z, f)
	}
	for i := 0; err == nil && i < len(sources); i++ {
		err = sources[i].writeTo(ctx, z, facts[i])
	}
	return errors.Join(err, z.Close())
}

// contentFacts are what the records of an archive say of a content. They stand before it, so that a reader that cannot
// seek knows them too.
type contentFacts struct {
	sha256       string
	crc          uint32
	size, packed int64
}

// pack writes the content of a source, packed, and says what it was.
func (s Source) pack(ctx context.Context, w io.Writer) (f contentFacts, err error) {
	in, err := s.Open()
	if err != nil {
		return f, fmt.Errorf("cannot pack %q: %w", s.Path, err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	packed := &counter{w: w}
	out, err := flate.NewWriter(packed, flate.DefaultCompression)
	if err != nil {
		return f, fmt.Errorf("cannot pack %q: %w", s.Path, err)
	}
	sum, crc := sha256.New(), crc32.NewIEEE()
	f.size, err = io.CopyBuffer(io.MultiWriter(out, sum, crc), task.Reader(ctx, in), make([]byte, copyBuffer))
	if err = errors.Join(err, out.Close()); err != nil {
		return f, fmt.Errorf("cannot pack %q: %w", s.Path, err)
	}
	f.sha256, f.crc, f.packed = hex.EncodeToString(sum.Sum(nil)), crc.Sum32(), packed.n
	return f, nil
}

// writeTo adds the source to an archive, where it must turn out as it did before.
func (s Source) writeTo(ctx context.Context, z *zip.Writer, want contentFacts) error {
	h := &zip.FileHeader{
		Name: s.Path, Method: zip.Deflate, ReaderVersion: zipVersion,
		CRC32: want.crc, CompressedSize64: uint64(want.packed), UncompressedSize64: uint64(want.size),
	}
	//lint:ignore SA1019 CreateRaw writes this field and ignores the newer one
	h.ModifiedDate = 1<<5 | 1 // the first day of 1980, as early as zip can say
	h.SetMode(fileMode)
	if s.Executable {
		h.SetMode(programMode)
	}
	w, err := z.CreateRaw(h)
	if err != nil {
		return fmt.Errorf("cannot pack %q: %w", s.Path, err)
	}
	got, err := s.pack(ctx, w)
	if err == nil && got != want {
		err = fmt.Errorf("cannot pack %q: it changed meanwhile", s.Path)
	}
	return err
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Sign writes the verified package p again, signed. Of m it takes what the package does not say itself. The result is
// what Write would have made of the same files with the key.
func (p *Package) Sign(ctx context.Context, w io.Writer, m Manifest, key PrivateKey) (Manifest, error) {
	if p.proven == nil {
		return Manifest{}, p.wrap(errors.New("it must be verified before it is signed"))
	}
	if old := p.proven.Manifest; old.Version != "" {
		m = old
	}
	var sources []Source
	for _, f := range p.proven.Manifest.Files {
		e := p.entry(f.Path)
		sources = append(sources, Source{Path: f.Path, Executable: f.Executable, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(e.open(p.r)), nil
		}})
	}
	m, err := Write(ctx, w, m, sources, &key)
	if err != nil {
		return Manifest{}, p.wrap(err)
	}
	return m, nil
}
