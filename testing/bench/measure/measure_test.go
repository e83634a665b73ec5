package measure

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestPercentilesAreMeasurementsThatWereMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sample  Sample
		p, want float64
	}{
		{nil, 50, 0},
		{Sample{7}, 50, 7},
		{Sample{7}, 95, 7},
		{Sample{3, 1, 2}, 50, 2},
		{Sample{4, 3, 2, 1}, 50, 2},
		{Sample{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 95, 10},
		{Sample{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 90, 9},
		{Sample{2, 1}, 0, 1},
		{Sample{2, 1, 3}, 100, 3},
	} {
		if got := c.sample.Percentile(c.p); got != c.want {
			t.Errorf("percentile %v of %v is %v, want %v", c.p, c.sample, got, c.want)
		}
	}
	s := Sample{3, 1}
	if s.Median(); s[0] != 3 {
		t.Error("the sample was sorted in place")
	}
	if s.Milliseconds(1500 * time.Microsecond); s.Max() != 3 || s[2] != 1.5 {
		t.Errorf("%v", s)
	}
}

func TestNumbersAreReadable(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0", 3: "3", 1.005: "1.00", 3.14159: "3.14", 31.4159: "31.4", 314.159: "314", 999: "999", 1000: "1 000", 999.6: "1 000",
		1234567: "1 234 567", 12345.678: "12 346", -1234.5: "-1 234", -100: "-100", 0.004: "0.00",
	} {
		if got := Number(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}

func TestAVerdictComparesWithTheBudget(t *testing.T) {
	t.Parallel()
	for want, rows := range map[string][]Row{
		Pass:    {Row{Value: 40}.AtMost(40), Row{Value: 2000}.NotBelow(2000), Row{Value: 0}.AtMost(0)},
		Fail:    {Row{Value: 40.1}.AtMost(40), Row{Value: 1999}.NotBelow(2000), Row{Value: math.NaN()}.AtMost(1)},
		Shown:   {{Value: 1e9}},
		Skipped: {Row{}.AtMost(1).Absent("no strace")},
	} {
		for _, r := range rows {
			if got := r.Verdict(); got != want {
				t.Errorf("%+v: %q, want %q", r, got, want)
			}
		}
	}
}

var sampleReport = Report{
	Version: "3.9.0", At: "2026-01-01T00:00:00Z",
	Machine: []Fact{{"processor", "a fast one"}, {"fsync", "1 000/s"}},
	Rows: []Row{
		Row{Group: "Start", Name: "first start", Value: 41.26, Unit: "ms", Detail: "median of 10"}.AtMost(100),
		Row{Group: "Start", Name: "later start", Value: 120, Unit: "ms"}.AtMost(100),
		{Group: "A group with a name that is longer than any cell below it", Name: "lines", Value: 1e6, Unit: "lines/s"},
		Row{Group: "A group with a name that is longer than any cell below it", Name: "rate", Value: 9000, Unit: "/s"}.NotBelow(2000),
		Row{Group: "A group with a name that is longer than any cell below it", Name: "fsyncs", Unit: "fsyncs"}.AtMost(2).Absent("strace is not installed"),
	},
}

const sampleText = `OIBus 3.9.0, 2026-01-01T00:00:00Z

This machine
processor     a fast one
fsync         1 000/s

What                      Figure   Budget           How

Start
  first start            41.3 ms    ≤ 100  pass     median of 10
  later start             120 ms    ≤ 100  FAIL

A group with a name that is longer than any cell below it
  lines        1 000 000 lines/s
  rate                  9 000 /s  ≥ 2 000  pass
  fsyncs                       -      ≤ 2  skipped  strace is not installed
`

func TestTheTableIsAligned(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := sampleReport.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != sampleText {
		t.Errorf("got\n%s\nwant\n%s", b.String(), sampleText)
	}
	if f := sampleReport.Failed(); len(f) != 1 || f[0].Name != "later start" {
		t.Errorf("failed %+v", f)
	}
}

func TestTheJSONHoldsTheVerdicts(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(sampleReport)
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Rows []map[string]any }
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if r := back.Rows[1]; r["verdict"] != "FAIL" || r["value"] != 120.0 || r["budget"] != 100.0 || r["name"] != "later start" {
		t.Errorf("%v", r)
	}
	if _, ok := back.Rows[2]["budget"]; ok {
		t.Error("a row without a budget has one")
	}
}

func TestTheMemoryOfAProcessIsRead(t *testing.T) {
	t.Parallel()
	text := "Name:\toibus\nVmPeak:\t 1272652 kB\nVmHWM:\t   20000 kB\nVmRSS:\t   18836 kB\nRssAnon:\t    7000 kB\nRssFile:\t   11836 kB\n"
	m, err := ParseStatus(text)
	if want := (Memory{18836 << 10, 20000 << 10, 7000 << 10}); err != nil || m != want {
		t.Errorf("%+v, %v", m, err)
	}
	for _, bad := range []string{"", "Name:\toibus\nState:\tZ (zombie)\n", "VmRSS:\tmany kB\n", "VmRSS:\t5 MB\n"} {
		if m, err := ParseStatus(bad); err == nil {
			t.Errorf("%q gives %+v", bad, m)
		}
	}
}

func TestTheTimesOfAProcessAreRead(t *testing.T) {
	t.Parallel()
	text := "23656 (my (odd) name) S 23648 23648 19 0 -1 4194560 5342 0 3 0 137 25 0 0 20 0 8 0 7034 1303195648 4709\n"
	got, err := ParseStat(text)
	if want := (Times{23648, 1620 * time.Millisecond}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "1 (x) S 2", "1 (x) S a b c d e f g h i j k l m n"} {
		if got, err := ParseStat(bad); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("23656 (oibus) S 23648 23648 19 0 -1 4194560 5342 0 3 0 137 25 0 0")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = ParseStat(text)
		_, _ = ParseStatus(text)
		_, _ = ParseTrace(text)
		ParseCPUModel(text)
	})
}

