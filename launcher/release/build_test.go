package release

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var created = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// contents are the files of the package that the tests begin with.
func contents() map[string]string {
	return map[string]string{
		"oibus-launcher":   "the launcher " + strings.Repeat("launches ", 50),
		"binaries/oibus":   "the agent " + strings.Repeat("collects ", 50),
		"LICENSE":          "Apache",
		"oibus-sbom.json":  "{}",
		"oibus-setup.sh":   "#!/bin/sh\n",
		"doc/a/empty.html": "",
	}
}

func sources(files map[string]string) []Source {
	var list []Source
	for path, content := range files {
		list = append(list, Source{Path: path, Executable: isProgram(path), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), nil
		}})
	}
	return list
}

func isProgram(path string) bool {
	return strings.Contains(path, "oibus-launcher") || strings.Contains(path, "binaries/oibus") || strings.HasSuffix(path, ".sh")
}

func base() Manifest {
	return Manifest{Version: "3.9.0", Platform: Linux, Architecture: X64, State: StateLevels{MinReadable: 1, Written: 2}, Created: created}
}

// build makes a package of the files.
func build(t testing.TB, m Manifest, files map[string]string, key *PrivateKey) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Write(t.Context(), &b, m, sources(files), key); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// machine is the policy of the machine that the tests play.
func machine(trusted ...PublicKey) Policy {
	return Policy{Platform: Linux, Architecture: X64, Now: created.AddDate(0, 1, 0), Trusted: trusted}
}

func openBytes(data []byte, l Limits) (*Package, error) {
	return openReader("test.zip", bytes.NewReader(data), int64(len(data)), l)
}

// verify opens and verifies.
func verify(t testing.TB, data []byte, p Policy) (*Package, Report, error) {
	t.Helper()
	pkg, err := openBytes(data, DefaultLimits())
	if err != nil {
		return nil, Report{}, err
	}
	r, err := pkg.Verify(t.Context(), p)
	return pkg, r, err
}

func accept(t testing.TB, data []byte, p Policy) (*Package, Report) {
	t.Helper()
	pkg, r, err := verify(t, data, p)
	if err != nil {
		t.Fatal(err)
	}
	return pkg, r
}

// wantRefused checks that the package is to blame, and that the text says so.
func wantRefused(t testing.TB, err error, text string) {
	t.Helper()
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), text) {
		t.Errorf("got: %v\nwant it refused with %q", err, text)
	}
}

// record is an entry of an archive as the tests write it, right or wrong.
type record struct {
	name, content string
	localName     string // in the entry's own record, when not name
	method, flags uint16
	mode          uint32 // Unix
	attrs         uint32 // DOS
	level         int    // of packing, the usual one when 0
	shift         int    // how much of the archive before the entry it claims for itself

	claim func(size, crc *uint32) // what the directory says instead of the truth
	local func(rec []byte)
}

// records reads a good archive back, for the tests to change.
func records(t testing.TB, data []byte) []*record {
	t.Helper()
	p, err := openBytes(data, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	var list []*record
	for _, e := range p.entries {
		content, err := io.ReadAll(e.open(p.r))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &record{name: e.name, content: string(content), method: e.method, flags: e.flags, mode: e.unixMode()})
	}
	return list
}

// archive writes records as a zip archive, trusting them.
func archive(list []*record) []byte {
	var out, directory bytes.Buffer
	le := binary.LittleEndian
	for _, r := range list {
		data := []byte(r.content)
		if r.method == methodDeflate {
			data = deflated(data, r.level)
		}
		size, crc := uint32(len(r.content)), crc32.ChecksumIEEE([]byte(r.content))
		if r.claim != nil {
			r.claim(&size, &crc)
		}
		common := make([]byte, 26) // what both records have, from the version on
		le.PutUint16(common, 20)
		le.PutUint16(common[2:], r.flags)
		le.PutUint16(common[4:], r.method)
		le.PutUint32(common[10:], crc)
		le.PutUint32(common[14:], uint32(len(data)))
		le.PutUint32(common[18:], size)
		offset := out.Len() - r.shift

		localName := r.name
		if r.localName != "" {
			localName = r.localName
		}
		le.PutUint16(common[22:], uint16(len(localName)))
		rec := slices.Concat(le.AppendUint32(nil, localMark), common, []byte(localName))
		if r.local != nil {
			r.local(rec)
		}
		out.Write(rec)
		out.Write(data)

		le.PutUint16(common[22:], uint16(len(r.name)))
		directory.Write(le.AppendUint32(nil, directoryMark))
		directory.Write([]byte{20, 3}) // made on Unix
		directory.Write(common)
		directory.Write(make([]byte, 6))
		directory.Write(le.AppendUint32(nil, r.mode<<16|r.attrs))
		directory.Write(le.AppendUint32(nil, uint32(offset)))
		directory.WriteString(r.name)
	}
	return appendEnd(out.Bytes(), directory.Bytes(), len(list))
}

func appendEnd(out, directory []byte, entries int) []byte {
	le := binary.LittleEndian
	end := le.AppendUint32(nil, endMark)
	end = append(end, 0, 0, 0, 0)
	end = le.AppendUint16(le.AppendUint16(end, uint16(entries)), uint16(entries))
	end = le.AppendUint32(le.AppendUint32(end, uint32(len(directory))), uint32(len(out)))
	return slices.Concat(out, directory, end, []byte{0, 0})
}

// packed keeps what was packed once: most tests change a little of the same package, and packing is slow.
var packed sync.Map

func deflated(data []byte, level int) []byte {
	if level == 0 {
		level = flate.DefaultCompression
	}
	key := string(data) + "\x00" + strconv.Itoa(level)
	if known, ok := packed.Load(key); ok {
		return known.([]byte)
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err == nil {
		_, err = w.Write(data)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	packed.Store(key, b.Bytes())
	return b.Bytes()
}

// with returns the contents with one file set, or taken away.
func with(path, content string) map[string]string {
	files := maps.Clone(contents())
	files[path] = content
	return files
}

func without(path string) map[string]string {
	files := contents()
	delete(files, path)
	return files
}
