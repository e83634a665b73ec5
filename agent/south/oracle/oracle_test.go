package oracle

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/sijms/go-ora/v2/network"

	"oibus/agent/connector"
	"oibus/agent/south/sql"
)

func TestWhyAConnectionFails(t *testing.T) {
	t.Parallel()
	s := &server{settings{Host: "db", Port: 1521, Database: "XE", Username: "u"}}
	for want, err := range map[string]error{
		"Please check username and password. ORA-01017: invalid username/password; logon denied":                                                                 &network.OracleError{ErrCode: 1017, ErrMsg: "ORA-01017: invalid username/password; logon denied\n"},
		`Cannot connect to database "XE". Service is not registered. ORA-12514: TNS:listener does not currently know of service requested in connect descriptor`: fmt.Errorf("x: %w", &network.OracleError{ErrCode: 12514}),
		"Unexpected error. ORA-12516: no handler":                                  &network.OracleError{ErrCode: 12516, ErrMsg: "ORA-12516: no handler"},
		"Please check host and port. Connection terminated unexpectedly":           fmt.Errorf("x: %w", io.EOF),
		"Unexpected error. connection refused by the server due to unknown reason": errors.New("connection refused by the server due to unknown reason"),
	} {
		var p *sql.Problem
		if !errors.As(s.problem(err), &p) || p.Text+" "+s.words(p.Err) != want {
			t.Errorf("%v: %s %s, want %s", err, p.Text, s.words(p.Err), want)
		}
	}
}

func TestDatesAreThoseOfASessionInUTC(t *testing.T) {
	t.Parallel()
	var c sql.Cell
	if err := clock(&c, time.Date(2024, 1, 15, 10, 0, 0, 5e8, time.FixedZone("", 7200))); err != nil || c.As != sql.Time || c.Int != time.Date(2024, 1, 15, 10, 0, 0, 5e8, time.UTC).UnixMilli() {
		t.Errorf("%+v, error %v", c, err)
	}
}

func TestThickModeNeedsNothing(t *testing.T) {
	t.Parallel()
	d, err := configure(connector.Env{Settings: []byte(`{"thickMode": true, "oracleClient": "C:\\nope", "host": "db", "port": "1521", "connectionTimeout": 0, "database": "XE", "username": null, "password": "p"}`)})
	if err != nil || !d.ItemTimeout {
		t.Errorf("%+v, error %v", d, err)
	}
}

func TestAHostThatIsNoneIsRefusedWithoutThePassword(t *testing.T) {
	t.Parallel()
	s := &server{settings{Host: "db x%", Port: 1521, Password: "secret"}}
	if _, err := s.open(t.Context()); fmt.Sprint(err) != `the host "db x%" is no name of a host` {
		t.Errorf("error %v", err)
	}
}
