package connectors

import (
	"encoding/json"
	"fmt"
	"strconv"

	"oibus/agent/connectors/sheet"
	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// ExportCSV is the items of a South as a table.
func (s *Service) ExportCSV(southID, delimiter string) (string, error) {
	south, err := s.South(southID)
	if err != nil {
		return "", err
	}
	return s.table(&south, delimiter)
}

// ItemsToCSV is items of a South type as a table, which the page holds and nobody stored yet.
func (s *Service) ItemsToCSV(southType string, items json.RawMessage, delimiter string) (string, error) {
	c, err := s.southChange("", southType, entity.South{})
	if err != nil {
		return "", err
	}
	south, err := c.held(items)
	if err != nil {
		return "", err
	}
	return s.table(south, delimiter)
}

// table writes the items of a South. An item that syncs with its group shows the timing of the group, one without scan
// mode that of the group.
func (s *Service) table(south *entity.South, delimiter string) (string, error) {
	return s.tableOf(south, delimiter, false)
}

func (s *Service) tableOf(south *entity.South, delimiter string, free bool) (string, error) {
	if !sheet.Usable(delimiter) {
		return "", entity.Invalid("%q cannot delimit cells", delimiter)
	}
	c, err := s.southChange("", south.Type, entity.South{})
	if err != nil {
		return "", err
	}
	names := map[string]string{}
	for id, mode := range c.modes.ids {
		names[id] = mode.Name
	}
	groups := existing(south.Groups)
	header := fixedColumns(s.o.Dialect)
	if free {
		header = []string{columnName, columnEnabled}
	}
	for i := range c.itemForm.Attributes {
		header = append(header, settingPrefix+c.itemForm.Attributes[i].Key)
	}
	rows := append(make([][]string, 0, len(south.Items)+1), header)
	for i := range south.Items {
		item := &south.Items[i]
		settings, err := settingCells(item, &c.itemForm)
		if err != nil {
			return "", fmt.Errorf("cannot read the settings of item %q: %w", item.Name, err)
		}
		if free {
			rows = append(rows, append([]string{item.Name, strconv.FormatBool(item.Enabled)}, settings...))
			continue
		}
		mode, group, history := item.ScanModeID, "", item.History
		if at, ok := groups.keys[item.GroupID]; ok {
			group = groups.list[at].Name
			if mode == "" {
				mode = groups.list[at].ScanModeID // so that the group can be made from the table
			}
			if item.SyncWithGroup {
				history = groups.list[at].History
			}
		}
		row := append(make([]string, 0, len(header)), item.Name, strconv.FormatBool(item.Enabled), names[mode], group)
		row = append(row, timingCells(s.o.Dialect, &history)...)
		rows = append(rows, append(append(row, strconv.FormatBool(item.SyncWithGroup)), settings...))
	}
	return sheet.Write(rows, delimiter), nil
}

func timingCells(d manifest.Dialect, h *entity.History) []string {
	cells := []string{amount(h.MaxReadInterval), amount(h.ReadDelay)}
	if d == manifest.R {
		return append(cells, amount(overlapOf(h)))
	}
	strategy := ""
	if h.RecoveryStrategy != nil {
		strategy = *h.RecoveryStrategy
	}
	return append(cells, amount(h.StartTimeOffset), amount(h.EndTimeOffset), strategy)
}

// overlapOf is what dialect R calls the start offset.
func overlapOf(h *entity.History) *float64 {
	if h.StartTimeOffset == nil {
		return nil
	}
	overlap := 0 - *h.StartTimeOffset
	return &overlap
}
