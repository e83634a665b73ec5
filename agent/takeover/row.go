package takeover

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"oibus/agent/entity"
)

// row is a row of a table, as texts by column. One that is NULL, or that this version of the reference does not have, is
// not there.
type row map[string]string

// rows reads a table whole, in the order of a column when one is named. It is for small ones.
func (s *Source) rows(ctx context.Context, db *sql.DB, table, order string) (list []row, err error) {
	err = s.each(ctx, db, table, order, func(r row) error {
		list = append(list, maps.Clone(r))
		return nil
	})
	return list, err
}

// each reads a table row by row: f must not keep the row, nor read another table.
func (s *Source) each(ctx context.Context, db *sql.DB, table, order string, f func(row) error) error {
	names, query, err := columns(ctx, db, table)
	if err == nil && order != "" {
		query += ` ORDER BY "` + order + `"`
	}
	if err == nil {
		err = selected(ctx, db, query, names, f)
	}
	if err != nil {
		return fmt.Errorf("cannot read the table %q: %w", table, err)
	}
	return nil
}

// columns are those of a table, and the query for them all as texts: instants stay as they were written.
func columns(ctx context.Context, db *sql.DB, table string) (names []string, query string, err error) {
	found, err := db.QueryContext(ctx, `SELECT * FROM "`+table+`" LIMIT 0`)
	if err != nil {
		return nil, "", err
	}
	names, err = found.Columns()
	if err = errors.Join(err, found.Close()); err != nil {
		return nil, "", err
	}
	return names, `SELECT CAST("` + strings.Join(names, `" AS TEXT), CAST("`) + `" AS TEXT) FROM "` + table + `"`, nil
}

func selected(ctx context.Context, db *sql.DB, query string, names []string, f func(row) error) (err error) {
	found, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	values, into := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	r := row{}
	for found.Next() {
		if err := found.Scan(into...); err != nil {
			return err
		}
		clear(r)
		for i, name := range names {
			if values[i].Valid {
				r[name] = values[i].String
			}
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return found.Err()
}

// text is a column, "" when there is nothing.
func (r row) text(name string) string { return r[name] }

// optional is a column, nil when there is nothing.
func (r row) optional(name string) *string {
	if text, ok := r[name]; ok {
		return &text
	}
	return nil
}

// number is a column as number, 0 when there is none.
func (r row) number(name string) float64 {
	n, err := strconv.ParseFloat(r[name], 64)
	if err != nil {
		return 0
	}
	return n
}

func (r row) integer(name string) int { return int(r.number(name)) }

// maybe is a number, nil when there is nothing.
func (r row) maybe(name string) *float64 {
	if _, ok := r[name]; !ok {
		return nil
	}
	n := r.number(name)
	return &n
}

func (r row) flag(name string) bool { return r.number(name) != 0 || r[name] == "true" }

// document is a column that holds JSON.
func (r row) document(name string) (json.RawMessage, error) {
	text := r.text(name)
	if text == "" {
		text = "{}"
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%q of %q holds no JSON", name, r.text("id"))
	}
	return json.RawMessage(text), nil
}

func (r row) audit() entity.Audit {
	return entity.Audit{ID: r.text("id"), CreatedBy: r.text("created_by"), UpdatedBy: r.text("updated_by"), CreatedAt: r.text("created_at"), UpdatedAt: r.text("updated_at")}
}
