package connectors

import "encoding/json"

// UpdateSouthHead replaces what a South has beside its type, items and groups. The body is a SouthCommand, of which the
// items and groups do not count.
func (s *Service) UpdateSouthHead(author, id string, body json.RawMessage, secrets Secrets) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	file, err := s.southFile(id)
	if err != nil {
		return err
	}
	next := file.south
	b, c, err := s.readHead(author, next.Type, body, secrets)
	if err != nil {
		return err
	}
	if b.Type.value != next.Type {
		return wrongType("South", next.Connector, b.Type.value)
	}
	if err := s.freeSouthName(b.Name.value, id); err != nil {
		return err
	}
	if next.Settings, err = s.seal(c.form.Settings, b.Settings.raw, next.Settings); err != nil {
		return err
	}
	next.Name, next.Description, next.Enabled = b.Name.value, b.Description.value, b.Enabled.value
	next.Audit = next.Touched(author, s.o.Now())
	return s.replaceSouth(file, next, Updated)
}

// SouthHead is a South without its items.
func (v Views) SouthHead(id string) (SouthView, error) {
	south, w, err := v.drawn(id)
	if err != nil {
		return SouthView{}, err
	}
	return w.head(&south)
}
