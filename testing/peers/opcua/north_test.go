package opcua

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"oibus/agent/north"
	"oibus/agent/south"
)

func valuesAreWritten(t *testing.T, server *peer) {
	s := newSender(t, plain(server.url()))
	s.connect(t)
	r := newRig(t, plain(server.url()))
	r.connect()
	// What is written, and what is read then.
	values := [][3]string{
		{"Boolean", `"false"`, "0"}, {"SByte", `"12"`, "12"}, {"Byte", `"255"`, "255"}, {"Int16", `12.7`, "12"}, {"UInt16", `"65535"`, "65535"},
		{"Int32", `"-7.9"`, "-7"}, {"UInt32", `4294967295`, "4294967295"}, {"Int64", `"-9007199254740993"`, "-9007199254740993"},
		{"UInt64", `18446744073709551615`, "18446744073709551615"}, {"Float", `"1.5"`, "1.5"}, {"Double", `-0.25`, "-0.25"}, {"String", `42`, "42"},
		{"DateTime", `"2025-02-03T04:05:06.789Z"`, "2025-02-03T04:05:06.789Z"}, {"ByteString", `"00ff"`, "00ff"}, {"Duration", `12`, "12"}, {"Any", `"9"`, "9"},
		{"Array", `[4, "5.5"]`, "4,5.5"}, {"Boolean", `true`, "1"},
	}
	var list []string
	want := map[string]string{}
	var items []south.Item
	for _, v := range values {
		list = append(list, fmt.Sprintf(`{"nodeId":"ns=1;s=%s","value":%s}`, v[0], v[1]))
		if want[v[0]] == "" {
			items = append(items, item(t, v[0], "ns=1;s="+v[0], nil))
		}
		want[v[0]] = v[2]
	}
	if err := s.send("a", "["+strings.Join(list, ",")+"]"); err != nil {
		t.Fatal(err)
	}
	if err := r.read(items...); err != nil {
		t.Fatal(err)
	}
	if len(r.got()) != len(want) {
		t.Errorf("%d values, want %d", len(r.got()), len(want))
	}
	for _, v := range r.got() {
		if got := valueOf(t, v); got != want[v.PointID] {
			t.Errorf("%s: got %s, want %s", v.PointID, got, want[v.PointID])
		}
	}
}

func whatIsRefusedIsTold(t *testing.T, server *peer) {
	s := newSender(t, plain(server.url()))
	s.connect(t)
	before := len(server.written(t))
	const text = `[{"nodeId":"ns=1;s=Sink0","value":1},{"nodeId":"ns=1;s=ReadOnly","value":2},{"nodeId":"ns=1;s=Boolean","value":"perhaps"},
		{"nodeId":"ns=1;s=Nowhere","value":3},{"nodeId":"nothing","value":4},{"value":5},{"nodeId":"ns=1;s=Byte","value":300},{"nodeId":"ns=1;s=Sink0","value":6}]`
	for range 3 {
		err := s.send("a", text)
		if _, again := north.IsAgain(err); err == nil || again {
			t.Fatalf("got %v", err)
		}
		for _, part := range []string{`Failed to write value "2" for node ID "ns=1;s=ReadOnly": BadNotWritable`, `Failed to write value "perhaps" for node ID "ns=1;s=Boolean": it is none of true, false, 1 and 0, and the node is of type Boolean`,
			`Could not read DataType for node ID "ns=1;s=Nowhere": BadNodeIdUnknown`, `"nothing" is no node id`, `element 5 has no nodeId`, `Failed to write value "300" for node ID "ns=1;s=Byte"`} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q is not in %s", part, err)
			}
		}
	}
	if len(s.lost) > 0 {
		t.Errorf("the connection is given up: %v", <-s.lost)
	}
	if n := len(server.written(t)) - before; n != 2 {
		t.Errorf("%d values were written, want 2", n)
	}
}

func readNumber(t *testing.T, server *peer, node string) int {
	t.Helper()
	r := newRig(t, plain(server.url()))
	r.connect()
	if err := r.read(item(t, "n", "ns=1;s="+node, nil)); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(valueOf(t, r.got()[0]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func aValueThatHadToWait(t *testing.T, server *peer) {
	s := newSender(t, plain(server.url()))
	s.connect(t)
	before := len(server.written(t))
	err := s.send("old", `[{"nodeId":"ns=1;s=Broken","value":1},{"nodeId":"ns=1;s=Sink0","value":1}]`)
	if again, ok := north.IsAgain(err); !ok || !again.Answer || !strings.Contains(err.Error(), "BadCommunicationError") {
		t.Fatalf("got %v", err)
	}
	if err := s.send("new", `[{"nodeId":"ns=1;s=Broken","value":200}]`); err != nil {
		t.Fatal(err)
	}
	if err := s.send("old", `[{"nodeId":"ns=1;s=Broken","value":1},{"nodeId":"ns=1;s=Sink0","value":1}]`); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.journal.String(), "a newer value was written") {
		t.Errorf("nobody is told: %s", s.journal)
	}
	if n := readNumber(t, server, "Broken"); n != 200 {
		t.Errorf("the node has %d", n)
	}
	if n := len(server.written(t)) - before; n != 1 {
		t.Errorf("%d values were written to the sink", n)
	}
}

func TestSweepWritesArriveWhateverHappensToTheServer(t *testing.T) {
	t.Parallel()
	total, size := 12_000, 4000
	if sweep() {
		total, size = 100_000, 10_000
	}
	server := startNode(t, nil)
	line := newLine(t, server)
	s := newSender(t, plain(line.url))
	s.connect(t)
	retried, kills := 0, 0
	for n := range total / size {
		var b strings.Builder
		for i := range size {
			fmt.Fprintf(&b, `,{"nodeId":"ns=1;s=Sink%d","value":%d}`, i%100, n*size+i)
		}
		text := "[" + b.String()[1:] + "]"
		hook := line.Cut
		if n%2 == 1 {
			hook = server.Kill
			kills++
		}
		for {
			d := delivery(fmt.Sprintf("c%d", n), text)
			d.Open = func() io.ReadCloser {
				return &interrupted{Reader: strings.NewReader(text), at: len(text) / 2, do: hook}
			}
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			err := s.conn.Send(ctx, d)
			cancel()
			if err == nil {
				break
			}
			if _, again := north.IsAgain(err); !again {
				t.Fatal(err)
			}
			hook = func() {}
			retried++
			if n%2 == 1 {
				server.Restart()
			}
			line.Mend()
			s.again(t)
		}
	}
	all := server.written(t)
	distinct := map[string]bool{}
	for _, v := range all {
		distinct[v] = true
	}
	t.Logf("%d values arrived, %d of them again; %d contents were sent again after %d kills and %d cuts", len(distinct), len(all)-len(distinct), retried, kills, total/size-kills)
	if len(distinct) != total {
		t.Errorf("%d values arrived, of %d", len(distinct), total)
	}
	// At most what one request holds is unknown when the connection ends.
	if again := len(all) - len(distinct); again > 100*retried {
		t.Errorf("%d values arrived again", again)
	}
}

// interrupted calls do when at bytes were read.
type interrupted struct {
	io.Reader
	at, read int
	do       func()
}

func (r *interrupted) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), 4096)])
	if r.read += n; r.read >= r.at && r.do != nil {
		r.do()
		r.do = nil
	}
	return n, err
}

func (r *interrupted) Close() error { return nil }

// written are the values that were written to the sinks.
func (p *peer) written(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "written"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(b))
}
