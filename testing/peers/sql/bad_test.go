package sql_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"oibus/agent/south/mssql"
	"oibus/agent/south/oracle"
	"oibus/testing/harness"
)

func init() { types["mssql"], types["oracle"] = mssql.Type, oracle.Type }

// badServers are what may answer at the port of a database.
var badServers = map[string]func(c net.Conn, r *rand.Rand){
	"hangs up":  func(net.Conn, *rand.Rand) {},
	"is silent": func(c net.Conn, _ *rand.Rand) { _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) },
	"echoes": func(c net.Conn, _ *rand.Rand) {
		buf := make([]byte, 1<<16)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if _, err := c.Write(buf[:n]); err != nil {
				return
			}
		}
	},
	"speaks HTTP": func(c net.Conn, _ *rand.Rand) {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
		_, _ = c.Read(make([]byte, 1<<16))
	},
	"lies": func(c net.Conn, r *rand.Rand) {
		buf := make([]byte, 512)
		for range 50 {
			for i := range buf {
				buf[i] = byte(r.Uint32())
			}
			buf[0], buf[1] = byte(r.IntN(20)), byte(r.IntN(20)) // so that it may be taken for an answer
			if _, err := c.Write(buf[:1+r.IntN(len(buf)-1)]); err != nil {
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			_, _ = c.Read(make([]byte, 1<<12))
		}
	},
}

// serve answers connections in a bad way until the test ends.
func serve(t *testing.T, answer func(net.Conn, *rand.Rand)) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	go func() {
		defer close(ended)
		for i := uint64(0); ; i++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c, rand.New(rand.NewPCG(i, 7)))
			}()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestBadServersAreErrorsInTime(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"postgresql", "mysql", "mssql", "oracle"} {
		settings := map[string]any{"host": "127.0.0.1", "database": "d", "username": "u", "password": password, "connectionTimeout": 300, "requestTimeout": 1000, "encryption": kind == "mssql"}
		for name, answer := range badServers {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				settings := (&source{settings: settings}).with(map[string]any{"port": serve(t, answer)})
				c := build(t, kind, settings)
				times := 1
				if sweep() {
					times = 20
				}
				for range times {
					begun := time.Now()
					_, err := c.Test(t.Context())
					if err == nil || strings.Contains(err.Error(), password) || strings.Contains(fmt.Sprintf("%+v", err), password) {
						t.Fatalf("error %v", err)
					}
					if took := time.Since(begun); took > 8*time.Second {
						t.Errorf("it took %s: %v", took, err)
					}
					if _, err := one(t, c, itemSettings("SELECT 1")); err == nil {
						t.Error("a result came from nowhere")
					}
				}
			})
		}
		t.Run(kind+" refuses", func(t *testing.T) {
			t.Parallel()
			port := harness.FreePort(t)
			_, err := build(t, kind, (&source{settings: settings}).with(map[string]any{"port": port})).Test(t.Context())
			if want := fmt.Sprintf("Please check host and port. connect ECONNREFUSED 127.0.0.1:%d", port); fmt.Sprint(err) != want && runtime.GOOS != "windows" {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
}
