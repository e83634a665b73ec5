package agent

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"oibus/agent/engine"
	"oibus/agent/entity"
	"oibus/agent/logging"
	"oibus/agent/message"
	"oibus/agent/script"
	"oibus/agent/transform"
	"oibus/agent/transformers"
)

// ScriptWorker is the argument that makes this program a worker for scripts (package script).
const ScriptWorker = "script-worker"

// openTransformers makes what runs foreign code, and the transformers. No process is started before it is needed.
func (a *agent) openTransformers(context.Context) error {
	a.scripts = script.NewPool(script.Options{Command: []string{a.binary, ScriptWorker}, Log: a.log})
	catalogue := transform.Catalogue{Expressions: a.scripts}
	var err error
	a.transformers, err = transformers.Open(transformers.Options{
		Store: a.store, StandardIDs: a.settings.StandardTransformers, Standard: catalogue.Standard, Scripts: a.scripts, Console: a.printed, Now: time.Now,
	})
	return err
}

// connectTransformers lets changes of custom transformers take effect.
func (a *agent) connectTransformers() {
	a.transformers.OnChange(func(id string, what transformers.What) {
		if what == transformers.Reshaped || what == transformers.Deleted { // bindings hold options of another shape
			if err := a.connectors.DeleteLinksTo(entity.System, id); err != nil {
				a.log.Error("The bindings of a transformer cannot be removed", "transformer", id, "error", err)
			}
		}
		a.messages.Changed(message.FullConfig)
	})
}

// levels are those of the console of a script.
var levels = map[string]slog.Level{"trace": logging.LevelTrace, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}

// printed is what a custom transformer prints.
func (a *agent) printed(transformer, level, text string) {
	a.log.Log(context.Background(), levels[level], "CUSTOM TRANSFORMER: "+text, "transformer", transformer)
}

// stopTransformers ends the scripts that run.
func (a *agent) stopTransformers() error {
	if a.scripts == nil {
		return nil
	}
	if err := a.scripts.Close(); err != nil {
		return errors.Join(errors.New("the scripts did not stop"), err)
	}
	return nil
}

// commandTransformers lets commands act on transformers.
type commandTransformers struct {
	*transformers.Service
	engine *engine.Service
}

func (t commandTransformers) CreateTransformer(author string, body json.RawMessage) error {
	_, err := t.Create(author, body)
	return err
}

func (t commandTransformers) UpdateTransformer(author, id string, body json.RawMessage) error {
	return t.Update(author, id, body)
}

func (t commandTransformers) DeleteTransformer(id string) error { return t.Delete(id) }

func (t commandTransformers) TestDraft(ctx context.Context, body json.RawMessage) (any, error) {
	return t.Service.TestDraft(ctx, body)
}

func (t commandTransformers) TestStored(ctx context.Context, id, input string, options json.RawMessage) (any, error) {
	result, err := t.test(ctx, id, input, options)
	return result.Cut(), err
}

func (t commandTransformers) test(ctx context.Context, id, input string, options json.RawMessage) (engine.ItemTestResult, error) {
	kind, err := t.InputKind(id)
	if err != nil {
		return engine.ItemTestResult{}, err
	}
	return t.engine.TestTransformer(ctx, id, kind, input, options)
}

// webTransformers lets the REST API show and change transformers.
type webTransformers struct {
	transformers.Views
	run commandTransformers
}

func (a *agent) webTransformers() webTransformers {
	return webTransformers{
		Views: transformers.Views{Service: a.transformers, FriendlyName: func(id string) string { return a.settings.UserInfo(id).FriendlyName }},
		run:   commandTransformers{a.transformers, a.engine},
	}
}

func (t webTransformers) TestStored(ctx context.Context, id, input string, options json.RawMessage) (any, error) {
	return t.run.test(ctx, id, input, options)
}
