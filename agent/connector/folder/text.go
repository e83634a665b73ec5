package folder

import (
	"strings"
	"unicode"
)

const (
	mask        = "********"
	longestText = 1000 // bytes of an error that are shown
)

// cleaned is an error whose text may be shown.
type cleaned struct {
	text string
	err  error
}

func (e *cleaned) Error() string { return e.text }
func (e *cleaned) Unwrap() error { return e.err }

// Clean makes an error that holds words of a foreign machine fit to be shown: it is one line of bounded length, without
// the secrets.
func Clean(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, mask)
		}
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "") + "…"
	}
	if text == err.Error() {
		return err
	}
	return &cleaned{text, err}
}
