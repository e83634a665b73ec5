package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"oibus/agent/content"
)

// Bounds of what tests show (protocol/data-plane.md, section 5.0).
const (
	showLimit   = 64 << 20 // bytes of a result; what is tested for longer than that is no test
	cutElements = 1000     // in the result of a command
	cutText     = 512_000  // characters in the result of a command
)

var errTooLarge = fmt.Errorf("the result of the test is larger than %d MB: ask for less", showLimit>>20)

// ItemTestResult is what a test of an item tells.
type ItemTestResult struct {
	raw, transformed  *shown
	connection, query time.Duration
	released          bool // in the dialect of the released 3.8.8
	failure           string
}

// shown is one content, in memory.
type shown struct {
	kind     content.Kind
	path     string
	elements []json.RawMessage // of an array
	text     string
}

// showContent reads a content into memory.
func showContent(c content.Content, filePath string) (*shown, error) {
	r, err := c.Open()
	if err != nil {
		return nil, fmt.Errorf("cannot read what the test has found: %w", err)
	}
	defer r.Close()
	v := &shown{kind: c.Kind, path: filePath}
	limited := &io.LimitedReader{R: r, N: showLimit + 1}
	if !c.Kind.Array() {
		data, err := io.ReadAll(limited)
		if limited.N == 0 {
			return nil, errTooLarge
		}
		v.text = string(bytes.ToValidUTF8(data, []byte("\uFFFD")))
		return v, err
	}
	v.elements = []json.RawMessage{}
	array := content.NewArray(limited)
	for {
		element, err := array.Next()
		if err == io.EOF {
			return v, nil
		}
		if limited.N == 0 {
			return nil, errTooLarge
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read what the test has found: %w", err)
		}
		v.elements = append(v.elements, bytes.Clone(element))
	}
}

// body are the members of the JSON, in order.
type body struct {
	Type      content.Kind `json:"type"`
	FilePath  *string      `json:"filePath,omitempty"`
	Content   any          `json:"content"`
	Truncated *bool        `json:"truncated,omitempty"`
	TotalSize *int         `json:"totalSize,omitempty"`
}

func (v *shown) body() *body {
	if v == nil {
		return nil
	}
	b := &body{Type: v.kind}
	switch {
	case v.kind.Array():
		b.Content = v.elements
	case v.kind == content.Any:
		b.FilePath, b.Content = &v.path, v.text
	default:
		b.Content = v.text
	}
	return b
}

// cut is the body as a command carries it.
func (v *shown) cut() *body {
	b := v.body()
	if b == nil {
		return nil
	}
	total, truncated := 0, false
	switch {
	case v.kind.Array():
		total = len(v.elements)
		if truncated = total > cutElements; truncated {
			b.Content = v.elements[:cutElements]
		}
	case v.kind == content.Any:
		var text string
		text, total = first(v.text, cutText)
		truncated = total > cutText
		b.Content = text
	}
	b.Truncated, b.TotalSize = &truncated, &total
	return b
}

// first is the first n characters of a text, and how many it has, as the reference counts them: in UTF-16.
func first(text string, n int) (cut string, total int) {
	at := len(text)
	for i, r := range text {
		length := utf16.RuneLen(r)
		if length < 0 {
			length = utf16.RuneLen(utf8.RuneError)
		}
		if total+length > n && at == len(text) {
			at = i
		}
		total += length
	}
	return text[:at], total
}

type resultJSON struct {
	Raw         *body `json:"raw"`
	Transformed *body `json:"transformed"`
	Connection  int64 `json:"connectionDuration"`
	Query       int64 `json:"queryDuration"`
	// Failure is that of the transformer, for who has asked to be shown it so.
	Failure string `json:"transformerError,omitempty"`
}

// MarshalJSON is the whole result. The released 3.8.8 shows what was read alone.
func (r ItemTestResult) MarshalJSON() ([]byte, error) { return r.marshal((*shown).body) }

func (r ItemTestResult) marshal(show func(*shown) *body) ([]byte, error) {
	var v any = resultJSON{show(r.raw), show(r.transformed), r.connection.Milliseconds(), r.query.Milliseconds(), r.failure}
	if r.released {
		v = show(r.raw)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// CutResult is an ItemTestResult as a command carries it.
type CutResult struct{ result ItemTestResult }

// Cut is the result as a command carries it.
func (r ItemTestResult) Cut() CutResult { return CutResult{r} }

// MarshalJSON is the result, with the bounds of commands.
func (c CutResult) MarshalJSON() ([]byte, error) { return c.result.marshal((*shown).cut) }
