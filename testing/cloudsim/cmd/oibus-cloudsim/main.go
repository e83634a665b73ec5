// Command oibus-cloudsim runs a local OIAnalytics: agents register on it, a person approves their codes on its page,
// queues commands and sees what the agents send.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"oibus/platform"
	"oibus/testing/cloudsim"
)

const usage = `oibus-cloudsim is a local OIAnalytics: agents register on it and are commanded from its page.

Usage: oibus-cloudsim [options]

`

// Exit codes, as those of oibus: 1 for a failure, 2 for a bad command line.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

type settings struct {
	cloudsim.Options
	listen      string
	certificate string
	quiet       bool
	version     bool
}

func parse(args []string, errors io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("oibus-cloudsim", flag.ContinueOnError)
	flags.SetOutput(errors)
	flags.Usage = func() {
		fmt.Fprint(errors, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&s.listen, "listen", "127.0.0.1:4500", "`address` to listen on")
	flags.StringVar(&s.State, "state", "", "`file` that keeps agents, commands and configurations; without it they are forgotten at the stop")
	flags.BoolVar(&s.AutoApprove, "auto-approve", false, "complete every registration without a person")
	flags.BoolVar(&s.TLS, "tls", false, "serve HTTPS with a certificate made for the occasion")
	flags.StringVar(&s.certificate, "tls-certificate", "", "`file` to write that certificate to, for agents to trust")
	flags.BoolVar(&s.Record, "record", false, "keep headers and bodies of requests and answers")
	flags.DurationVar(&s.RegistrationTTL, "registration-ttl", 0, "how long a code can be entered (default 1h)")
	flags.IntVar(&s.UnknownCommandStatus, "unknown-command-status", 0, "answer to the status of a command that was never handed out (default 404)")
	flags.StringVar(&s.BasePath, "base-path", "", "`path` under which the endpoints are served too, as behind an API gateway")
	flags.Func("gateway-header", "`name:value` that every agent must send, as behind an API gateway", pair(&s.GatewayHeader, &s.GatewayValue))
	flags.Func("access-key", "`key:secret` accepted from connectors that do not use the registration", pair(&s.AccessKey, &s.SecretKey))
	flags.Func("host-name", "`name`, beside localhost, by which the page may be opened; can be repeated", func(v string) error {
		s.HostNames = append(s.HostNames, strings.ToLower(v))
		return nil
	})
	flags.BoolVar(&s.quiet, "quiet", false, "print the address only")
	flags.BoolVar(&s.version, "version", false, "print the version")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return s, nil
}

// pair reads two texts with a colon between them.
func pair(first, second *string) func(string) error {
	return func(v string) (err error) {
		var ok bool
		if *first, *second, ok = strings.Cut(v, ":"); !ok || *first == "" {
			return errors.New("two parts with a colon between them are needed")
		}
		return nil
	}
}

// loopback says whether only this machine can reach an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	s, err := parse(args, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(errs, "oibus-cloudsim: %v\n", err)
		return exitUsage
	case s.version:
		fmt.Fprintf(out, "oibus-cloudsim %s\n", platform.Version)
		return 0
	}
	if err := serve(ctx, s, out, errs); err != nil {
		fmt.Fprintf(errs, "oibus-cloudsim: %v\n", err)
		return exitFailure
	}
	return 0
}

func serve(ctx context.Context, s settings, out, errs io.Writer) (err error) {
	if !s.quiet {
		s.Log = slog.New(slog.NewTextHandler(errs, nil))
	}
	sim, err := cloudsim.New(s.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	url, err := sim.Start(s.listen)
	if err != nil {
		return err
	}
	if s.certificate != "" && s.TLS {
		if err := os.WriteFile(s.certificate, sim.CertificatePEM(), 0o644); err != nil {
			return fmt.Errorf("cannot write the certificate: %w", err)
		}
	}
	fmt.Fprintf(out, "OIAnalytics simulator on %s\n", url)
	if !loopback(s.listen) {
		fmt.Fprintln(errs, "Warning: whoever can reach this address can command the agents. Without --listen only this machine can.")
	}
	<-ctx.Done()
	return nil
}
