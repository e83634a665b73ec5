package web

import (
	"oibus/agent/entity"
)

// userInfo says who made a change.
type userInfo struct {
	ID           string `json:"id"`
	FriendlyName string `json:"friendlyName"`
}

// audit is entity.Audit with the authors expanded.
type audit struct {
	ID        string   `json:"id"`
	CreatedBy userInfo `json:"createdBy"`
	UpdatedBy userInfo `json:"updatedBy"`
	CreatedAt string   `json:"createdAt"`
	UpdatedAt string   `json:"updatedAt"`
}

func (s *Server) who(id string) userInfo { return userInfo{id, s.o.FriendlyName(id)} }

func (s *Server) audit(a entity.Audit) audit {
	return audit{a.ID, s.who(a.CreatedBy), s.who(a.UpdatedBy), a.CreatedAt, a.UpdatedAt}
}

func (s *Server) scanModeDTO(m entity.ScanMode) any {
	return struct {
		audit
		Name        string `json:"name"`
		Description string `json:"description"`
		Cron        string `json:"cron"`
	}{s.audit(m.Audit), m.Name, text(m.Description), m.Cron}
}

func (s *Server) ipFilterDTO(f entity.IPFilter) any {
	return struct {
		audit
		Address     string `json:"address"`
		Description string `json:"description"`
	}{s.audit(f.Audit), f.Address, text(f.Description)}
}

func (s *Server) certificateDTO(c entity.Certificate) any {
	return struct {
		audit
		Name        string `json:"name"`
		Description string `json:"description"`
		PublicKey   string `json:"publicKey"`
		Certificate string `json:"certificate"`
		Expiry      string `json:"expiry"`
	}{s.audit(c.Audit), c.Name, text(c.Description), c.PublicKey, c.Certificate, c.Expiry}
}

// text is the text at p, empty when there is none: the REST API has no null description.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// person are the fields of a user that everybody who is signed in may see.
type person struct {
	Login     string  `json:"login"`
	FirstName *string `json:"firstName"`
	LastName  *string `json:"lastName"`
	Email     *string `json:"email"`
	Language  string  `json:"language"`
	Timezone  string  `json:"timezone"`
}

func personOf(u entity.User) person {
	return person{u.Login, u.FirstName, u.LastName, u.Email, u.Language, u.Timezone}
}

func (s *Server) userDTO(u entity.User) any {
	return struct {
		audit
		person
		FriendlyName string `json:"friendlyName"`
	}{s.audit(u.Audit), personOf(u), s.o.FriendlyName(u.ID)}
}

// currentUserDTO has, as in the reference, the bare ids of the authors.
func currentUserDTO(u entity.User) any {
	return struct {
		entity.Audit
		person
	}{u.Audit, personOf(u)}
}

// engineHead is what both dialects say of the engine beside its settings.
type engineHead struct {
	audit
	Version         string `json:"version"`
	LauncherVersion string `json:"launcherVersion"`
}

func (s *Server) engineHead(e entity.Engine) engineHead {
	return engineHead{s.audit(e.Audit), e.Version, e.LauncherVersion}
}

// engineDTO is EngineSettingsDTO, without any secret.
func (s *Server) engineDTO(e entity.Engine) any {
	settings := e.Settings
	none := ""
	settings.ProxyServer.Password, settings.ProxyServer.Forward.Password = &none, &none
	settings.Logger.Loki.Password = ""
	return struct {
		engineHead
		entity.EngineSettings
	}{s.engineHead(e), settings}
}

// flatEngineDTO is the engine of dialect R (golden-R/rest-change-port.json).
func (s *Server) flatEngineDTO(e entity.Engine) any {
	type logParameters struct {
		Console  entity.LevelSettings       `json:"console"`
		File     entity.FileLogSettings     `json:"file"`
		Database entity.DatabaseLogSettings `json:"database"`
		Loki     entity.LokiSettings        `json:"loki"`
		OIA      entity.OIALogSettings      `json:"oia"`
	}
	l := e.Settings.Logger
	l.Loki.Password = ""
	return struct {
		engineHead
		Name          string        `json:"name"`
		Port          int           `json:"port"`
		ProxyEnabled  bool          `json:"proxyEnabled"`
		ProxyPort     *int          `json:"proxyPort"`
		LogParameters logParameters `json:"logParameters"`
	}{s.engineHead(e), e.Settings.General.Name, e.Settings.WebServer.Port, e.Settings.ProxyServer.Enabled,
		e.Settings.ProxyServer.Port, logParameters{l.Console, l.File, l.Database, l.Loki, l.OIA}}
}
