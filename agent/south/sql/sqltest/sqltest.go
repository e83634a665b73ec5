// Package sqltest has what the tests of database drivers share: a password that is hard to quote, a look whether it shows,
// and a look whether a driver has left anything running. It guards against drivers that forget a connection.
package sqltest

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// Password has what addresses and settings of connections must quote.
const Password = "p@ss;w}ord=%ü"

// patience is how long a driver may take to end what it has begun.
const patience = 30 * time.Second

// Hidden fails when a text shows Password, or a part of it that quoting leaves or changes.
func Hidden(t *testing.T, texts ...any) {
	t.Helper()
	for _, text := range texts {
		said := fmt.Sprintf("%v %+v", text, text)
		for _, secret := range []string{Password, "ss;w", url.QueryEscape("ss;w")} {
			if strings.Contains(said, secret) {
				t.Errorf("the password is shown: %s", said)
			}
		}
	}
}

// Main runs the tests of a package, and wants nothing of the driver's package left running when all are over. It returns
// the code to exit with.
func Main(m *testing.M, driver string) int {
	code := m.Run()
	if left := leftovers(driver, patience); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "still running:\n"+left)
		return 1
	}
	return code
}

// leftovers are the stacks of what still runs in the driver after a while.
func leftovers(driver string, patience time.Duration) (left string) {
	for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var stacks bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
			return err.Error()
		}
		left = ""
		for _, stack := range strings.Split(stacks.String(), "\n\n") {
			if strings.Contains(stack, driver) || strings.Contains(stack, "database/sql") {
				left += stack + "\n\n"
			}
		}
		if left == "" || time.Now().After(until) {
			return left
		}
	}
}
