package release

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// hostile are packages that must be refused. Each fault is put into a good package without a manifest, where nothing
// else than the rules for archives would find it.
var hostile = []struct {
	name  string
	fault func(list []*record) []*record
	want  string
}{
	{"path that leaves the folder", named("../../etc/cron.d/x"), `entry "../../etc/cron.d/x" has a path that leaves its folder`},
	{"path that leaves the folder in the middle", named("doc/../../x"), `entry "doc/../../x" has a path that leaves its folder`},
	{"path that stays where it is", named("./oibus-launcher"), `entry "./oibus-launcher" has a path that leaves its folder`},
	{"absolute path", named("/etc/passwd"), `entry "/etc/passwd" has an absolute path`},
	{"drive", named("C:/x"), `entry "C:/x" has a colon`},
	{"drive without a slash", named("C:x"), `entry "C:x" has a colon`},
	{"network share", named("//server/share"), `has an absolute path`},
	{"backslash", named(`binaries\x`), `has a backslash in its name`},
	{"backslash that leaves the folder", named(`..\x`), `has a backslash in its name`},
	{"stream", named("LICENSE:hidden"), `has a colon`},
	{"device", named("CON"), `entry "CON" has the name of a Windows device`},
	{"device with an extension", named("doc/nul.txt"), `entry "doc/nul.txt" has the name of a Windows device`},
	{"device as a folder", named("Aux/x"), `has the name of a Windows device`},
	{"device with space before the extension", named("prn .txt"), `has the name of a Windows device`},
	{"serial port", named("com1"), `has the name of a Windows device`},
	{"printer port", named("LPT9.log"), `has the name of a Windows device`},
	{"console", named("CONIN$"), `has the name of a Windows device`},
	{"dot at the end", named("doc./x"), `ends with a dot or a space`},
	{"space at the end", named("oibus-launcher "), `ends with a dot or a space`},
	{"empty name", named(""), `has an empty name`},
	{"empty folder name", named("doc//x"), `has an empty folder name`},
	{"nothing but a slash", named("/"), `has an empty name`},
	{"not UTF-8", named("a\xff"), `has a name that is not UTF-8`},
	{"not ASCII", named("é"), `not printable ASCII`},
	{"zero byte", named("a\x00b"), `not printable ASCII`},
	{"wildcard", named("a*"), `a character in its name that Windows does not allow`},
	{"long name", named(strings.Repeat("x", 201)), `has a name of 201 bytes, the limit is 200`},
	{"twice", named("oibus-launcher"), `entry "oibus-launcher" is there twice`},
	{"upper and lower case", named("LICENSe"), `entry "LICENSe" differs from "LICENSE" only in upper and lower case`},
	{"folder in upper and lower case", named("Binaries/x"), `entry "Binaries/x" differs from "binaries" only in upper and lower case`},
	{"manifest in another spelling", named("Manifest.json"), `entry "Manifest.json" differs from "manifest.json" only in`},
	{"file that is a folder too", named("binaries"), `makes "binaries" both a file and a folder`},
	{"folder that is a file too", named("LICENSE/x"), `makes "LICENSE" both a file and a folder`},
	{"symbolic link", extra(record{name: "x", content: "/etc/passwd", mode: 0o120777}), `entry "x" is a link or a special file`},
	{"pipe", extra(record{name: "x", mode: 0o010644}), `is a link or a special file`},
	{"device node", extra(record{name: "x", mode: 0o060644}), `is a link or a special file`},
	{"socket", extra(record{name: "x", mode: 0o140644}), `is a link or a special file`},
	{"reparse point", extra(record{name: "x", attrs: dosReparse}), `is a link or a special file`},
	{"set user id", extra(record{name: "x", mode: 0o104755}), `entry "x" has a special mode (104755)`},
	{"folder without a slash", extra(record{name: "x", mode: 0o040755}), `is a folder after its mode or after its name`},
	{"folder with content", extra(record{name: "x/", content: "y", mode: 0o040755}), `entry "x/" is a folder with content`},
	{"encrypted", extra(record{name: "x", flags: 1}), `entry "x" is encrypted`},
	{"unknown method", extra(record{name: "x", method: 12}), `entry "x" is packed with method 12`},
	{"bomb by ratio", extra(record{name: "x", content: strings.Repeat("x", 2<<20), method: methodDeflate}), `to 2097152, more than 200 times`},
	{"larger than declared", extra(record{name: "x", content: "1234567890", method: methodDeflate, claim: func(size, _ *uint32) { *size = 4 }}),
		`entry "x" unpacks to more than the declared 4 bytes`},
	{"smaller than declared", extra(record{name: "x", content: "1234", method: methodDeflate, claim: func(size, _ *uint32) { *size = 9 }}),
		`entry "x" unpacks to 4 bytes, 9 are declared`},
	{"stored with another size", extra(record{name: "x", content: "1234", claim: func(size, _ *uint32) { *size = 9 }}), `has 4 bytes packed and 9 unpacked`},
	{"too large", extra(record{name: "x", method: methodDeflate, claim: func(size, _ *uint32) { *size = 4 << 30 / 5 * 4 }}), `entry "x" has 3435973836 bytes, the limit is 3221225472`},
	{"zip64", extra(record{name: "x", method: methodDeflate, claim: func(size, _ *uint32) { *size = 0xffffffff }}), `entry "x" has 4294967295 bytes, the limit`},
	{"wrong checksum", extra(record{name: "x", content: "1234", claim: func(_, crc *uint32) { *crc = 7 }}), `entry "x" is damaged: its checksum is 9be3e0a3, 00000007 is declared`},
	{"damaged data", extra(record{name: "x", content: "1234", method: methodDeflate, local: func(rec []byte) { binary.LittleEndian.PutUint16(rec[28:], 2) }}), ``},
	{"two names", extra(record{name: "x", localName: "y"}), `entry "x" is named "y" before its data`},
	{"two sizes", extra(record{name: "x", content: "1234", local: func(rec []byte) { rec[22]++ }}), `entry "x" has one size or checksum in the directory and another`},
	{"two methods", extra(record{name: "x", local: func(rec []byte) { rec[8] = 8 }}), `entry "x" is packed in one way`},
	{"overlap", extra(record{name: "x", shift: 7}), `entry "x" overlaps entry`},
	{"not there", extra(record{name: "x", shift: -11}), `entry "x" begins at byte`},
	{"no launcher", func(list []*record) []*record { return drop(list, "oibus-launcher") }, `entry "oibus-launcher" is missing: a package for linux has it`},
	{"no agent", func(list []*record) []*record { return drop(list, "binaries/oibus") }, `entry "binaries/oibus" is missing`},
	{"for Windows", func(list []*record) []*record {
		for _, r := range list {
			if isProgram(r.name) {
				r.name += ".exe"
			}
		}
		return list
	}, `it is for windows x64, this machine is linux x64`},
	{"program for another processor", func(list []*record) []*record {
		find(list, "binaries/oibus").content = "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xb7\x00"
		return list
	}, `entry "binaries/oibus" is a program for linux arm64, this is a package for linux x64`},
	{"program for another system", func(list []*record) []*record {
		find(list, "oibus-launcher").content = "MZ" + strings.Repeat("\x00", 58) + "\x40\x00\x00\x00PE\x00\x00\x64\x86"
		return list
	}, `entry "oibus-launcher" is a program for windows x64`},
}

