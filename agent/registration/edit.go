package registration

import (
	"encoding/json"

	"oibus/agent/entity"
	"oibus/agent/schema"
)

// Edit changes the settings, all but the host (protocol/control-plane.md, section 2.7).
func (s *Service) Edit(author string, body json.RawMessage) error {
	v, err := decode(body)
	if err != nil {
		return err
	}
	s.restrict(&v)
	return s.edit(author, func(r *Record) (Settings, error) { return v, nil })
}

// UpdateFromCloud applies the content of an update-registration-settings command (protocol/control-plane.md, sections
// 3.10 and 5.2): the three intervals, and permissions that can only be narrowed. Without permissions they stay.
func (s *Service) UpdateFromCloud(content json.RawMessage) error {
	return s.edit(entity.OIAnalytics, func(r *Record) (Settings, error) {
		body, err := narrowed(settingsOf(&r.Registration), content)
		if err != nil {
			return Settings{}, err
		}
		var v Settings
		err = schema.Decode(hostless, body, &v)
		return v, err
	})
}

func (s *Service) edit(author string, settings func(*Record) (Settings, error)) error {
	return s.update(func(r *Record) (Kind, error) {
		v, err := settings(r)
		if err != nil {
			return "", err
		}
		v.Host = s.wantedHost() // stays as it is: never a reason to refuse
		if err := s.checkPins(v); err != nil {
			return "", err
		}
		if err := s.write(&r.Registration, v); err != nil {
			return "", err
		}
		r.Audit = r.Touched(author, s.o.Now())
		return Edited, nil
	})
}

// narrowed puts the content of a command over the current settings.
func narrowed(current Settings, content json.RawMessage) (json.RawMessage, error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(content, &given); err != nil || given == nil {
		return nil, entity.Invalid(`"commandContent" must be of type object`)
	}
	tree, err := treeOf(current)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"commandRefreshInterval", "commandRetryInterval", "messageRetryInterval"} {
		delete(tree, key)
		if v, ok := given[key]; ok {
			tree[key] = v
		}
	}
	if raw, ok := given[permissionsKey]; ok && string(raw) != "null" {
		var wished map[string]json.RawMessage
		if err := json.Unmarshal(raw, &wished); err != nil {
			return nil, entity.Invalid(`"commandPermissions" must be of type object`)
		}
		tree[permissionsKey] = narrow(current.CommandPermissions, wished)
	}
	return json.Marshal(tree)
}

// narrow is wished where a permission is held, false where it is not. Permissions of a later version are left out.
func narrow(held map[string]bool, wished map[string]json.RawMessage) map[string]any {
	permissions := make(map[string]any, len(entity.Permissions))
	for _, p := range entity.Permissions {
		if !held[p] {
			permissions[p] = false
		} else if v, ok := wished[p]; ok {
			permissions[p] = v
		}
	}
	return permissions
}
