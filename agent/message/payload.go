package message

import (
	"encoding/json"
	"fmt"

	"oibus/agent/entity"
	"oibus/agent/manifest"
)

// Source gives what the messages say.
type Source struct {
	Released bool // the form of the released 3.8 (protocol/control-plane.md, section 12)
	Process  Process

	Engine       func() entity.Engine
	Registration func() entity.Registration
	ScanModes    func() []entity.ScanMode
	IPFilters    func() []entity.IPFilter
	Certificates func() []entity.Certificate
	Users        func() []entity.User
	Standard     func() map[string]string // id of each standard transformer by its function name

	// Objects of other packages, in the form of the wire (sections 7.3 and 7.4), secrets stripped. A nil function is an
	// empty list.
	Souths, Norths, CustomTransformers, HistoryQueries func() ([]json.RawMessage, error)
}

// Process are facts of the process that do not change while it runs.
type Process struct {
	Architecture, OperatingSystem string // as platform says them
	DataFolder                    string // absolute
	Binary                        string // path of the executable: what the wire calls binaryFolder
	IgnoreIPFilters               bool
	IgnoreRemoteUpdate            bool
}

// audit is an entity.Audit in the spelling of the wire.
type audit struct {
	ID        string `json:"oIBusInternalId"`
	CreatedBy string `json:"oIBusCreatedBy"`
	UpdatedBy string `json:"oIBusUpdatedBy"`
	CreatedAt string `json:"oIBusCreatedAt"`
	UpdatedAt string `json:"oIBusUpdatedAt"`
}

func auditOf(a entity.Audit) audit {
	return audit{ID: a.ID, CreatedBy: a.CreatedBy, UpdatedBy: a.UpdatedBy, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
}

// object is an element of most lists.
type object struct {
	audit
	Settings any `json:"settings"`
}

type configuration struct {
	Engine       engine            `json:"engine"`
	Registration registration      `json:"registration"`
	ScanModes    []object          `json:"scanModes"`
	IPFilters    []object          `json:"ipFilters"`
	Certificates []object          `json:"certificates"`
	Souths       []json.RawMessage `json:"southConnectors"`
	Norths       []json.RawMessage `json:"northConnectors"`
	Users        []object          `json:"users"`
	Transformers []json.RawMessage `json:"transformers"`
}

type registration struct {
	audit
	PublicKey string `json:"publicKey"`
	Settings  struct {
		CommandRefreshInterval int             `json:"commandRefreshInterval"`
		CommandRetryInterval   int             `json:"commandRetryInterval"`
		MessageRetryInterval   int             `json:"messageRetryInterval"`
		CommandPermissions     map[string]bool `json:"commandPermissions"`
	} `json:"settings"`
}

// fullConfig is the message of E7 (protocol/control-plane.md, section 7.3).
func (s *Service) fullConfig() (payload, error) {
	from := s.o.Source
	c := configuration{
		Engine:       from.engine(),
		Registration: s.registration(),
		ScanModes:    objects(from.ScanModes(), scanMode),
		IPFilters:    objects(from.IPFilters(), ipFilter),
		Certificates: objects(from.Certificates(), certificate),
		Users:        objects(from.Users(), user),
	}
	var err error
	if c.Souths, err = listed(from.Souths); err != nil {
		return payload{}, fmt.Errorf("cannot list the South connectors: %w", err)
	}
	if c.Norths, err = listed(from.Norths); err != nil {
		return payload{}, fmt.Errorf("cannot list the North connectors: %w", err)
	}
	if c.Transformers, err = from.transformers(); err != nil {
		return payload{}, fmt.Errorf("cannot list the transformers: %w", err)
	}
	body, err := json.Marshal(c)
	return payload{body: body, publicKey: c.Registration.PublicKey}, err
}

// historyQueries is the message of E8 (protocol/control-plane.md, section 7.4).
func (s *Service) historyQueries() (payload, error) {
	queries, err := listed(s.o.Source.HistoryQueries)
	if err != nil {
		return payload{}, fmt.Errorf("cannot list the history queries: %w", err)
	}
	body, err := json.Marshal(struct {
		HistoryQueries []json.RawMessage `json:"historyQueries"`
	}{queries})
	return payload{body: body}, err
}

// listed is never nil: the wire has [] for nothing.
func listed(get func() ([]json.RawMessage, error)) ([]json.RawMessage, error) {
	if get == nil {
		return []json.RawMessage{}, nil
	}
	list, err := get()
	if list == nil {
		list = []json.RawMessage{}
	}
	return list, err
}

func objects[T any](items []T, convert func(T) object) []object {
	list := make([]object, len(items))
	for i, item := range items {
		list[i] = convert(item)
	}
	return list
}

func scanMode(m entity.ScanMode) object {
	return object{auditOf(m.Audit), struct {
		Name        string  `json:"name"`
		Description *string `json:"description"`
		Cron        string  `json:"cron"`
	}{m.Name, m.Description, m.Cron}}
}

func ipFilter(f entity.IPFilter) object {
	return object{auditOf(f.Audit), struct {
		Description *string `json:"description"`
		Address     string  `json:"address"`
	}{f.Description, f.Address}}
}

func certificate(c entity.Certificate) object {
	return object{auditOf(c.Audit), struct {
		Name        string  `json:"name"`
		Description *string `json:"description"`
		PublicKey   string  `json:"publicKey"`
		Certificate string  `json:"certificate"`
		Expiry      string  `json:"expiry"`
	}{c.Name, c.Description, c.PublicKey, c.Certificate, c.Expiry}}
}

func user(u entity.User) object {
	return object{auditOf(u.Audit), struct {
		Login     string  `json:"login"`
		FirstName *string `json:"firstName"`
		LastName  *string `json:"lastName"`
		Email     *string `json:"email"`
		Language  string  `json:"language"`
		Timezone  string  `json:"timezone"`
	}{u.Login, u.FirstName, u.LastName, u.Email, u.Language, u.Timezone}}
}

func (s *Service) registration() registration {
	e := s.o.Source.Registration()
	r := registration{audit: auditOf(e.Audit), PublicKey: s.o.Registration.PublicKey()}
	r.Settings.CommandRefreshInterval, r.Settings.CommandRetryInterval = e.CommandRefreshInterval, e.CommandRetryInterval
	r.Settings.MessageRetryInterval, r.Settings.CommandPermissions = e.MessageRetryInterval, e.CommandPermissions
	return r
}

// transformers lists the standard ones and then the custom ones.
func (from Source) transformers() ([]json.RawMessage, error) {
	ids := from.Standard()
	var list []json.RawMessage
	for _, t := range manifest.Transformers() {
		id, ok := ids[t.ID]
		if !ok {
			return nil, fmt.Errorf("the standard transformer %q has no id in this OIBus", t.ID)
		}
		one, err := json.Marshal(standard{
			ID: id, Type: "standard", Manifest: t.Settings,
			Settings: function{Name: t.ID, InputType: t.InputType, OutputType: t.OutputType},
		})
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	custom, err := listed(from.CustomTransformers)
	return append(list, custom...), err
}

// standard is a standard transformer, which nobody made and nobody changes: it has no authors and dates.
type standard struct {
	ID       string             `json:"oIBusInternalId"`
	Type     string             `json:"type"`
	Settings function           `json:"settings"`
	Manifest manifest.Attribute `json:"manifest"`
}

type function struct {
	Name       string `json:"functionName"`
	InputType  string `json:"inputType"`
	OutputType string `json:"outputType"`
}
