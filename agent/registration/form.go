package registration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"oibus/agent/entity"
	"oibus/agent/schema"
)

// Settings are what a person or the cloud may set (protocol/control-plane.md, section 2.1). Secrets are in clear, and
// blank when they are to stay as they are.
type Settings struct {
	Host                   string          `json:"host"`
	AcceptUnauthorized     bool            `json:"acceptUnauthorized"`
	UseProxy               bool            `json:"useProxy"`
	ProxyURL               *string         `json:"proxyUrl"`
	ProxyUsername          *string         `json:"proxyUsername"`
	ProxyPassword          *string         `json:"proxyPassword"`
	UseAPIGateway          bool            `json:"useApiGateway"`
	APIGatewayHeaderKey    *string         `json:"apiGatewayHeaderKey"`
	APIGatewayHeaderValue  *string         `json:"apiGatewayHeaderValue"`
	APIGatewayBaseEndpoint *string         `json:"apiGatewayBaseEndpoint"`
	CommandRefreshInterval int             `json:"commandRefreshInterval"`
	CommandRetryInterval   int             `json:"commandRetryInterval"`
	MessageRetryInterval   int             `json:"messageRetryInterval"`
	CommandPermissions     map[string]bool `json:"commandPermissions"`
}

const permissionsKey = "commandPermissions"

// maxInterval is the longest delay that fits the timers; the reference has no bound.
const maxInterval = 1 << 31

var (
	form = settingsForm(schema.String())
	// hostless is the form of a record that was never registered.
	hostless = settingsForm(schema.String().Blankable())
)

func settingsForm(host schema.Schema) schema.Schema {
	permissions := make([]schema.Field, len(entity.Permissions))
	for i, p := range entity.Permissions {
		permissions[i] = schema.Required(p, schema.Boolean())
	}
	interval := schema.Integer().Min(1).Max(maxInterval)
	return schema.Object(
		schema.Required("host", host),
		schema.Required("acceptUnauthorized", schema.Boolean()),
		schema.Required("useProxy", schema.Boolean()),
		schema.Optional("proxyUrl", schema.String().Empty()),
		schema.Optional("proxyUsername", schema.String().Empty()),
		schema.Optional("proxyPassword", schema.String().Empty()),
		schema.Required("useApiGateway", schema.Boolean()),
		schema.Optional("apiGatewayHeaderKey", schema.String().Empty()),
		schema.Optional("apiGatewayHeaderValue", schema.String().Empty()),
		schema.Optional("apiGatewayBaseEndpoint", schema.String().Empty()),
		schema.Required("commandRefreshInterval", interval),
		schema.Required("commandRetryInterval", interval),
		schema.Required("messageRetryInterval", interval),
		schema.Required(permissionsKey, schema.Object(permissions...)),
	)
}

// decode checks body against the form.
func decode(body json.RawMessage) (Settings, error) {
	var v Settings
	err := schema.Decode(form, body, &v)
	return v, err
}

// settingsOf are the settings of a record, secrets blank.
func settingsOf(r *entity.Registration) Settings {
	return Settings{
		Host: r.Host, AcceptUnauthorized: r.AcceptUnauthorized,
		UseProxy: r.UseProxy, ProxyURL: r.ProxyURL, ProxyUsername: r.ProxyUsername,
		UseAPIGateway: r.UseAPIGateway, APIGatewayHeaderKey: r.APIGatewayHeaderKey, APIGatewayBaseEndpoint: r.APIGatewayBaseEndpoint,
		CommandRefreshInterval: r.CommandRefreshInterval, CommandRetryInterval: r.CommandRetryInterval,
		MessageRetryInterval: r.MessageRetryInterval, CommandPermissions: maps.Clone(r.CommandPermissions),
	}
}

// write puts v into r, all but the host. Blank secrets stay as they are as long as the name they belong to is there.
func (s *Service) write(r *entity.Registration, v Settings) error {
	password, err := s.sealed(v.ProxyPassword, r.ProxyPassword, v.ProxyUsername)
	if err != nil {
		return err
	}
	header, err := s.sealed(v.APIGatewayHeaderValue, r.APIGatewayHeaderValue, v.APIGatewayHeaderKey)
	if err != nil {
		return err
	}
	r.AcceptUnauthorized = v.AcceptUnauthorized
	r.UseProxy, r.ProxyURL, r.ProxyUsername, r.ProxyPassword = v.UseProxy, v.ProxyURL, v.ProxyUsername, password
	r.UseAPIGateway, r.APIGatewayHeaderKey, r.APIGatewayHeaderValue = v.UseAPIGateway, v.APIGatewayHeaderKey, header
	r.APIGatewayBaseEndpoint = v.APIGatewayBaseEndpoint
	r.CommandRefreshInterval, r.CommandRetryInterval, r.MessageRetryInterval =
		v.CommandRefreshInterval, v.CommandRetryInterval, v.MessageRetryInterval
	r.CommandPermissions = maps.Clone(v.CommandPermissions)
	return nil
}

