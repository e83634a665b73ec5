// Command oibus-launcher is the service that keeps the OIBus agent running. It promises nothing of its own: what it
// does is in package launcher.
package main

import (
	"os"

	"oibus/launcher"
)

func main() { os.Exit(launcher.Main(os.Args[1:], os.Stdout, os.Stderr)) }
