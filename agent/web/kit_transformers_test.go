package web

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"oibus/agent/script"
	"oibus/agent/settings"
	"oibus/agent/store"
	"oibus/agent/transform"
	"oibus/agent/transformers"
)

// siteTransformers are real ones, whose code is run by something that writes in capitals.
type siteTransformers struct{ transformers.Views }

type capitals struct{}

func (capitals) Transform(_ context.Context, j script.Job) (script.Output, error) {
	return script.Output{Data: bytes.ToUpper(j.Content)}, nil
}

func (t siteTransformers) TestStored(_ context.Context, id, input string, _ json.RawMessage) (any, error) {
	if _, err := t.View(id); err != nil {
		return nil, err
	}
	content := map[string]any{"type": "any", "filePath": "x", "content": input}
	return map[string]any{"raw": content, "transformed": content, "connectionDuration": 0, "queryDuration": 0}, nil
}

func openTransformers(t *testing.T, s *settings.Service) siteTransformers {
	t.Helper()
	st, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	v, err := transformers.Open(transformers.Options{Store: st, StandardIDs: s.StandardTransformers, Standard: transform.Catalogue{}.Standard, Scripts: capitals{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return siteTransformers{transformers.Views{Service: v, FriendlyName: func(id string) string { return s.UserInfo(id).FriendlyName }}}
}
