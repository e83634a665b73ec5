package web

import (
	"net/http"

	"oibus/agent/web/access"
)

// operation is one row of the table of the REST API: a new operation is one row and one handler.
type operation struct {
	method, path string
	level        access.Level
	handle       handle
	newer        bool // absent from the released 3.8.8 (protocol/control-plane.md, section 12)
}

// table is everything that the server answers by itself; the admin page is mounted beside it.
func (s *Server) table() []operation {
	const public, api, stream = access.Public, access.API, access.Stream
	scanModes, ipFilters, certificates := s.scanModes(), s.ipFilters(), s.certificates()
	return []operation{
		{"GET", "/api/status", public, s.status, false},
		{"GET", "/api/engine/status", public, s.status, false},
		{"GET", "/healthz", public, s.healthz, false},
		{"GET", "/metrics", api, s.prometheus, false},
		{"GET", "/api/docs", api, s.document, false},
		{"GET", "/api/page/diagnostics", api, slow(s.diagnostics), false}, // ours

		{"GET", "/api/users/authentication", public, s.authenticate, false},
		{"POST", "/api/users/authentication", public, s.authenticate, false},
		{"GET", "/api/users/current-user", api, s.currentUser, false},
		{"GET", "/api/users", api, s.searchUsers, false},
		{"POST", "/api/users", api, s.createUser, false},
		{"GET", "/api/users/{id}", api, s.findUser, false},
		{"PUT", "/api/users/{id}", api, change(userForm, s.updateUser), false},
		{"DELETE", "/api/users/{id}", api, s.deleteUser, false},
		{"POST", "/api/users/{id}/password", api, change(passwordForm, s.updatePassword), false},
		{"PUT", "/api/users/{id}/password", api, change(passwordForm, s.updatePassword), false},

		{"GET", "/api/engine", api, s.engine, false},
		{"PUT", "/api/engine", api, s.updateEngine, false},
		{"PUT", "/api/engine/name", api, s.updateBlock(nameForm, s.o.Settings.UpdateGeneral), true},
		{"PUT", "/api/engine/web-server", api, s.updateWebServer, true},
		{"PUT", "/api/engine/proxy", api, s.updateBlock(proxyForm, s.o.Settings.UpdateProxy), true},
		{"PUT", "/api/engine/logger", api, s.updateBlock(loggerForm, s.o.Settings.UpdateLogger), true},
		{"POST", "/api/engine/metrics/reset", api, s.resetMetrics, false},
		{"POST", "/api/engine/restart", api, s.restart, false},
		{"GET", "/api/engine/info", api, s.info, false},

		{"GET", "/api/oianalytics/registration", api, s.registration, false},
		{"PUT", "/api/oianalytics/registration", api, failing(change(registrationForm, s.editRegistration)), false},
		{"POST", "/api/oianalytics/register", api, failing(change(registrationForm, s.register)), false},
		{"POST", "/api/oianalytics/registration/test-connection", api, failing(change(registrationForm, s.testConnection)), false},
		{"POST", "/api/oianalytics/unregister", api, failing(s.unregister), false},
		{"GET", "/api/oianalytics/commands/search", api, s.searchCommands, false},
		{"DELETE", "/api/oianalytics/commands/{id}", api, s.deleteCommand, false},

		{"POST", "/api/scan-modes/verify", api, s.verifyCron, false},
		{"GET", "/api/scan-modes", api, scanModes.listAll, false},
		{"POST", "/api/scan-modes", api, scanModes.makeOne, false},
		{"GET", "/api/scan-modes/{id}", api, scanModes.findOne, false},
		{"PUT", "/api/scan-modes/{id}", api, change(scanModeForm, scanModes.changeOne), false},
		{"DELETE", "/api/scan-modes/{id}", api, scanModes.dropOne, false},

		{"GET", "/api/ip-filters", api, ipFilters.listAll, false},
		{"POST", "/api/ip-filters", api, ipFilters.makeOne, false},
		{"GET", "/api/ip-filters/{id}", api, ipFilters.findOne, false},
		{"PUT", "/api/ip-filters/{id}", api, change(ipFilterForm, ipFilters.changeOne), false},
		{"DELETE", "/api/ip-filters/{id}", api, ipFilters.dropOne, false},

		{"GET", "/api/certificates", api, certificates.listAll, false},
		{"POST", "/api/certificates", api, certificates.makeOne, false},
		{"GET", "/api/certificates/{id}", api, certificates.findOne, false},
		{"PUT", "/api/certificates/{id}", api, change(certificateForm, certificates.changeOne), false},
		{"DELETE", "/api/certificates/{id}", api, certificates.dropOne, false},

		{"GET", "/api/logs", api, s.searchLogs, false},
		{"GET", "/api/logs/scopes/suggest", api, suggest(s.scopesNamed), false},
		{"GET", "/api/logs/scopes/{id}", api, s.findScope, false},
		{"GET", "/api/logs/items/suggest", api, suggest(s.itemsNamed), true},
		{"GET", "/api/logs/items/{id}", api, s.findItem, true},
		{"GET", "/api/logs/groups/suggest", api, suggest(s.groupsNamed), true},
		{"GET", "/api/logs/groups/{id}", api, s.findGroup, true},

		{"GET", "/api/transformers/types", api, show(s.transformerTypes), false},
		{"GET", "/api/transformers/manifests/{type}", api, show(s.transformerManifest), false},
		{"GET", "/api/transformers/search", api, show(s.searchTransformers), false},
		{"GET", "/api/transformers/list", api, show(s.listTransformers), false},
		{"GET", "/api/transformers/template/{type}", api, show(s.template), false},
		{"GET", "/api/transformers/{id}", api, show(s.findTransformer), false},
		{"POST", "/api/transformers", api, s.createTransformer, false},
		{"PUT", "/api/transformers/{id}", api, changeTop(transformerParts, s.updateTransformer), false},
		{"DELETE", "/api/transformers/{id}", api, act(s.deleteTransformer), false},
		{"POST", "/api/transformers/test", api, slow(show(s.testDraftTransformer)), false},
		{"POST", "/api/transformers/{id}/test", api, slow(show(s.testTransformer)), false},
		{"POST", "/api/page/transformers/test", api, slow(show(s.tryTransformer)), false}, // ours: with the console, and where an error is

		{"GET", "/sse/engine", stream, s.streamEngine, false},
		{"GET", "/sse/home", stream, s.streamHome, false},
		{"GET", "/sse/logs", stream, s.streamLogs, false},
		{"GET", bundlePath, stream, s.streamBundle, false}, // ours: many of all streams over one connection
	}
}

func (s *Server) mountTable() {
	table := s.table()
	if s.o.Connectors != nil {
		table = append(table, s.connectorTable()...)
	}
	if s.o.Histories != nil {
		table = append(table, s.historyTable()...)
	}
	if s.o.Upgrades != nil {
		table = append(table, s.upgradeTable()...)
	}
	for _, op := range table {
		if op.newer && s.o.Released {
			continue
		}
		s.streams.route(op.level, op.method+" "+op.path)
		s.mux.HandleFunc(op.method+" "+op.path, s.guard(op.level, s.answering(op.handle)))
	}
	s.mux.HandleFunc("/", s.guard(access.Public, http.HandlerFunc(s.answerNotFound)))
}
