package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// logged makes a store whose log exists already.
func logged(t *testing.T) *Store {
	t.Helper()
	s := open(t)
	l, err := OpenLog(s, "commands/journal", func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// lastOpened is the log that openLog opened last, by store: as in the product, one at a time has the file.
var lastOpened sync.Map

func openLog(t *testing.T, s *Store) (*Log, []string) {
	t.Helper()
	if last, ok := lastOpened.LoadAndDelete(s); ok {
		if err := last.(*Log).Close(); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	l, err := OpenLog(s, "commands/journal", func(r []byte) error {
		got = append(got, string(r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lastOpened.Store(s, l)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l, got
}

func logPath(s *Store) string { return filepath.Join(s.Dir(), "commands", "journal.log") }

func appendAll(t *testing.T, l *Log, records ...any) {
	t.Helper()
	if err := l.Append(records...); err != nil {
		t.Fatal(err)
	}
}

func TestALogReplaysWhatWasAppendedInOrder(t *testing.T) {
	t.Parallel()
	s := open(t)
	l, got := openLog(t, s)
	if len(got) != 0 {
		t.Fatalf("a new log replayed %v", got)
	}
	appendAll(t, l, 1, 2)
	appendAll(t, l, "three\n")
	if _, got = openLog(t, s); !slices.Equal(got, []string{"1", "2", `"three\n"`}) {
		t.Fatalf("replayed %q", got)
	}
	if n := len(s.Incidents()); n != 0 {
		t.Fatalf("%d incidents", n)
	}
}

func TestConcurrentAppendsAreAllThereOnce(t *testing.T) {
	t.Parallel()
	s := open(t)
	l, _ := openLog(t, s)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				if err := l.Append(fmt.Sprintf("%d-%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	_, got := openLog(t, s)
	slices.Sort(got)
	if len(got) != 160 || len(slices.Compact(got)) != 160 {
		t.Fatalf("%d records", len(got))
	}
}

func TestATornTailAtEveryLengthIsCutOffAndReported(t *testing.T) {
	t.Parallel()
	s := open(t)
	l, _ := openLog(t, s)
	appendAll(t, l, "first")
	kept := l.Size()
	appendAll(t, l, "second")
	full, err := os.ReadFile(logPath(s))
	if err != nil {
		t.Fatal(err)
	}
	for n := int(kept); n < len(full); n++ {
		for _, tail := range []string{"", "\x00\x00\x00"} { // a power cut may leave zeros where data should be
			if err := os.WriteFile(logPath(s), append(full[:n:n], tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			before := len(s.Incidents())
			l2, got := openLog(t, s)
			torn := n > int(kept) || tail != ""
			if !slices.Equal(got, []string{`"first"`}) || (len(s.Incidents()) > before) != torn {
				t.Fatalf("cut at %d: replayed %q, incidents %v", n, got, s.Incidents())
			}
			appendAll(t, l2, "again")
			if _, got := openLog(t, s); !slices.Equal(got, []string{`"first"`, `"again"`}) {
				t.Fatalf("cut at %d, then appended: replayed %q", n, got)
			}
		}
	}
}

func TestDamageInTheMiddleIsReportedAndTheRestKept(t *testing.T) {
	t.Parallel()
	s := open(t)
	l, _ := openLog(t, s)
	appendAll(t, l, "first", "second", "third")
	data, err := os.ReadFile(logPath(s))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(logPath(s), bytes.Replace(data, []byte("second"), []byte("sXcond"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, got := openLog(t, s); !slices.Equal(got, []string{`"first"`, `"third"`}) {
		t.Fatalf("replayed %q", got)
	}
	if in := s.Incidents(); len(in) != 1 || !strings.Contains(in[0].Reason, "1 damaged") {
		t.Fatalf("incidents %+v", in)
	}
	openLog(t, s)
	if n := len(s.Incidents()); n != 1 {
		t.Fatalf("the repaired log is reported again: %+v", s.Incidents())
	}
}

func TestAnEmptiedZeroFilledOrUnreadableLogIsPutAside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"emptied", "zero-filled", "garbage", "unreadable"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			l, _ := openLog(t, s)
			appendAll(t, l, "lost")
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := damages[name](logPath(s)); err != nil {
				t.Fatal(err)
			}
			l, got := openLog(t, s)
			if len(got) != 0 || len(s.Incidents()) != 1 {
				t.Fatalf("replayed %q, incidents %+v", got, s.Incidents())
			}
			appendAll(t, l, "next")
			if _, got := openLog(t, s); !slices.Equal(got, []string{`"next"`}) {
				t.Fatalf("replayed %q", got)
			}
		})
	}
}

func TestRewriteReplacesTheContentAndTheLogGoesOn(t *testing.T) {
	t.Parallel()
	s := open(t)
	l, _ := openLog(t, s)
	appendAll(t, l, 1, 2, 3)
	before := l.Size()
	if err := l.Rewrite([]any{3}); err != nil {
		t.Fatal(err)
	}
	if l.Size() >= before {
		t.Fatalf("size %d after compaction, %d before", l.Size(), before)
	}
	appendAll(t, l, 4)
	if _, got := openLog(t, s); !slices.Equal(got, []string{"3", "4"}) {
		t.Fatalf("replayed %q", got)
	}
}

func TestALogOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	l, _ := openLog(t, s)
	line, _ := json.Marshal(header{Schema: 99})
	if err := os.WriteFile(logPath(s), appendLine(nil, line), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLog(s, "commands/journal", func([]byte) error { return nil }); !errors.Is(err, ErrNewerState) {
		t.Fatalf("got %v", err)
	}
}

func TestAClosedLogRefusesRecords(t *testing.T) {
	t.Parallel()
	l, _ := openLog(t, open(t))
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if l.Append(1) == nil || l.Rewrite(nil) == nil {
		t.Fatal("a closed log took a record")
	}
}

func FuzzReadingALogNeverFailsAndKeepsOnlyWholeLines(f *testing.F) {
	good := appendLine(appendLine(nil, []byte(`{"schema":1}`)), []byte(`{"a":1}`))
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(make([]byte, 64))
	f.Add([]byte("\n\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parseLog(data)
		for _, r := range p.records {
			if !bytes.Contains(data, appendLine(nil, r)) {
				t.Fatalf("record %q is not a line of the input", r)
			}
		}
	})
}

func FuzzLoadingADocumentNeverFailsOtherThanForNewerState(f *testing.F) {
	f.Add([]byte(`{"schema":1,"data":{"name":"x"}}`))
	f.Add([]byte(`{"schema":2,"data":{}}`))
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.Dir(), "engine.json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(s, "engine", thing{}); err != nil && !errors.Is(err, ErrNewerState) {
			t.Fatal(err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	l, err := OpenLog(s, "bench", func([]byte) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append("a record of a usual length, give or take"); err != nil {
				b.Error(err)
			}
		}
	})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

func TestALogThatIsGoneIsReportedUnlessItIsAFirstStart(t *testing.T) {
	t.Parallel()
	s := logged(t)
	if n := len(s.Incidents()); n != 0 {
		t.Fatalf("%d incidents at a first start", n)
	}
	again, err := Open(filepath.Dir(s.Dir()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(logPath(again)); err != nil {
		t.Fatal(err)
	}
	openLog(t, again)
	if in := again.Incidents(); len(in) != 1 || in[0].Reason != "missing" {
		t.Fatalf("incidents %+v", in)
	}
}

func TestALogThatIsMadeLaterIsNoIncident(t *testing.T) {
	t.Parallel()
	first := open(t)
	if err := Save(first, "other", 1); err != nil {
		t.Fatal(err)
	}
	again, err := Open(filepath.Dir(first.dir))
	if err != nil {
		t.Fatal(err)
	}
	l, err := CreateLog(again, "new")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if in := again.Incidents(); len(in) != 0 {
		t.Fatalf("got %v", in)
	}
}