func named(name string) func([]*record) []*record { return extra(record{name: name}) }

// extra puts an entry at the end.
func extra(r record) func([]*record) []*record {
	return func(list []*record) []*record { return append(list, &r) }
}

func find(list []*record, name string) *record {
	return list[slices.IndexFunc(list, func(r *record) bool { return r.name == name })]
}

func drop(list []*record, name string) []*record {
	return slices.DeleteFunc(list, func(r *record) bool { return r.name == name })
}

// bare is the good package without its manifest.
func bare(t testing.TB) []*record {
	t.Helper()
	good, err := goodPackage()
	if err != nil {
		t.Fatal(err)
	}
	return drop(records(t, good), ManifestName)
}

// goodPackage is made once.
var goodPackage = sync.OnceValues(func() ([]byte, error) {
	var b bytes.Buffer
	_, err := Write(context.Background(), &b, base(), sources(contents()), nil)
	return b.Bytes(), err
})

func TestHostilePackagesAreRefusedWithTheEntryAndTheReason(t *testing.T) {
	t.Parallel()
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := verify(t, archive(c.fault(bare(t))), machine())
			wantRefused(t, err, c.want)
		})
	}
	if _, _, err := verify(t, archive(bare(t)), machine()); err != nil {
		t.Errorf("the package that the faults are put into is refused: %v", err)
	}
}

func TestLimitsAreNamed(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	for _, c := range []struct {
		set  func(*Limits)
		want string
	}{
		{func(l *Limits) { l.PackageSize = 100 }, fmt.Sprintf("it has %d bytes, the limit is 100", len(data))},
		{func(l *Limits) { l.Entries = 6 }, "it has 7 entries, the limit is 6"},
		{func(l *Limits) { l.FileSize = 400 }, " bytes, the limit is 400"},
		{func(l *Limits) { l.TotalSize = 500 }, "larger than the limit of 500 bytes for all together"},
		{func(l *Limits) { l.ManifestSize = 100 }, `entry "manifest.json" has `},
		{func(l *Limits) { l.NameLength = 10 }, "the limit is 10"},
	} {
		l := DefaultLimits()
		c.set(&l)
		p, err := openBytes(data, l)
		if err == nil {
			_, err = p.Verify(t.Context(), machine())
		}
		wantRefused(t, err, c.want)
	}
}

