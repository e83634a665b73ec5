// Package transform turns contents into what a north needs (protocol/data-plane.md, section 7). It promises the exact
// output of the reference where that is right, streaming where the input can be large, and that no option and no content
// can run code in the agent or exhaust it. It guards against malformed input: it is an error for that content, which
// says where, and nothing else.
//
// This file is the contract of a transformer.
package transform

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"oibus/agent/content"
)

// Transformer is one that can be bound to a source. It is safe for concurrent use.
type Transformer interface {
	// Plan looks at the options and at the name of the input. A standard transformer does not read its bytes yet; custom
	// code is run here, because it makes the name of the output too.
	Plan(ctx context.Context, in Input) (Plan, error)
}

// Input is what is to be transformed.
type Input struct {
	Content content.Content
	// Name is the file name as the transformer is given it: data-plane.md, section 1.9; "" for what is no file.
	Name    string
	Source  content.Source
	Options json.RawMessage // as stored: defaults of the form are not applied
	Now     time.Time
	NewID   func(n int) string // random characters for names
}

// Plan is what a transformation is going to make.
type Plan struct {
	Kind     content.Kind
	FileName string
	// Run writes the output and returns how many elements it has, 0 for a file. It may be called once. Nothing that it
	// wrote counts when it fails.
	Run func(ctx context.Context, w io.Writer) (elements int, err error)
}

// Names of the standard transformers that nothing is run for: the router knows what they mean.
const (
	Keep   = "iso"    // the content is cached as it is
	Ignore = "ignore" // the content is not for this north
)
