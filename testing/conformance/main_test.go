package conformance

import (
	"flag"
	"os"
	"testing"
)

// agentsAtATime is how many agents play at a time. They wait for polls nearly all the time, so that the number of
// processors, which testing would take, says nothing.
const agentsAtATime = "16"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", agentsAtATime); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
