package connectors

import (
	"encoding/json"
	"fmt"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// wireAudit are the audit keys of the full configuration (protocol/control-plane.md, section 7.3).
type wireAudit struct {
	CreatedBy string `json:"oIBusCreatedBy"`
	UpdatedBy string `json:"oIBusUpdatedBy"`
	CreatedAt string `json:"oIBusCreatedAt"`
	UpdatedAt string `json:"oIBusUpdatedAt"`
}

func wireAuditOf(a entity.Audit) wireAudit {
	return wireAudit{a.CreatedBy, a.UpdatedBy, a.CreatedAt, a.UpdatedAt}
}

// wireConnector is one of southConnectors or northConnectors.
type wireConnector struct {
	ID string `json:"oIBusInternalId"`
	wireAudit
	Type     string `json:"type"`
	Settings any    `json:"settings"`
}

type wireHead struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Enabled     bool            `json:"enabled"`
	Settings    json.RawMessage `json:"settings"`
}

func wireHeadOf(c entity.Connector, settings json.RawMessage) wireHead {
	return wireHead{c.Type, c.Name, c.Description, c.Enabled, settings}
}

// timing is a History in one of the two dialects, null where it is not set.
type timing struct {
	MaxReadInterval *float64 `json:"maxReadInterval"`
	ReadDelay       *float64 `json:"readDelay"`
	*timingN
	*timingR
}

type timingN struct {
	StartTimeOffset  *float64 `json:"startTimeOffset"`
	EndTimeOffset    *float64 `json:"endTimeOffset"`
	RecoveryStrategy *string  `json:"recoveryStrategy"`
}

type timingR struct {
	Overlap *float64 `json:"overlap"`
}

func (s *Service) timing(h *entity.History) timing {
	t := timing{MaxReadInterval: h.MaxReadInterval, ReadDelay: h.ReadDelay}
	if s.released() {
		t.timingR = &timingR{overlapOf(h)}
	} else {
		t.timingN = &timingN{h.StartTimeOffset, h.EndTimeOffset, h.RecoveryStrategy}
	}
	return t
}

type wireSouth struct {
	wireHead
	Items  []wireItem  `json:"items"`
	Groups []wireGroup `json:"groups"`
}

type wireItem struct {
	ID string `json:"id"`
	wireAudit
	Name          string          `json:"name"`
	Enabled       bool            `json:"enabled"`
	ScanModeID    *string         `json:"scanModeId"`
	ScanModeName  *string         `json:"scanModeName"` // always null
	GroupID       *string         `json:"groupId"`
	GroupName     *string         `json:"groupName"` // always null
	Settings      json.RawMessage `json:"settings"`
	SyncWithGroup bool            `json:"syncWithGroup"`
	timing
}

type wireGroup struct {
	ID       string `json:"id"`
	Standard struct {
		Name       string `json:"name"`
		ScanModeID string `json:"scanModeId"`
	} `json:"standardSettings"`
	History timing `json:"historySettings"`
}

// orNull is nil for an empty text.
func orNull(t *string) *string {
	if *t == "" {
		return nil
	}
	return t
}

