package platform

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

// IsTerminal says whether a person sits at f.
func IsTerminal(f *os.File) bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

// AskSecret asks the person at the terminal for a secret, which is not shown while it is typed.
func AskSecret(prompt string) (string, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("cannot ask for it, there is no console: %w", err)
	}
	defer func() { _ = in.Close() }()
	var shown uint32
	if err := windows.GetConsoleMode(windows.Handle(in.Fd()), &shown); err != nil {
		return "", fmt.Errorf("cannot ask for it: %w", err)
	}
	if err := windows.SetConsoleMode(windows.Handle(in.Fd()), shown&^windows.ENABLE_ECHO_INPUT|windows.ENABLE_LINE_INPUT|windows.ENABLE_PROCESSED_INPUT); err != nil {
		return "", fmt.Errorf("cannot hide what is typed: %w", err)
	}
	fmt.Fprint(os.Stderr, prompt)
	line, err := bufio.NewReader(in).ReadString('\n')
	fmt.Fprintln(os.Stderr)
	err = errors.Join(err, windows.SetConsoleMode(windows.Handle(in.Fd()), shown))
	return strings.TrimRight(line, "\r\n"), err
}
