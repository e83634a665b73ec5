package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"oibus/agent/connector"
	"oibus/agent/connectors"
	"oibus/agent/entity"
	"oibus/agent/interval"
	"oibus/agent/manifest"
	"oibus/agent/north"
	"oibus/agent/south"
	"oibus/platform/task"
)

// Tests never use the connector that runs: it would have to share what only one can have, such as the name under which
// a broker knows it. In the dialect that shows it, a test of unchanged settings has the name of the stored South.

// TestSouth tries the settings of a South, whose id may be "create" or "history".
func (s *Service) TestSouth(
	ctx context.Context, southID, southType string, settings json.RawMessage, secrets connectors.Secrets,
) (report connector.Report, err error) {
	err = s.tryOutSouth(southID, southType, settings, secrets, func(c south.Connector) (err error) {
		report, err = c.Test(ctx)
		return err
	})
	return report, err
}

// TestNorth tries the settings of a North, whose id may be "create" or "history".
func (s *Service) TestNorth(
	ctx context.Context, northID, northType string, settings json.RawMessage, secrets connectors.Secrets,
) (report connector.Report, err error) {
	e, _, err := s.o.Connectors.DraftNorth(northID, northType, settings, secrets)
	if err != nil {
		return report, err
	}
	return s.TryNorth(ctx, e)
}

// TryNorth tries a North that need not be stored.
func (s *Service) TryNorth(ctx context.Context, e entity.North) (report connector.Report, err error) {
	t, err := s.northType(e.Type)
	if err != nil {
		return report, err
	}
	env, clean, err := s.trialEnv(e.Connector)
	if err != nil {
		return report, err
	}
	defer clean()
	if env.Settings, err = s.openNorth(e); err != nil {
		return report, err
	}
	err = task.Protect("test of north", func() error {
		c, err := t.New(north.Env{Env: env, Lost: func(error, time.Duration) {}})
		if err != nil {
			return err
		}
		report, err = c.Test(ctx)
		return err
	})
	return report, err
}

// tryOutSouth makes a South for one use, of settings as they are submitted.
func (s *Service) tryOutSouth(southID, southType string, settings json.RawMessage, secrets connectors.Secrets, use func(south.Connector) error) error {
	e, stored, err := s.o.Connectors.DraftSouth(southID, southType, settings, secrets)
	if err != nil {
		return err
	}
	if running, err := s.o.Connectors.South(southID); stored && err == nil && running.Enabled && s.o.Dialect == manifest.N {
		e.Name = running.Name
	}
	return s.useSouth(e, use)
}

// TrySouth tries a South that need not be stored.
func (s *Service) TrySouth(ctx context.Context, e entity.South) (report connector.Report, err error) {
	err = s.useSouth(e, func(c south.Connector) (err error) {
		report, err = c.Test(ctx)
		return err
	})
	return report, err
}

// useSouth makes a South for one use.
func (s *Service) useSouth(e entity.South, use func(south.Connector) error) error {
	t, err := s.southType(e.Type)
	if err != nil {
		return err
	}
	env, clean, err := s.trialEnv(e.Connector)
	if err != nil {
		return err
	}
	defer clean()
	if env.Settings, _, err = s.openSouth(e); err != nil {
		return err
	}
	return task.Protect("test of south", func() error {
		c, err := t.New(south.Env{Env: env, Emit: refuse, Lost: func(error, time.Duration) {}})
		if err != nil {
			return err
		}
		return use(c)
	})
}

// trialPrefix begins the names of the folders of tests.
const trialPrefix = "test-"

func (s *Service) tempDir() string { return filepath.Join(s.o.DataDir, "tmp") }

// removeTrials deletes what tests have left when the agent was killed.
func (s *Service) removeTrials() {
	entries, err := os.ReadDir(s.tempDir())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), trialPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.tempDir(), e.Name())))
		}
	}
	if err != nil {
		s.o.Log.Warn("cannot remove what tests have left", "error", err)
	}
}

