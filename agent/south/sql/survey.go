package sql

import (
	"context"
	"errors"
	"io"

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

// Survey is what a test asks a database for.
type Survey struct {
	Version, Tables string // queries
	Failed          string // the words before the error of Tables
	None            string // the words when there are no tables
}

// Ask tells the version of a database and the number of its tables.
func (v Survey) Ask(ctx context.Context, s Session) (report connector.Report, err error) {
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