// SouthBlocks are the Souths as the full configuration has them, in the dialect of the wire, without secrets.
func (s *Service) SouthBlocks() ([]json.RawMessage, error) {
	var blocks []json.RawMessage
	for _, south := range s.Souths() {
		block, err := s.southBlock(&south)
		if err != nil {
			return nil, fmt.Errorf("cannot write South %q: %w", south.Name, err)
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

func (s *Service) southBlock(south *entity.South) (json.RawMessage, error) {
	blank := s.blanker(south.Type)
	settings, err := blank.settings(south.Settings)
	if err != nil {
		return nil, err
	}
	w := wireSouth{wireHead: wireHeadOf(south.Connector, settings), Items: make([]wireItem, len(south.Items)), Groups: make([]wireGroup, len(south.Groups))}
	for i := range south.Items {
		item := &south.Items[i]
		if settings, err = blank.item(item.Settings); err != nil {
			return nil, err
		}
		w.Items[i] = wireItem{
			ID: item.ID, wireAudit: wireAuditOf(item.Audit), Name: item.Name, Enabled: item.Enabled, ScanModeID: orNull(&item.ScanModeID),
			GroupID: orNull(&item.GroupID), Settings: settings, SyncWithGroup: item.SyncWithGroup, timing: s.timing(&item.History),
		}
	}
	for i := range south.Groups {
		g := &w.Groups[i]
		g.ID, g.Standard.Name, g.Standard.ScanModeID = south.Groups[i].ID, south.Groups[i].Name, south.Groups[i].ScanModeID
		g.History = s.timing(&south.Groups[i].History)
	}
	return json.Marshal(wireConnector{south.ID, wireAuditOf(south.Audit), south.Type, w})
}

// blanker empties secrets.
type blanker struct {
	settings, item func(json.RawMessage) (json.RawMessage, error)
}

func unchanged(settings json.RawMessage) (json.RawMessage, error) { return settings, nil }

// blanker is for a South type. Without its form nothing of the settings may leave.
func (s *Service) blanker(southType string) blanker {
	form, ok := manifest.FindSouth(s.o.Dialect, southType)
	if !ok {
		nothing := func(json.RawMessage) (json.RawMessage, error) { return json.RawMessage("{}"), nil }
		return blanker{nothing, nothing}
	}
	b := blanker{form.Settings.Blank, unchanged}
	if items := form.ItemSettings(); hasSecrets(&items) {
		b.item = items.Blank
	}
	return b
}

type wireNorth struct {
	wireHead
	Caching      wireCaching `json:"caching"`
	Transformers []wireLink  `json:"transformers"`
}

type wireCaching struct {
	Trigger struct {
		ScanModeID       string  `json:"scanModeId"`
		ScanModeName     *string `json:"scanModeName"` // always null
		NumberOfElements float64 `json:"numberOfElements"`
		NumberOfFiles    float64 `json:"numberOfFiles"`
	} `json:"trigger"`
	Throttling entity.CachingThrottling `json:"throttling"`
	Error      entity.CachingError      `json:"error"`
	Archive    entity.CachingArchive    `json:"archive"`
}

func wireCachingOf(c entity.Caching) wireCaching {
	w := wireCaching{Throttling: c.Throttling, Error: c.Error, Archive: c.Archive}
	w.Trigger.ScanModeID = c.Trigger.ScanModeID
	w.Trigger.NumberOfElements, w.Trigger.NumberOfFiles = c.Trigger.NumberOfElements, c.Trigger.NumberOfFiles
	return w
}

type wireLink struct {
	ID            string          `json:"id"`
	TransformerID string          `json:"transformerId"`
	Source        any             `json:"source"`
	Options       json.RawMessage `json:"options"`
}

// Sources have only the keys of their kind.
type (
	wireSetpoint struct {
		Type string `json:"type"`
	}
	wireAPI struct {
		Type         string `json:"type"`
		DataSourceID string `json:"dataSourceId"`
	}
	wireSouthSource struct {
		Type    string          `json:"type"`
		SouthID string          `json:"southId"`
		GroupID string          `json:"groupId,omitempty"`
		Items   []wireLightItem `json:"items"`
	}
	wireLightItem struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		Enabled   bool   `json:"enabled"`
		CreatedBy string `json:"createdBy"`
		UpdatedBy string `json:"updatedBy"`
		CreatedAt string `json:"createdAt"`
		UpdatedAt string `json:"updatedAt"`
	}
)

// NorthBlocks are the Norths as the full configuration has them, without secrets.
func (s *Service) NorthBlocks() ([]json.RawMessage, error) {
	var blocks []json.RawMessage
	for _, north := range s.Norths() {
		block, err := s.northBlock(&north)
		if err != nil {
			return nil, fmt.Errorf("cannot write North %q: %w", north.Name, err)
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

func (s *Service) northBlock(north *entity.North) (json.RawMessage, error) {
	settings, err := s.northSettings(north)
	if err != nil {
		return nil, err
	}
	w := wireNorth{wireHead: wireHeadOf(north.Connector, settings), Transformers: make([]wireLink, len(north.Transformers))}
	w.Caching = wireCachingOf(north.Caching)
	for i, link := range north.Transformers {
		w.Transformers[i] = wireLink{link.ID, link.TransformerID, s.wireSource(link.Source), link.Options}
	}
	return json.Marshal(wireConnector{north.ID, wireAuditOf(north.Audit), north.Type, w})
}

// northSettings are the settings of a North without secrets. Without its form nothing of them may leave.
func (s *Service) northSettings(north *entity.North) (json.RawMessage, error) {
	form, ok := manifest.FindNorth(s.o.Dialect, north.Type)
	if !ok {
		return json.RawMessage("{}"), nil
	}
	return form.Settings.Blank(north.Settings)
}

func (s *Service) wireSource(source entity.LinkSource) any {
	switch source.Type {
	case entity.SourceAPI:
		return wireAPI{source.Type, source.DataSourceID}
	case entity.SourceSouth:
		return wireSouthSource{source.Type, source.SouthID, source.GroupID, lightItems(s.linkedItems(source))}
	}
	return wireSetpoint{source.Type}
}

func lightItems(items []entity.SouthItem) []wireLightItem {
	light := []wireLightItem{}
	for _, i := range items {
		light = append(light, wireLightItem{i.ID, i.Name, i.Enabled, i.CreatedBy, i.UpdatedBy, i.CreatedAt, i.UpdatedAt})
	}
	return light
}

// linkedItems are the items that a link lists.
func (s *Service) linkedItems(source entity.LinkSource) []entity.SouthItem {
	south, err := s.South(source.SouthID)
	if err != nil {
		return nil
	}
	return itemsIn(south.Items, source.ItemIDs)
}

// itemsIn are those of the items that are listed.
func itemsIn(all []entity.SouthItem, ids []string) []entity.SouthItem {
	if len(ids) == 0 {
		return nil
	}
	listed := make(map[string]bool, len(ids))
	for _, id := range ids {
		listed[id] = true
	}
	var items []entity.SouthItem
	for i := range all {
		if listed[all[i].ID] {
			items = append(items, all[i])
		}
	}
	return items
}
