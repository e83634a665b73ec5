// Command standin stands for an OIBus 3.8 in the tests of the switch: under systemd, and as a service of Windows that was
// made in the way of NSSM. It promises no more than what a switch sees of one: a service that serves on the port in its
// database, writes into its data folder, and ends when told to. Its verb prepare makes a data folder for it, out of the
// one of the reference, that is registered with a simulator of OIAnalytics.
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 5 && args[0] == "prepare" {
		port, err := strconv.Atoi(args[4])
		if err != nil {
			return err
		}
		return prepare(args[1], args[2], args[3], port)
	}
	return live(args)
}

// dataOf is the folder of --config, as the launcher of the reference reads it.
func dataOf(args []string) string {
	for n, a := range args {
		if a == "--config" && n+1 < len(args) {
			return strings.Trim(args[n+1], `"`)
		}
	}
	return "."
}

// serve is the page, until ctx is done.
func serve(ctx context.Context, data string) error {
	port, err := portOf(ctx, data)
	if err != nil {
		return err
	}
	if err := note(data, "started"); err != nil {
		return err
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "OIBus 3.8 of", data)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = server.Close()
	}
	if err == nil {
		err = note(data, "stopped")
	}
	return err
}

// note writes into the data folder, as an OIBus does all the time.
func note(data, text string) error {
	dir := filepath.Join(data, "logs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "standin.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, time.Now().UTC().Format(time.RFC3339), text)
	return err
}