func TestAnArchiveInAnotherShapeIsRefused(t *testing.T) {
	t.Parallel()
	good := archive(bare(t))
	end := len(good) - endSize
	change := func(f func(data []byte)) []byte {
		data := slices.Clone(good)
		f(data)
		return data
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"something before":         {append([]byte("PK\x03\x04before"), good...), "does not end where its end record begins"},
		"something after":          {append(slices.Clone(good), "after"...), ErrTruncated.Error()},
		"comment":                  {append(change(func(d []byte) { d[end+20] = 5 }), "hello"...), ""},
		"count too low":            {change(func(d []byte) { d[end+8]--; d[end+10]-- }), "its end record says 5"},
		"part of several":          {change(func(d []byte) { d[end+4]++ }), "one part of several archives"},
		"zip64":                    {change(func(d []byte) { copy(d[end+16:], "\xff\xff\xff\xff") }), "zip64"},
		"large directory":          {change(func(d []byte) { d[end+15]++ }), "does not end where its end record begins"},
		"damaged directory":        {change(func(d []byte) { d[int(binary.LittleEndian.Uint32(d[end+16:]))]++ }), "its directory is damaged after 0 entries"},
		"entry without its end":    {change(func(d []byte) { d[int(binary.LittleEndian.Uint32(d[end+16:]))+31] = 0xff }), "its directory is damaged in entry 1"},
		"entry that is not there":  {change(func(d []byte) { d[0], d[2], d[3] = 'P', 5, 6 }), "is not where the directory says"},
		"empty archive":            {appendEnd(nil, nil, 0), `entry "oibus-launcher" is missing`},
		"entry outside of archive": {change(func(d []byte) { binary.LittleEndian.PutUint16(d[28:], 60000) }), ""},
	} {
		_, _, err := verify(t, c.data, machine())
		if name == "comment" {
			if err != nil {
				t.Errorf("an archive with a comment is refused: %v", err)
			}
			continue
		}
		t.Run(name, func(t *testing.T) { wantRefused(t, err, c.want) })
	}
}

func TestWhatIsNoZipIsRefusedInTheWordsOfTheReference(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(path, []byte("this is not a zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, DefaultLimits())
	wantRefused(t, err, "x.zip")
	var no *NotZipError
	if !errors.As(err, &no) || no.Error() != "invalid signature: 0x73696874" {
		t.Errorf("got %v", err)
	}
}

func TestAFileThatCannotBeReadIsNotThePackagesFault(t *testing.T) {
	t.Parallel()
	var refused *RefusedError
	if _, err := Open(filepath.Join(t.TempDir(), "missing.zip"), DefaultLimits()); !errors.Is(err, os.ErrNotExist) || errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(t.TempDir(), DefaultLimits()); !errors.As(err, &refused) {
		t.Errorf("a folder: got %v", err)
	}
	broken := brokenReader{}
	p, err := openReader("x", broken, 1000, DefaultLimits())
	if p != nil || !errors.Is(err, errBroken) || errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("input/output error")

type brokenReader struct{}

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func TestAPackageCutOffAnywhereMayOnlyBeIncomplete(t *testing.T) {
	t.Parallel()
	data := build(t, base(), contents(), nil)
	for i := range 50 {
		for _, n := range []int{len(data) * i / 50, len(data)*i/50 + 1} {
			if _, err := openBytes(data[:n], DefaultLimits()); !errors.Is(err, ErrTruncated) {
				t.Errorf("%d of %d bytes: %v", n, len(data), err)
			}
		}
	}
	if _, err := openBytes(data[:len(data)-1], DefaultLimits()); !errors.Is(err, ErrTruncated) {
		t.Errorf("all but the last byte: %v", err)
	}
}

func TestAFlippedBitIsFoundOrChangesNothing(t *testing.T) {
	t.Parallel()
	key := releaseKey(t)
	data := build(t, base(), map[string]string{"oibus-launcher": "l", "binaries/oibus": strings.Repeat("a", 100)}, &key)
	_, want := accept(t, data, machine(key.Public()))
	harmless := 0
	for i := range data {
		bit := i % 8
		data[i] ^= 1 << bit
		if _, got, err := verify(t, data, machine(key.Public())); err == nil {
			harmless++
			if got.Manifest.Digest() != want.Manifest.Digest() {
				t.Fatalf("bit %d of byte %d changes the release", bit, i)
			}
		} else {
			wantRefused(t, err, "")
		}
		data[i] ^= 1 << bit
	}
	t.Logf("%d of %d bits, such as those of the times of files, mean nothing", harmless, len(data))
}
