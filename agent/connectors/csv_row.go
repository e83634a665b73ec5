package connectors

import (
	"strconv"
	"strings"

	"oibus/agent/entity"
)

// schedule finds the scan mode of a row. An item needs one unless it has a group.
func (im *importer) schedule(item *entity.SouthItem, row []string, name string) error {
	if im.free {
		return nil
	}
	mode, has := im.cell(row, columnScanMode)
	group, _ := im.cell(row, columnGroup)
	if has {
		item.ScanModeID = ""
	}
	if mode != "" {
		known, ok := im.modes.names[mode]
		if !ok {
			return entity.Invalid("Scan mode %s not found for item %s", quoted(mode), quoted(name))
		}
		item.ScanModeID = known.ID
	}
	if item.ScanModeID == "" && group == "" && item.GroupID == "" {
		return im.noScanMode(name)
	}
	return nil
}

func (im *importer) noScanMode(name string) error {
	return entity.Invalid("Scan mode not specified for item %s", quoted(name))
}

// joinGroup puts an item into the group of its row, which is made like its first item when there is none of that name.
func (im *importer) joinGroup(item *entity.SouthItem, row []string, name string) error {
	if im.free {
		return nil
	}
	if cell, has := im.cell(row, columnSync); has || item.ID == "" {
		var err error
		if item.SyncWithGroup, err = im.truth(columnSync, cell); err != nil {
			return err
		}
	}
	group, has := im.cell(row, columnGroup)
	switch {
	case !has && item.GroupID != "": // stays where it is
	case group == "":
		item.GroupID, item.SyncWithGroup = "", false
		if item.ScanModeID == "" {
			return im.noScanMode(name)
		}
	default:
		at, ok := im.groups.names[group]
		if !ok {
			if item.ScanModeID == "" {
				return im.noScanMode(name)
			}
			group = strings.Clone(group) // which would keep the whole table
			im.groups.put(group, entity.SouthGroup{Audit: im.fresh(group), Name: group, ScanModeID: item.ScanModeID, History: item.History})
			at = im.groups.names[group]
		}
		item.GroupID = im.groups.list[at].ID
		if item.SyncWithGroup && item.ScanModeID == im.groups.list[at].ScanModeID {
			item.ScanModeID = "" // a table shows that of the group
		}
	}
	if item.SyncWithGroup {
		item.History = entity.History{}
	}
	return nil
}

// history reads the timing of a row.
func (im *importer) history(item *entity.SouthItem, row []string) error {
	if im.free {
		return nil
	}
	overlap, err := im.timing(row, columnOverlap, nil, true)
	if err != nil {
		return err
	}
	_, hasOverlap := im.places[columnOverlap]
	_, hasStart := im.places[columnStart]
	keep := im.unset || item.ID != ""
	h := &item.History
	if h.MaxReadInterval, err = im.timing(row, columnMaxRead, h.MaxReadInterval, keep); err != nil {
		return err
	}
	if h.ReadDelay, err = im.timing(row, columnDelay, h.ReadDelay, keep); err != nil {
		return err
	}
	switch {
	case hasOverlap && (!hasStart || im.service.released()):
		*h = im.overlap(*h, overlap)
		return nil
	case im.service.released() && keep:
		return nil
	case im.service.released():
		*h = im.overlap(*h, new(float64))
		return nil
	}
	if h.StartTimeOffset, err = im.timing(row, columnStart, h.StartTimeOffset, keep); err != nil {
		return err
	}
	if h.EndTimeOffset, err = im.timing(row, columnEnd, h.EndTimeOffset, keep); err != nil {
		return err
	}
	return im.strategy(h, row, keep)
}

func (im *importer) strategy(h *entity.History, row []string, keep bool) error {
	cell, has := im.cell(row, columnStrategy)
	if !has && keep {
		return nil
	}
	if cell == "" && im.asBefore && h.RecoveryStrategy == nil {
		return nil
	}
	if cell == "" {
		cell = entity.Oldest
	}
	for _, known := range []string{entity.Oldest, entity.Newest} {
		if cell == known {
			h.RecoveryStrategy = &known // not the cell, which would keep the whole table
			return nil
		}
	}
	return entity.Invalid("%q must be one of [%s, %s]", columnStrategy, entity.Oldest, entity.Newest)
}

// truth reads a boolean of a row.
func (im *importer) truth(column, cell string) (bool, error) {
	if !im.strict {
		return isTrue(cell), nil
	}
	value, ok := truthOf(cell)
	if !ok {
		return false, entity.Invalid("%q must be true or false, not %q", column, cell)
	}
	return value, nil
}

// timing reads one timing value. An empty cell is 0, and so is a missing column unless before is to be kept.
func (im *importer) timing(row []string, column string, before *float64, keep bool) (*float64, error) {
	cell, has := im.cell(row, column)
	if !has && keep {
		return before, nil
	}
	if cell = strings.TrimSpace(cell); cell == "" && im.asBefore && before == nil {
		return nil, nil
	}
	if cell == "" {
		return new(float64), nil
	}
	v, err := strconv.ParseFloat(cell, 64)
	switch {
	case err != nil || v != v:
		return nil, entity.Invalid("%q must be a number", column)
	case v < minTiming:
		return nil, entity.Invalid("%q must be greater than or equal to %d", column, minTiming)
	case v > maxTiming:
		return nil, entity.Invalid("%q must be less than or equal to %d", column, maxTiming)
	}
	return &v, nil
}
