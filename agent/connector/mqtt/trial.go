package mqtt

import (
	"context"
	"crypto/rand"
	"strconv"
	"time"

	"oibus/agent/connector"
)

// testLeave is how long a test may take to close its connection.
const testLeave = 5 * time.Second

// idLimit is how long an identifier may be that every broker takes, all of it letters and digits.
const idLimit = 23

// TestID is an identifier for a test: with that of the connector the broker would end its connection.
func TestID(id string) string {
	const mark = "test"
	if id == mark {
		id = ""
	}
	const random = 10
	return id[:min(len(id), idLimit-len(mark)-random)] + mark + rand.Text()[:random]
}

// Test connects and tells what the broker says.
func Test(ctx context.Context, s *Settings, id string) (report connector.Report, err error) {
	c := New(Options{Settings: s, ID: TestID(id), Clean: true})
	present, err := c.Connect(ctx)
	if err != nil {
		return report, err
	}
	report.Add("SessionPresent", strconv.FormatBool(present))
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), testLeave)
	defer cancel()
	return report, c.Disconnect(leave)
}
