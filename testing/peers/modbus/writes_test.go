package modbus

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"oibus/agent/content"
	"oibus/agent/north"
	"oibus/agent/south"
)

func delivery(created time.Time, elements ...string) north.Delivery {
	text := "[" + strings.Join(elements, ",") + "]"
	return north.Delivery{Kind: content.Modbus, Elements: len(elements), Size: int64(len(text)), Created: created,
		Open: func() io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }}
}

func set(kind string, address int, value any) string {
	return fmt.Sprintf(`{"address":"%d","value":%v,"modbusType":"%s"}`, address, value, kind)
}

// writes are the lines of the journal.
func (s *server) writes(t testing.TB) []string {
	t.Helper()
	f, err := os.Open(s.journal)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []string
	in := bufio.NewScanner(f)
	for in.Scan() {
		lines = append(lines, in.Text())
	}
	return lines
}

func TestWhatIsWrittenIsThere(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	w := newWriter(t, connection(s.port, nil))
	report, err := w.Test(t.Context())
	if err != nil || len(report.Items) != 1 || report.Items[0].Value != s.address() {
		t.Errorf("got %+v, %v", report, err)
	}
	connect(t, w)
	err = w.Send(t.Context(), delivery(time.Now(), set("coil", 7, true), set("coil", 8, 1), set("coil", 8, false), set("register", 9, 1234), set("register", 10, 65535), set("register", 10, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(s.writes(t), ", "), "coil 7 1, coil 8 1, coil 8 0, register 9 1234, register 10 65535, register 10 0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r := newReader(t, connection(s.port, nil))
	connect(t, r)
	got, err := r.read([]south.Item{itemOf("a", "coil", 7, nil), itemOf("b", "discrete-input", 8, nil), itemOf("c", "holding-register", 9, nil), itemOf("d", "input-register", 10, nil)})
	if err != nil || got["a"]+got["b"]+got["c"]+got["d"] != "1012340" {
		t.Errorf("got %v, %v", got, err)
	}
	err = w.Send(t.Context(), delivery(time.Now(), set("register", 60000, 1)))
	again, ok := north.IsAgain(err)
	if !ok || !again.Answer || !strings.HasPrefix(err.Error(), "ModbusException - A Modbus Exception Occurred - See Response Body: the device does not have the address") {
		t.Errorf("got %v", err)
	}
	if err := w.Send(t.Context(), delivery(time.Now(), set("register", 1, 1))); err != nil || w.lost.Load() != 0 {
		t.Errorf("after a refusal: %v", err)
	}
}
