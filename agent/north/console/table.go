package console

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"oibus/agent/content"
	"oibus/agent/north"
)

const widest = 120 // characters of a cell

// verbose prints a content as a table.
func verbose(ctx context.Context, w *bufio.Writer, d north.Delivery) error {
	switch d.Kind {
	case content.Any:
		return table(w, []string{"filename", "fileSize"}, func(yield func([]string) error) error {
			return yield([]string{d.Name, strconv.FormatInt(d.Size, 10)})
		})
	case content.Setpoints:
		return table(w, []string{"reference", "value"}, elements(ctx, d, "reference", "value"))
	default:
		return table(w, []string{"pointId", "timestamp", "data"}, elements(ctx, d, "pointId", "timestamp", "data"))
	}
}

// elements reads the members of each element of an array.
func elements(ctx context.Context, d north.Delivery, members ...string) func(yield func([]string) error) error {
	return func(yield func([]string) error) error {
		r := d.Open()
		defer r.Close()
		cells := make([]string, len(members))
		for a := content.NewArray(r); ; {
			element, err := a.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			for i, name := range members {
				cells[i] = cell(content.Member(element, name))
			}
			if err := yield(cells); err != nil {
				return err
			}
		}
	}
}

func cell(token []byte) string {
	if text, ok := content.Text(token); ok {
		return string(text)
	}
	return string(token)
}

// table draws rows, which it reads twice: the columns are as wide as their widest cell.
func table(w *bufio.Writer, titles []string, rows func(yield func([]string) error) error) error {
	widths := make([]int, len(titles)+1)
	count := 0
	widen := func(cells []string) error {
		count++
		for i, c := range cells {
			widths[i+1] = max(widths[i+1], utf8.RuneCountInString(shown(c)))
		}
		return nil
	}
	if err := rows(widen); err != nil {
		return err
	}
	widths[0] = max(len("(index)"), len(strconv.Itoa(max(count-1, 0))))
	for i, title := range titles {
		widths[i+1] = max(widths[i+1], len(title))
	}
	line(w, widths, "┌", "┬", "┐")
	row(w, widths, append([]string{"(index)"}, titles...))
	line(w, widths, "├", "┼", "┤")
	index := 0
	draw := func(cells []string) error {
		row(w, widths, append([]string{strconv.Itoa(index)}, cells...))
		index++
		_, err := w.Write(nil) // the error of an earlier write
		return err
	}
	if err := rows(draw); err != nil {
		return err
	}
	line(w, widths, "└", "┴", "┘")
	return nil
}

func line(w *bufio.Writer, widths []int, left, middle, right string) {
	edge := left
	for _, width := range widths {
		_, _ = w.WriteString(edge + strings.Repeat("─", width+2)) // errors stay with the writer
		edge = middle
	}
	_, _ = w.WriteString(right + "\r\n")
}

func row(w *bufio.Writer, widths []int, cells []string) {
	for i, c := range cells {
		text := shown(c)
		_, _ = w.WriteString("│ " + text + strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text))) + " ")
	}
	_, _ = w.WriteString("│\r\n")
}

// shown is a cell without anything that a terminal would obey, and not wider than a line.
func shown(text string) string {
	if len(text) > 8*widest {
		text = text[:8*widest]
	}
	quoted := strconv.QuoteToGraphic(text)
	text = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	if utf8.RuneCountInString(text) > widest {
		text = string([]rune(text)[:widest-1]) + "…"
	}
	return text
}
