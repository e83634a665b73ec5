package page

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"oibus/agent/script"
	"oibus/agent/store"
	"oibus/agent/transform"
	"oibus/agent/transformers"
)

// plantTransformers are real ones, whose code is run by something that writes in capitals.
type plantTransformers struct{ transformers.Views }

type capitals struct{}

func (capitals) Transform(_ context.Context, j script.Job) (script.Output, error) {
	return script.Output{Data: bytes.ToUpper(j.Content)}, nil
}

func (t plantTransformers) TestStored(_ context.Context, id, input string, _ json.RawMessage) (any, error) {
	if _, err := t.View(id); err != nil {
		return nil, err
	}
	content := map[string]any{"type": "any", "filePath": "x", "content": input}
	return map[string]any{"raw": content, "transformed": content, "connectionDuration": 0, "queryDuration": 0}, nil
}

func openTransformers(p *plant, st *store.Store) plantTransformers {
	p.t.Helper()
	v, err := transformers.Open(transformers.Options{Store: st, StandardIDs: p.settings.StandardTransformers, Standard: transform.Catalogue{}.Standard, Scripts: capitals{}, Now: time.Now})
	p.must(err)
	return plantTransformers{transformers.Views{Service: v, FriendlyName: func(string) string { return "admin" }}}
}
