package cloud

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// release is a body with as many different bytes as a test can tell apart.
var release = bytes.Repeat([]byte("PK\x03\x04 0123456789abcdef"), 5000)

func released(t *testing.T, etag string) (Connection, *[]http.Header) {
	t.Helper()
	var seen []http.Header
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		http.ServeContent(w, r, "release.zip", time.Time{}, bytes.NewReader(release))
	})
	return Connection{Host: s.URL, Token: "tok"}, &seen
}

func readAll(t *testing.T, a *Asset) []byte {
	t.Helper()
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAReleaseIsDownloadedWhole(t *testing.T) {
	t.Parallel()
	conn, seen := released(t, `"v1"`)
	a, err := newClient(t).Asset(t.Context(), conn, "a-557", Resume{})
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, a); !bytes.Equal(got, release) || a.Size != int64(len(release)) || a.ETag != `"v1"` || a.Offset != 0 {
		t.Errorf("got %d bytes, size %d, ETag %s, offset %d", len(got), a.Size, a.ETag, a.Offset)
	}
	if h := (*seen)[0]; h.Get("Range") != "" || h.Get("If-Range") != "" {
		t.Errorf("asked with %v", h)
	}
}

func TestAnInterruptedDownloadGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	for _, etag := range []string{`"v1"`, ""} {
		conn, seen := released(t, etag)
		from := Resume{Offset: 1000, Size: int64(len(release)), ETag: etag}
		a, err := newClient(t).Asset(t.Context(), conn, "a-557", from)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, a); a.Offset != 1000 || !bytes.Equal(got, release[1000:]) || a.Size != int64(len(release)) {
			t.Errorf("got %d bytes from %d on of %d", len(got), a.Offset, a.Size)
		}
		if h := (*seen)[0]; h.Get("Range") != "bytes=1000-" || h.Get("If-Range") != etag {
			t.Errorf("asked with %v", h)
		}
	}
}

func TestAReleaseThatChangedMeanwhileIsDownloadedFromTheBeginning(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]Resume{
		"other strong ETag":          {Offset: 1000, Size: int64(len(release)), ETag: `"v0"`},
		"other weak ETag":            {Offset: 1000, ETag: `W/"v0"`},
		"other size":                 {Offset: 1000, Size: int64(len(release)) + 1},
		"shorter than what is there": {Offset: int64(len(release)) + 5},
	} {
		conn, _ := released(t, `"v1"`)
		a, err := newClient(t).Asset(t.Context(), conn, "a-557", from)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := readAll(t, a); a.Offset != 0 || !bytes.Equal(got, release) {
			t.Errorf("%s: got %d bytes from %d on", name, len(got), a.Offset)
		}
	}
}

func TestAServerThatKnowsNoRangesSendsTheWhole(t *testing.T) {
	t.Parallel()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(release) })
	a, err := newClient(t).Asset(t.Context(), Connection{Host: s.URL}, "a", Resume{Offset: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, a); a.Offset != 0 || !bytes.Equal(got, release) {
		t.Errorf("got %d bytes from %d on", len(got), a.Offset)
	}
}

func TestAServerThatLiesAboutItsRangeIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, lie := range []string{
		"", "bytes", "bytes 0-9/10", "bytes 999-1009/1010", "bytes 1000-1005/1010", "bytes 1000-999/1010", "bytes 1000-1010/1010",
		"bytes -1000-1009/1010", "bytes 1000-1009/x", "chars 1000-1009/1010", "bytes 1000-1008/*",
	} {
		asked := 0
		s := serving(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			if r.Header.Get("Range") == "" {
				_, _ = w.Write(release)
				return
			}
			w.Header().Set("Content-Range", lie)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "0123456789")
		})
		a, err := newClient(t).Asset(t.Context(), Connection{Host: s.URL}, "a", Resume{Offset: 1000})
		if err != nil {
			t.Errorf("Content-Range %q: %v", lie, err)
			continue
		}
		if got := readAll(t, a); a.Offset != 0 || !bytes.Equal(got, release) || asked != 2 {
			t.Errorf("Content-Range %q: got %d bytes from %d on after %d calls", lie, len(got), a.Offset, asked)
		}
	}
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-9/10")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, "0123456789")
	})
	_, err := newClient(t).Asset(t.Context(), Connection{Host: s.URL}, "a", Resume{})
	if e := failureOf(t, err, Answer); !strings.Contains(e.Error(), "part nobody asked for") {
		t.Errorf("got %v", e)
	}
}

