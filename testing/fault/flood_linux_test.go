package fault

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"oibus/testing/fault/site"
	"oibus/testing/harness"
)

var linesLost = regexp.MustCompile(`(\d+) log lines were lost because they came faster than the journal could be written`)

func TestAFullDiskCountsTheLogLinesThatItCannotKeep(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 32)
	s := startOn(t, d.dir)
	free := fill(t, d.dir)
	const sent = 1500 // of 5 kB: more than waits in memory
	for i := range sent {
		strayRequest(t, s, fmt.Sprintf("stray-%04d-%s", i, strings.Repeat("x", 5000)))
	}
	c := ailing{t: t, s: s}
	c.manageable(fullFor / 4)
	free()
	harness.Until(t, recoversWithin, "the log says how many lines were lost", func() bool {
		return linesLost.MatchString(strings.Join(written(t, s.Dir), ""))
	})
	if code := s.Stop(); code != 0 {
		t.Errorf("it ended with %d\n%s", code, s.Output())
	}
	text := strings.Join(written(t, s.Dir), "")
	kept, lost := 0, 0
	for i := range sent {
		kept += strings.Count(text, fmt.Sprintf("stray-%04d-", i))
	}
	for _, m := range linesLost.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		lost += n
	}
	if kept+lost < sent || kept > sent || kept == 0 {
		t.Errorf("of %d lines, %d were kept and %d are said to be lost", sent, kept, lost)
	}
	t.Logf("of %d lines, %d were kept and %d are said to be lost", sent, kept, lost)
}

// strayRequest asks under a name that is not this machine's, which is refused with a line in the log.
func strayRequest(t *testing.T, s *site.Site, host string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startsWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	answer, err := s.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusMisdirectedRequest {
		t.Fatalf("a stray request is answered %d", answer.StatusCode)
	}
}
