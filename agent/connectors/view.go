package connectors

import (
	"encoding/json"
	"fmt"

	"oibus/agent/entity"
)

// Views are the connectors as the REST API shows them (protocol/data-plane.md, sections 1.4 and 1.9), without secrets.
type Views struct {
	*Service
	FriendlyName func(userID string) string
	// Transformer is the DTO of a transformer.
	Transformer func(id string) any
}

// who is an author as the REST API has it.
type who struct {
	ID           string `json:"id"`
	FriendlyName string `json:"friendlyName"`
}

type viewAudit struct {
	CreatedBy who    `json:"createdBy"`
	UpdatedBy who    `json:"updatedBy"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

func (v Views) audit(a entity.Audit) viewAudit {
	return viewAudit{who{a.CreatedBy, v.FriendlyName(a.CreatedBy)}, who{a.UpdatedBy, v.FriendlyName(a.UpdatedBy)}, a.CreatedAt, a.UpdatedAt}
}

// Light is a South or North in a list.
type Light struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Description string `json:"description"`
	Enabled     bool   `json:"enabled"`
	viewAudit
}

func (v Views) light(c entity.Connector) Light {
	return Light{c.ID, c.Name, c.Type, c.Description, c.Enabled, v.audit(c.Audit)}
}

// LightSouths lists the Souths.
func (v Views) LightSouths() []Light {
	list := []Light{}
	for _, south := range v.Souths() {
		list = append(list, v.light(south.Connector))
	}
	return list
}

// LightNorths lists the Norths.
func (v Views) LightNorths() []Light {
	list := []Light{}
	for _, north := range v.Norths() {
		list = append(list, v.light(north.Connector))
	}
	return list
}

type viewScanMode struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Cron        string `json:"cron"`
	viewAudit
}

// ItemView is an item. Group and scan mode are null when there is none.
type ItemView struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Enabled  bool            `json:"enabled"`
	ScanMode json.RawMessage `json:"scanMode"`
	Settings json.RawMessage `json:"settings"`
	viewAudit
	Group         json.RawMessage `json:"group"`
	SyncWithGroup bool            `json:"syncWithGroup"`
	timing
}

// GroupView is a group.
type GroupView struct {
	ID string `json:"id"`
	viewAudit
	Standard struct {
		Name     string          `json:"name"`
		ScanMode json.RawMessage `json:"scanMode"`
	} `json:"standardSettings"`
	History timing `json:"historySettings"`
}

// SouthView is a whole South.
type SouthView struct {
	viewTop
	Items []ItemView `json:"items"`
	viewRest
}

// viewTop is what a South and a North begin with, viewRest what stands behind the items.
type (
	viewTop struct {
		ID          string          `json:"id"`
		Name        string          `json:"name"`
		Type        string          `json:"type"`
		Description string          `json:"description"`
		Enabled     bool            `json:"enabled"`
		Settings    json.RawMessage `json:"settings"`
	}
	viewRest struct {
		Groups []GroupView `json:"groups"`
		viewAudit
	}
)

func topOf(c entity.Connector, settings json.RawMessage) viewTop {
	return viewTop{c.ID, c.Name, c.Type, c.Description, c.Enabled, settings}
}

// viewer draws the items of one South; what many items share is written once.
type viewer struct {
	Views
	blank  blanker
	modes  map[string]json.RawMessage
	groups map[string]json.RawMessage
	list   []GroupView
}

var null = json.RawMessage("null")

func (v Views) viewer(south *entity.South) (*viewer, error) {
	w := &viewer{Views: v, blank: v.blanker(south.Type), modes: map[string]json.RawMessage{"": null}, groups: map[string]json.RawMessage{"": null}, list: []GroupView{}}
	for _, m := range v.o.ScanModes() {
		raw, err := json.Marshal(v.scanMode(m))
		if err != nil {
			return nil, err
		}
		w.modes[m.ID] = raw
	}
	for i := range south.Groups {
		g := &south.Groups[i]
		view := GroupView{ID: g.ID, viewAudit: v.audit(g.Audit), History: v.timing(&g.History)}
		view.Standard.Name, view.Standard.ScanMode = g.Name, found(w.modes, g.ScanModeID)
		raw, err := json.Marshal(view)
		if err != nil {
			return nil, err
		}
		w.groups[g.ID], w.list = raw, append(w.list, view)
	}
	return w, nil
}

func (v Views) scanMode(m entity.ScanMode) viewScanMode {
	description := ""
	if m.Description != nil {
		description = *m.Description
	}
	return viewScanMode{m.ID, m.Name, description, m.Cron, v.audit(m.Audit)}
}

// found is a part by id, null when it is gone.
func found(parts map[string]json.RawMessage, id string) json.RawMessage {
	if part, ok := parts[id]; ok {
		return part
	}
	return null
}

func (w *viewer) item(i *entity.SouthItem) (ItemView, error) {
	settings, err := w.blank.item(i.Settings)
	if err != nil {
		return ItemView{}, fmt.Errorf("cannot show item %q: %w", i.Name, err)
	}
	return ItemView{
		ID: i.ID, Name: i.Name, Enabled: i.Enabled, ScanMode: found(w.modes, i.ScanModeID), Settings: settings, viewAudit: w.audit(i.Audit),
		Group: found(w.groups, i.GroupID), SyncWithGroup: i.SyncWithGroup, timing: w.timing(&i.History),
	}, nil
}

func (w *viewer) items(items []entity.SouthItem) ([]ItemView, error) {
	views := make([]ItemView, len(items))
	for i := range items {
		var err error
		if views[i], err = w.item(&items[i]); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// SouthView returns a whole South.
func (v Views) SouthView(id string) (SouthView, error) {
	south, w, err := v.drawn(id)
	if err != nil {
		return SouthView{}, err
	}
	view, err := w.head(&south)
	if err != nil {
		return SouthView{}, err
	}
	view.Items, err = w.items(south.Items)
	return view, err
}

// drawn is a South with what draws its items.
func (v Views) drawn(id string) (entity.South, *viewer, error) {
	south, err := v.South(id)
	if err != nil {
		return south, nil, err
	}
	w, err := v.viewer(&south)
	return south, w, err
}

// head shows a South without its items.
func (w *viewer) head(south *entity.South) (SouthView, error) {
	settings, err := w.blank.settings(south.Settings)
	c := south.Connector
	return SouthView{topOf(c, settings), []ItemView{}, viewRest{w.list, w.audit(c.Audit)}}, err
}

// ItemViews shows items of a South.
func (v Views) ItemViews(southID string, items []entity.SouthItem) ([]ItemView, error) {
	_, w, err := v.drawn(southID)
	if err != nil {
		return nil, err
	}
	return w.items(items)
}

// GroupViews shows the groups of a South.
func (v Views) GroupViews(southID string) ([]GroupView, error) {
	_, w, err := v.drawn(southID)
	if err != nil {
		return nil, err
	}
	return w.list, nil
}

// GroupView shows a group of a South.
func (v Views) GroupView(southID, groupID string) (GroupView, error) {
	if _, err := v.Group(southID, groupID); err != nil {
		return GroupView{}, err
	}
	groups, err := v.GroupViews(southID)
	for _, g := range groups {
		if g.ID == groupID {
			return g, err
		}
	}
	return GroupView{}, entity.NotFound("South item group %s not found", quoted(groupID))
}

// CheckedView is the answer to the check of a table.
type CheckedView struct {
	Items  []ItemView     `json:"items"`
	Errors []RowErrorView `json:"errors"`
}

// RowErrorView is a row that cannot be imported.
type RowErrorView struct {
	Error string            `json:"error"`
	Item  map[string]string `json:"item"`
}

// CheckedView shows what CheckCSV found.
func (v Views) CheckedView(c Checked) (CheckedView, error) {
	w, err := v.viewer(&c.South)
	if err != nil {
		return CheckedView{}, err
	}
	view := CheckedView{Errors: []RowErrorView{}}
	for _, e := range c.Errors {
		view.Errors = append(view.Errors, RowErrorView{e.Error, e.Row})
	}
	view.Items, err = w.items(c.South.Items)
	return view, err
}
