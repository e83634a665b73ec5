package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"oibus/agent/content"
	"oibus/agent/entity"
)

// TestTransformer runs the transformer id, which takes contents of a kind, on a text (protocol/data-plane.md, section 7.9).
func (s *Service) TestTransformer(ctx context.Context, id string, kind content.Kind, text string, options json.RawMessage) (ItemTestResult, error) {
	c := content.FromText(text)
	if kind.Array() {
		n, err := countElements(text)
		if err != nil {
			return ItemTestResult{}, entity.Invalid("the input is no JSON array of %s: %v", kind, err)
		}
		c = content.FromBytes(kind, "", n, []byte(text))
	}
	raw, err := showContent(c, "")
	if err != nil {
		return ItemTestResult{}, err
	}
	made, err := s.transformed(ctx, id, options, c)
	if err != nil {
		return ItemTestResult{}, err
	}
	return ItemTestResult{raw: raw, transformed: made}, nil
}

func countElements(text string) (n int, err error) {
	for a := content.NewArray(strings.NewReader(text)); ; n++ {
		switch _, err := a.Next(); {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return 0, err
		}
	}
}
