package cloudsim

import (
	"net/http"
)

// access says who may call an endpoint.
type access int

const (
	anyone      access = iota
	tokenOnly          // an agent with its token
	tokenOrKeys        // an agent, or a connector with the access and secret keys of Options
)

// endpoint is one thing that an agent can call. Names starting with E are those of protocol/control-plane.md, section
// 1.1; D marks the data endpoints (protocol/data-plane.md, sections 5.7 and 6.1).
type endpoint struct {
	Name    string `json:"name"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Summary string `json:"summary"`

	access access
	limit  int64 // of the body, in bytes
	serve  func(*Sim, *exchange) answer
}

const api = "/api/oianalytics/"

// checkPath is where the agent asks whether its code was entered.
const checkPath = api + "oibus/registration/check"

// endpoints is everything that an agent can call.
var endpoints = []*endpoint{
	{"E1", "POST", api + "oibus/registration", "register", anyone, 64 << 10, (*Sim).serveRegister},
	{"E2", "GET", checkPath, "check a registration", anyone, 4 << 10, (*Sim).serveCheck},
	{"E3", "GET", api + "oibus/status", "test the connection", tokenOrKeys, 4 << 10, (*Sim).serveStatus},
	{"E4", "GET", api + "oibus/commands/pending", "fetch commands", tokenOnly, 4 << 10, (*Sim).servePending},
	{"E5", "GET", api + "oibus/commands/list-by-ids", "ask which commands are cancelled", tokenOnly, 4 << 10, (*Sim).serveCancelled},
	{"E6", "PUT", api + "oibus/commands/status", "report commands", tokenOnly, 64 * mb, (*Sim).serveStatuses},
	{"E7", "PUT", api + "oibus/configuration", "send the full configuration", tokenOnly, 256 * mb, (*Sim).serveFullConfiguration},
	{"E8", "PUT", api + "oibus/configuration/history-query", "send the history queries", tokenOnly, 256 * mb, (*Sim).serveHistoryQueries},
	{"E9", "DELETE", api + "oibus/configuration/history-query", "forget a history query", tokenOnly, 4 << 10, (*Sim).serveForgetHistoryQuery},
	{"E10", "POST", api + "oibus/logs", "send logs", tokenOnly, 64 * mb, (*Sim).serveLogs},
	{"E11", "GET", api + "oibus/upgrade/asset", "download a package", tokenOnly, 4 << 10, (*Sim).serveAsset},
	{"D1", "POST", api + "oibus/time-values", "send time values", tokenOrKeys, 256 * mb, (*Sim).serveTimeValues},
	{"D2", "POST", api + "oibus/time-values/compressed", "send compressed time values", tokenOrKeys, 256 * mb, (*Sim).serveCompressedTimeValues},
	{"D3", "POST", api + "file-uploads", "send a file", tokenOrKeys, 256 * mb, (*Sim).serveFileUpload},
	{"D4", "GET", api + "time-values/query", "read time values", tokenOrKeys, 4 << 10, (*Sim).serveSeries},
}

// elsewhere stands for the paths that OIAnalytics does not have.
var elsewhere = &endpoint{"none", "", "/api/", "anything else", anyone, 1 * mb,
	func(*Sim, *exchange) answer { return failure(http.StatusNotFound, "Not Found") }}

// knownEndpoint says whether a rule may name the endpoint.
func knownEndpoint(name string) bool {
	for _, e := range endpoints {
		if e.Name == name {
			return true
		}
	}
	return name == elsewhere.Name || name == anyEndpoint
}

// mount registers the endpoints at the root and under the base path of a gateway.
func (s *Sim) mount(mux *http.ServeMux) {
	prefixes := []string{""}
	if s.o.BasePath != "" {
		prefixes = append(prefixes, s.o.BasePath)
	}
	for _, prefix := range prefixes {
		for _, e := range endpoints {
			mux.Handle(e.Method+" "+prefix+e.Path, s.endpointHandler(e))
		}
		mux.Handle(prefix+elsewhere.Path, s.endpointHandler(elsewhere))
	}
}
