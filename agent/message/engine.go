package message

import "oibus/agent/entity"

// engine is the block "engine" of full-config. Keys that dialect R does not have are nil there and left out.
type engine struct {
	audit
	Name               string  `json:"name"`
	SoftwareVersion    string  `json:"softwareVersion"`
	LauncherVersion    string  `json:"launcherVersion"`
	Architecture       string  `json:"architecture"`
	OperatingSystem    string  `json:"operatingSystem"`
	DataFolder         *string `json:"dataFolder,omitempty"`
	BinaryFolder       *string `json:"binaryFolder,omitempty"`
	IgnoreIPFilters    *bool   `json:"ignoreIpFilters,omitempty"`
	IgnoreRemoteUpdate *bool   `json:"ignoreRemoteUpdate,omitempty"`
	Settings           any     `json:"settings"`
}

func (from Source) engine() engine {
	e, process := from.Engine(), from.Process
	b := engine{
		audit: auditOf(e.Audit), Name: e.Settings.General.Name,
		SoftwareVersion: e.Version, LauncherVersion: e.LauncherVersion,
		Architecture: process.Architecture, OperatingSystem: process.OperatingSystem,
	}
	settings := withoutSecrets(e.Settings)
	if from.Released {
		b.Settings = flat(settings)
		return b
	}
	b.DataFolder, b.BinaryFolder = &process.DataFolder, &process.Binary
	b.IgnoreIPFilters, b.IgnoreRemoteUpdate = &process.IgnoreIPFilters, &process.IgnoreRemoteUpdate
	b.Settings = settings
	return b
}

// withoutSecrets puts in place of each secret what the wire has there (protocol/control-plane.md, section 7.5).
func withoutSecrets(s entity.EngineSettings) entity.EngineSettings {
	s.ProxyServer.Password, s.ProxyServer.Forward.Password = nil, nil
	s.Logger.Loki.Password = ""
	return s
}

// flatSettings are the engine settings in dialect R (protocol/control-plane.md, section 12).
type flatSettings struct {
	Name          string   `json:"name"`
	Port          int      `json:"port"`
	ProxyEnabled  bool     `json:"proxyEnabled"`
	ProxyPort     *int     `json:"proxyPort"`
	LogParameters flatLogs `json:"logParameters"`
}

type flatLogs struct {
	Console  entity.LevelSettings       `json:"console"`
	File     entity.FileLogSettings     `json:"file"`
	Database entity.DatabaseLogSettings `json:"database"`
	Loki     entity.LokiSettings        `json:"loki"`
	OIA      entity.OIALogSettings      `json:"oia"`
}

func flat(s entity.EngineSettings) flatSettings {
	return flatSettings{
		Name: s.General.Name, Port: s.WebServer.Port, ProxyEnabled: s.ProxyServer.Enabled, ProxyPort: s.ProxyServer.Port,
		LogParameters: flatLogs{
			Console: s.Logger.Console, File: s.Logger.File, Database: s.Logger.Database, Loki: s.Logger.Loki, OIA: s.Logger.OIA,
		},
	}
}
