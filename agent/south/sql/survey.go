package sql

import (
	"context"
	"errors"
	"io"
	"time"

	"oibus/agent/connector"
)

// Scalar is the text of the only value that a query returns, "" for none.
func Scalar(ctx context.Context, s Session, query string) (text string, err error) {
	rows, err := s.Query(ctx, query, nil)
	if err != nil {
		return "", err
	}
	defer func() {
		if closeErr := rows.Close(ctx); err == nil {
			err = closeErr
		}
	}()
	cells := make([]Cell, len(rows.Columns()))
	for {
		switch err := rows.Next(ctx, cells); {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return "", err
		}
		if len(cells) > 0 {
			text = string(cells[0].appendTo(nil))
		}
	}
}

// surveyLimit is how long a test waits for answers when nothing says how long a query may take. It is the manifests'
// default for that.
const surveyLimit = 15 * time.Second

// Survey is what a test asks a database for.
type Survey struct {
	Version, Tables string        // queries
	Failed          string        // the words before the error of Tables
	None            string        // the words when there are no tables
	Timeout         time.Duration // for all of it; 0 for the usual
}

// Ask tells the version of a database and the number of its tables.
func (v Survey) Ask(ctx context.Context, s Session) (report connector.Report, err error) {
	limit := v.Timeout
	if limit <= 0 {
		limit = surveyLimit
	}
	err = bounded(ctx, limit, func(ctx context.Context) (err error) { report, err = v.ask(ctx, s); return err })
	var late *timeoutError
	if errors.As(err, &late) {
		err = &Problem{v.Failed, late}
	}
	return report, err
}

func (v Survey) ask(ctx context.Context, s Session) (report connector.Report, err error) {
	if v.Version != "" {
		version, err := Scalar(ctx, s, v.Version)
		if err != nil {
			return report, &Problem{v.Failed, err}
		}
		report.Add("Version", version)
	}
	tables, err := Scalar(ctx, s, v.Tables)
	switch {
	case err != nil:
		return connector.Report{}, &Problem{v.Failed, err}
	case tables == "0":
		return connector.Report{}, &Problem{Text: v.None}
	case v.Version != "":
		report.Add("Tables", tables)
	}
	return report, nil
}
