package connectors

import (
	"encoding/json"

	"oibus/agent/entity"
)

// NorthView is a whole North.
type NorthView struct {
	viewTop
	Caching      CachingView `json:"caching"`
	Transformers []LinkView  `json:"transformers"`
	viewAudit
}

// CachingView is a caching block with its scan mode.
type CachingView struct {
	Trigger struct {
		ScanMode         *viewScanMode `json:"scanMode"`
		NumberOfElements float64       `json:"numberOfElements"`
		NumberOfFiles    float64       `json:"numberOfFiles"`
	} `json:"trigger"`
	Throttling entity.CachingThrottling `json:"throttling"`
	Error      entity.CachingError      `json:"error"`
	Archive    entity.CachingArchive    `json:"archive"`
}

// LinkView is a transformer link. What Source has depends on its type.
type LinkView struct {
	ID          string          `json:"id"`
	Transformer any             `json:"transformer"`
	Options     json.RawMessage `json:"options"`
	Source      any             `json:"source"`
}

type (
	viewSource struct {
		Type  string          `json:"type"`
		South Light           `json:"south"`
		Group *viewLightGroup `json:"group,omitempty"`
		Items []viewLightItem `json:"items"`
	}
	viewLightGroup struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	viewLightItem struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Enabled bool   `json:"enabled"`
		viewAudit
	}
)

// NorthView returns a whole North.
func (v Views) NorthView(id string) (NorthView, error) {
	north, err := v.North(id)
	if err != nil {
		return NorthView{}, err
	}
	settings, err := v.northSettings(&north)
	if err != nil {
		return NorthView{}, err
	}
	c := north.Connector
	view := NorthView{topOf(c, settings), v.CachingView(north.Caching), []LinkView{}, v.audit(c.Audit)}
	for _, link := range north.Transformers {
		view.Transformers = append(view.Transformers, LinkView{link.ID, v.Transformer(link.TransformerID), link.Options, v.source(link.Source)})
	}
	return view, nil
}

// CachingView shows a caching block.
func (v Views) CachingView(c entity.Caching) CachingView {
	view := CachingView{Throttling: c.Throttling, Error: c.Error, Archive: c.Archive}
	view.Trigger.NumberOfElements, view.Trigger.NumberOfFiles = c.Trigger.NumberOfElements, c.Trigger.NumberOfFiles
	if m, ok := v.Service.modes().ids[c.Trigger.ScanModeID]; ok {
		mode := v.scanMode(m)
		view.Trigger.ScanMode = &mode
	}
	return view
}

func (v Views) source(source entity.LinkSource) any {
	switch source.Type {
	case entity.SourceAPI:
		return wireAPI{source.Type, source.DataSourceID}
	case entity.SourceSetpoint:
		return wireSetpoint{source.Type}
	}
	south, err := v.South(source.SouthID)
	if err != nil { // deleted meanwhile
		return viewSource{Type: source.Type, Items: []viewLightItem{}}
	}
	view := viewSource{Type: source.Type, South: v.light(south.Connector), Items: []viewLightItem{}}
	if g, ok := south.Group(source.GroupID); ok {
		view.Group = &viewLightGroup{g.ID, g.Name}
	}
	for _, i := range v.linkedItems(source) {
		view.Items = append(view.Items, viewLightItem{i.ID, i.Name, i.Enabled, v.audit(i.Audit)})
	}
	return view
}
