package folder

import (
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
)

const (
	longestPattern = 10_000 // characters: nested ones would use up the stack
	matchTimeout   = time.Second
	// maxBacktracking bounds the memory of a match, in entries of its stack.
	maxBacktracking = 1 << 20
)

// Pattern is a regular expression of ECMAScript for file names, which knows looking ahead and back, and can take for ever.
type Pattern struct {
	source string
	re     *regexp2.Regexp // nil: everything matches
}

// Compile reads an expression. The empty one matches everything.
func Compile(source string) (*Pattern, error) {
	if source == ".*" || source == "" {
		return &Pattern{source: source}, nil
	}
	if len(source) > longestPattern {
		return nil, fmt.Errorf("the regular expression is longer than %d characters", longestPattern)
	}
	re, err := regexp2.Compile(source, regexp2.ECMAScript, regexp2.OptionMaxBacktrackingStackSize(maxBacktracking))
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression /%s/: %w", source, err)
	}
	re.MatchTimeout = matchTimeout
	return &Pattern{source, re}, nil
}

// Matches searches text for the expression. Its error is an expression that takes too long.
func (p *Pattern) Matches(text string) (bool, error) {
	if p.re == nil {
		return true, nil
	}
	found, err := p.re.MatchString(strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		return false, fmt.Errorf("the regular expression /%s/ takes more than %v, or too much memory, to match %q", p.source, matchTimeout, text)
	}
	return found, nil
}
