package platform

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// IsTerminal says whether a person sits at f.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// AskSecret asks the person at the terminal for a secret, which is not shown while it is typed.
func AskSecret(prompt string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("cannot ask for it, there is no terminal: %w", err)
	}
	defer func() { _ = tty.Close() }()
	shown, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("cannot ask for it: %w", err)
	}
	hidden := *shown
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, &hidden); err != nil {
		return "", fmt.Errorf("cannot hide what is typed: %w", err)
	}
	fmt.Fprint(tty, prompt)
	line, err := bufio.NewReader(tty).ReadString('\n')
	fmt.Fprintln(tty)
	err = errors.Join(err, unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, shown))
	return strings.TrimRight(line, "\r\n"), err
}