// trialEnv is what a connector for one use is made from, but for its settings. clean removes its files.
func (s *Service) trialEnv(e entity.Connector) (env connector.Env, clean func(), err error) {
	parent := s.tempDir()
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return env, nil, fmt.Errorf("cannot make a folder for the test: %w", err)
	}
	dir, err := os.MkdirTemp(parent, trialPrefix)
	if err != nil {
		return env, nil, fmt.Errorf("cannot make a folder for the test: %w", err)
	}
	env = connector.Env{ID: e.ID, Name: e.Name, Type: e.Type, Log: slog.New(slog.DiscardHandler), TempDir: dir, Test: true, Host: s.o.Host}
	if s.saved(e.ID) {
		env.Memory = s.o.Host.MemoryOf(e.ID)
	}
	return env, func() {
		if err := os.RemoveAll(dir); err != nil {
			s.o.Log.Warn("cannot remove the folder of a test", "error", err)
		}
	}, nil
}

// saved says whether a South or a North has that id.
func (s *Service) saved(id string) bool {
	_, south := s.o.Connectors.South(id)
	_, north := s.o.Connectors.North(id)
	return south == nil || north == nil
}

// ItemTest is what a test of an item is asked with.
type ItemTest struct {
	SouthSettings   json.RawMessage `json:"southSettings"`
	ItemSettings    json.RawMessage `json:"itemSettings"`
	TestingSettings json.RawMessage `json:"testingSettings"`
}

// trial is how a test of an item is to be made.
type trial struct {
	History *struct {
		Start time.Time `json:"startTime"`
		End   time.Time `json:"endTime"`
	} `json:"history"`
	Transformer *struct {
		ID      string          `json:"transformerId"`
		Options json.RawMessage `json:"options"`
	} `json:"transformer"`
	// ShowFailure is asked by the page: when the transformer fails, what was read is shown with the error.
	ShowFailure bool `json:"showFailure"`
}

// TestSouthItem reads an item once, and transforms what it has read when that is asked for.
func (s *Service) TestSouthItem(
	ctx context.Context, southID, southType, itemName string, body ItemTest, secrets connectors.Secrets,
) (result ItemTestResult, err error) {
	return s.testItem(ctx, southType, itemName, body, func(use func(south.Connector) error) error {
		return s.tryOutSouth(southID, southType, body.SouthSettings, secrets, use)
	})
}

// TrySouthItem reads an item of a South that need not be stored. The settings of the South in body do not count.
func (s *Service) TrySouthItem(ctx context.Context, e entity.South, itemName string, body ItemTest) (ItemTestResult, error) {
	return s.testItem(ctx, e.Type, itemName, body, func(use func(south.Connector) error) error { return s.useSouth(e, use) })
}

func (s *Service) testItem(
	ctx context.Context, southType, itemName string, body ItemTest, try func(use func(south.Connector) error) error,
) (result ItemTestResult, err error) {
	var how trial
	if len(body.TestingSettings) > 0 {
		if err := json.Unmarshal(body.TestingSettings, &how); err != nil {
			return result, entity.Invalid("\"testingSettings\" cannot be read: %v", err)
		}
	}
	item, err := s.o.Connectors.DraftItem(southType, itemName, body.ItemSettings)
	if err != nil {
		return result, err
	}
	request, err := s.testRequest(southType, item, how)
	if err != nil {
		return result, err
	}
	result.released = s.o.Dialect == manifest.R
	err = try(func(c south.Connector) error {
		read, err := c.TestItem(ctx, request)
		if err != nil {
			return err
		}
		result.connection, result.query = read.Connection, read.Query
		if result.raw, err = showContent(read.Content, read.FilePath); err != nil {
			return err
		}
		if t := how.Transformer; t != nil && t.ID != "" && !result.released {
			result.transformed, err = s.transformed(ctx, t.ID, t.Options, read.Content)
		}
		if err != nil && how.ShowFailure && ctx.Err() == nil {
			result.failure, err = err.Error(), nil
		}
		return err
	})
	return result, err
}

// testRequest is what a connector is asked in a test of an item.
func (s *Service) testRequest(southType string, item entity.SouthItem, how trial) (south.TestRequest, error) {
	form, _ := manifest.FindSouth(s.o.Dialect, southType)
	items := form.ItemSettings()
	made := south.Item{ID: item.ID, Name: item.Name, Settings: item.Settings}
	if hasSecrets(&items) {
		opened, err := items.Open(item.Settings, s.o.Open)
		if err != nil {
			return south.TestRequest{}, err
		}
		made.Settings = opened
	}
	request := south.TestRequest{Item: made}
	if how.History != nil {
		request.Window = &interval.Window{Start: how.History.Start, End: how.History.End}
	}
	return request, nil
}
