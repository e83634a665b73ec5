package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"oibus/agent/content"
	"oibus/agent/entity"
	"oibus/agent/south"
	"oibus/agent/transform"
)

// randomLength is how many random characters make file names different.
const randomLength = 10

// refuse is the Emit of connectors that are tested.
func refuse(context.Context, content.Content, []south.Item) error {
	return fmt.Errorf("a connector that is tested hands nothing on")
}

// transformed is what a transformer makes of a content, as tests show it (protocol/data-plane.md, section 7.9).
func (s *Service) transformed(ctx context.Context, id string, options json.RawMessage, c content.Content) (*shown, error) {
	t, name, ok := s.o.Transformer(id)
	switch {
	case !ok:
		return nil, entity.NotFound("Transformer \"%s\" not found", id)
	case t == nil || name == transform.Keep || name == transform.Ignore:
		return nil, entity.Invalid("Transformer %s (standard) not implemented", id)
	}
	input := ""
	if c.Kind == content.Any {
		ext := path.Ext(c.FileName)
		input = strings.TrimSuffix(c.FileName, ext) + "-" + entity.NewID(randomLength) + ext
	}
	plan, err := t.Plan(ctx, transform.Input{
		Content: c, Name: input, Source: content.Source{Origin: content.FromTest}, Options: options, Now: s.now(), NewID: entity.NewID,
	})
	if err != nil {
		return nil, err
	}
	out := &bounded{left: showLimit}
	elements, err := plan.Run(ctx, out)
	if err != nil {
		return nil, err
	}
	return showTransformed(plan, elements, out.Bytes())
}

// showTransformed shows what is a file or time values as such, and anything else as text.
func showTransformed(plan transform.Plan, elements int, data []byte) (*shown, error) {
	switch plan.Kind {
	case content.TimeValues:
		if json.Valid(data) {
			return showContent(content.FromBytes(content.TimeValues, "", elements, data), "")
		}
	case content.Any:
		name := plan.FileName
		if name == "" {
			name = "output"
		}
		return showContent(content.FromBytes(content.Any, name, 0, data), name)
	}
	return showContent(content.FromText(string(data)), "")
}

// bounded is a buffer that refuses to grow without end.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}
