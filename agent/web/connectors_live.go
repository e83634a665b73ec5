package web

import (
	"net/http"

	"oibus/agent/connectors"
)

// connectorRow is a South or North in the lists of the page: what it is, how it does, and its metrics.
type connectorRow struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Type        string         `json:"type"`
	Description string         `json:"description"`
	Enabled     bool           `json:"enabled"`
	State       ConnectorState `json:"state"`
	Metrics     any            `json:"metrics"`
}

// connectorRows are both lists.
type connectorRows struct {
	Souths []connectorRow `json:"souths"`
	Norths []connectorRow `json:"norths"`
}

func (s *Server) connectorStates(*http.Request) (connectorRows, error) {
	return s.connectorRows(), nil
}

func (s *Server) connectorRows() connectorRows {
	souths, norths := s.o.Engine.Running()
	return connectorRows{
		Souths: rowsOf(s.views.LightSouths(), souths, s.o.Engine.SouthState),
		Norths: rowsOf(s.views.LightNorths(), norths, s.o.Engine.NorthState),
	}
}

func rowsOf(list []connectors.Light, metrics map[string]any, state func(id string) ConnectorState) []connectorRow {
	rows := make([]connectorRow, len(list))
	for i, c := range list {
		rows[i] = connectorRow{c.ID, c.Name, c.Type, c.Description, c.Enabled, state(c.ID), metrics[c.ID]}
	}
	return rows
}

// streamConnectors sends both lists each second, for the page.
func (s *Server) streamConnectors(w http.ResponseWriter, r *http.Request) error {
	return s.repeat(w, r, func() any { return s.connectorRows() })
}
