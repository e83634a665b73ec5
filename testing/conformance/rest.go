package conformance

import (
	"net/http"

	"oibus/testing/harness"
)

// playInitialState asks the REST API of an agent that was just installed.
func (g *Registering) playInitialState() result {
	const name = "rest-initial-state"
	var recorded map[string]any
	if err := loadJSON(g.folder, name, &recorded); err != nil {
		return result{name, failed(err)}
	}
	ours := map[string]any{}
	for _, path := range sortedKeys(recorded) {
		answer, err := g.agent.Do(g.t.Context(), http.MethodGet, path, nil)
		if err != nil {
			return result{name, failed(err)}
		}
		ours[path] = decoded(answer.Body)
	}
	return g.result(name, recorded, ours)
}

// playChangePort moves the page with the form of dialect R.
func (g *Registering) playChangePort() result {
	const name = "rest-change-port"
	var recorded struct {
		Answer []any          `json:"restAnswer"`
		After  map[string]any `json:"engineAfter"`
	}
	if err := loadJSON(g.folder, name, &recorded); err != nil {
		return result{name, failed(err)}
	}
	port := harness.FreePort(g.t)
	body := flatSettings("OIBus", float64(port))
	body["logParameters"].(map[string]any)["console"] = map[string]any{"level": "silent"}
	answer, err := g.agent.Do(g.t.Context(), http.MethodPut, "/api/engine", body)
	if err != nil {
		return result{name, failed(err)}
	}
	g.movedTo(port)
	g.agent.WaitReady()
	var after map[string]any
	if err := g.agent.JSON(g.t.Context(), http.MethodGet, "/api/engine", nil, &after); err != nil {
		return result{name, failed(err)}
	}
	return g.result(name, map[string]any{"answer": recorded.Answer, "engine": recorded.After},
		map[string]any{"answer": []any{float64(answer.Status), decoded(answer.Body)}, "engine": after})
}