func TestADownloadThatIsCutSaysSoAndCanGoOn(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(n int, c net.Conn) {
		lines := readRequest(c)
		if n == 0 {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: %d\r\n\r\n%s", len(release), release[:4321])
			return
		}
		if !strings.Contains(strings.Join(lines, "\n"), "Range: bytes=4321-") {
			t.Errorf("asked with %q", lines)
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 4321-%d/%d\r\nContent-Length: %d\r\n\r\n%s",
			len(release)-1, len(release), len(release)-4321, release[4321:])
	})
	c, conn := newClient(t), Connection{Host: "http://" + addr}
	a, err := c.Asset(t.Context(), conn, "a", Resume{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := io.ReadAll(a.Body)
	a.Body.Close()
	if e := failureOf(t, err, Network); e.Error() != "other side closed" || len(first) != 4321 {
		t.Fatalf("got %d bytes and %v", len(first), err)
	}
	a, err = c.Asset(t.Context(), conn, "a", Resume{Offset: int64(len(first)), Size: a.Size, ETag: a.ETag})
	if err != nil {
		t.Fatal(err)
	}
	if rest := readAll(t, a); !bytes.Equal(append(first, rest...), release) {
		t.Errorf("the two parts make %d bytes", len(first)+len(rest))
	}
}

func TestADownloadThatStallsEndsAndReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nPK")
		_, _ = io.Copy(io.Discard, c)
	})
	for want, limits := range map[string]callLimits{
		"Body Timeout Error":                       {Call: time.Minute, Connect: time.Minute, Asset: time.Minute, Idle: 500 * time.Millisecond},
		"The operation was aborted due to timeout": {Call: time.Minute, Connect: time.Minute, Asset: 50 * time.Millisecond, Idle: time.Minute},
	} {
		c := newClient(t)
		c.limits = limits
		a, err := c.Asset(t.Context(), Connection{Host: "http://" + addr}, "a", Resume{})
		if err == nil {
			_, err = io.ReadAll(a.Body)
			a.Body.Close()
		}
		if e := failureOf(t, err, Timeout); e.Error() != want || !e.Retryable() {
			t.Errorf("got %v, want %s", e, want)
		}
	}
}

func TestADownloadThatNeverBeginsEndsAndReadsAsInTheReference(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	c := newClient(t)
	c.limits.Idle = 50 * time.Millisecond
	_, err := c.Asset(t.Context(), Connection{Host: "http://" + addr}, "a", Resume{})
	if e := failureOf(t, err, Timeout); e.Error() != "Headers Timeout Error" {
		t.Errorf("got %v", e)
	}
}

func TestARefusedDownloadWhoseBodyStallsIsStillThatRefusal(t *testing.T) {
	t.Parallel()
	addr := raw(t, func(_ int, c net.Conn) {
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\nno such asset")
		_, _ = io.Copy(io.Discard, c)
	})
	c := newClient(t)
	c.limits.Idle, c.limits.Call = 500*time.Millisecond, time.Millisecond
	_, err := c.Asset(t.Context(), Connection{Host: "http://" + addr}, "a", Resume{})
	if e := failureOf(t, err, Status); e.Error() != "404 - no such asset" {
		t.Errorf("got %v", e)
	}
}

func TestClosingADownloadEndsItsConnection(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	addr := raw(t, func(_ int, c net.Conn) {
		defer close(ended)
		readRequest(c)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nPK")
		_, _ = io.Copy(io.Discard, c)
	})
	a, err := newClient(t).Asset(t.Context(), Connection{Host: "http://" + addr}, "a", Resume{})
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	<-ended
}

func FuzzAContentRangeIsTakenOnlyWhenItMakesSense(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 0-9223372036854775807/*", " bytes  1 - 2 / 3 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, h string) {
		first, last, size, ok := contentRange(h)
		if ok && (first < 0 || last < first || size < -1 || size >= 0 && last >= size) {
			t.Errorf("%q was read as %d-%d/%d", h, first, last, size)
		}
	})
}