// sealed is what to store of a secret that was given or, blank, is to be kept.
func (s *Service) sealed(given, stored, owner *string) (*string, error) {
	if text(given) == "" {
		if text(owner) == "" {
			return nil, nil
		}
		return stored, nil
	}
	if plain, err := s.o.Sealer.Open(text(stored)); err == nil && plain == *given {
		return stored, nil
	}
	v, err := s.o.Sealer.Seal(*given)
	return &v, err
}

// restrict forces what the start options decide.
func (s *Service) restrict(v *Settings) {
	if s.o.IgnoreRemoteUpdate {
		v.CommandPermissions["updateVersion"] = false
	}
}

// pin puts the values of the settings file into r. The host is not among them: it changes by registering, and until
// then a registration with another host keeps its own way there.
func (s *Service) pin(r *Record) error {
	if len(s.o.Pinned) == 0 {
		return nil
	}
	if err := s.pinOne(&r.Registration); err != nil || r.Working == nil {
		return err
	}
	return s.pinOne(r.Working)
}

func (s *Service) pinOne(r *entity.Registration) error {
	v, err := s.wanted(r)
	if err != nil {
		return err
	}
	if host := s.wantedHost(); host != "" && r.Host != "" && !sameHost(r.Host, host) {
		own := settingsOf(r)
		own.CommandRefreshInterval, own.CommandRetryInterval, own.MessageRetryInterval =
			v.CommandRefreshInterval, v.CommandRetryInterval, v.MessageRetryInterval
		own.CommandPermissions = v.CommandPermissions
		v = own
	}
	return s.write(r, v)
}

// wanted are the settings of r with those of the settings file over them.
func (s *Service) wanted(r *entity.Registration) (Settings, error) {
	tree, err := treeOf(settingsOf(r))
	if err != nil {
		return Settings{}, err
	}
	for path, value := range s.o.Pinned {
		if name, ok := strings.CutPrefix(path, permissionsKey+"."); ok {
			tree[permissionsKey].(map[string]any)[name] = value
			continue
		}
		tree[path] = value
	}
	body, err := json.Marshal(tree)
	if err != nil {
		return Settings{}, err
	}
	var v Settings
	if err := schema.Decode(hostless, body, &v); err != nil {
		return Settings{}, fmt.Errorf("cannot use the settings file for the registration: %w", err)
	}
	return v, nil
}

// wantedHost is the host to register with without a person, "" when there is none.
func (s *Service) wantedHost() string {
	host, _ := s.o.Pinned["host"].(string)
	return host
}

func sameHost(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

// checkPins refuses settings that differ from what the settings file decides.
func (s *Service) checkPins(v Settings) error {
	if s.o.PinError == nil {
		return nil
	}
	tree, err := treeOf(v)
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(s.o.Pinned)) {
		if pinHolds(path, s.o.Pinned[path], tree) {
			continue
		}
		if err := s.o.PinError("registration." + path); err != nil {
			return err
		}
	}
	return nil
}

// pinHolds tells whether the setting at path has the pinned value. A blank secret stays as it is; a blank host in the
// file leaves the choice to the page.
func pinHolds(path string, pinned any, tree map[string]any) bool {
	value := tree[path]
	if name, ok := strings.CutPrefix(path, permissionsKey+"."); ok {
		permissions, _ := tree[permissionsKey].(map[string]any)
		value = permissions[name]
	}
	switch path {
	case "host":
		host, _ := value.(string)
		wanted, _ := pinned.(string)
		return wanted == "" || sameHost(host, wanted)
	case "proxyPassword", "apiGatewayHeaderValue":
		if isBlank(value) {
			return true
		}
	}
	return isBlank(value) && isBlank(pinned) || fmt.Sprint(value) == fmt.Sprint(pinned)
}

func isBlank(v any) bool { return v == nil || v == "" }

func treeOf(v Settings) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // 1000000 stays what it is
	var tree map[string]any
	err = dec.Decode(&tree)
	return tree, err
}