func TestTheCallsOfATraceAreCountedOnce(t *testing.T) {
	t.Parallel()
	text := `26909 1763853846.590324 fsync(8)          = 0
26911 1763853846.590976 fsync(9 <unfinished ...>
26909 1763853846.591272 fdatasync(8)      = 0
26911 1763853846.592657 <... fsync resumed>) = 0
26911 1763853846.600000 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---
26911 1763853847.000001 +++ exited with 0 +++
`
	calls, err := ParseTrace(text)
	if err != nil || len(calls) != 3 || calls[1].UnixMicro() != 1763853846590976 {
		t.Errorf("%v, %v", calls, err)
	}
	if calls, err := ParseTrace(""); len(calls) != 0 || err != nil {
		t.Errorf("nothing: %v, %v", calls, err)
	}
	for _, bad := range []string{"1 now fsync(8) = 0\n", "1 5.5 fsync(8) = 0\n", "1 x.123456 fsync(8) = 0\n"} {
		if calls, err := ParseTrace(bad); err == nil {
			t.Errorf("%q gives %v", bad, calls)
		}
	}
}

func TestTheModelOfTheProcessorIsFound(t *testing.T) {
	t.Parallel()
	if got := ParseCPUModel("processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\ncpu MHz: 1\nmodel name\t: other\n"); got != "AMD EPYC" {
		t.Error(got)
	}
	if got := ParseCPUModel("processor : 0\n"); got != "processor of unknown model" {
		t.Error(got)
	}
}

func TestThisProcessIsSeen(t *testing.T) {
	t.Parallel()
	m, err := MemoryOf(os.Getpid())
	if errors.Is(err, ErrNoProc) {
		t.Skip(err)
	}
	if err != nil || m.Resident < 1<<20 || m.Peak < m.Resident {
		t.Errorf("%+v, %v", m, err)
	}
	if times, err := TimesOf(os.Getpid()); err != nil || times.Parent != os.Getppid() {
		t.Errorf("%+v, %v", times, err)
	}
	if _, err := MemoryOf(1 << 30); err == nil {
		t.Error("a process that does not exist has memory")
	}
}

func TestTheLimitsOfTheMachineAreMeasured(t *testing.T) {
	t.Parallel()
	times, err := flushes(t.Context(), t.TempDir(), 20*time.Millisecond)
	if err != nil || len(times) == 0 {
		t.Errorf("%d flushes, %v", len(times), err)
	}
	times, rate, err := trips(t.Context(), 20*time.Millisecond)
	if err != nil || len(times) == 0 || rate <= 0 {
		t.Errorf("%d round trips, %v/s, %v", len(times), rate, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ended, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestCallsAreTracedWhileSomethingHappens(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	cat := exec.CommandContext(t.Context(), "cat")
	in, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cat.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	calls, err := Trace(t.Context(), cat.Process.Pid, "write", func() error {
		for range 3 {
			if _, err := in.Write([]byte("x")); err != nil {
				return err
			}
			if _, err := out.Read(make([]byte, 1)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(in.Close(), cat.Wait()); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Skipf("strace may not follow processes here: %v", err)
	}
	if len(calls) != 3 || calls[0].Before(before.Add(-time.Millisecond)) || calls[2].After(time.Now()) {
		t.Errorf("cat wrote at %v", calls)
	}
}
