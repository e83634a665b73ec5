package connectors

// Kind says which list a connector stands in.
type Kind string

// The kinds of connectors.
const (
	South Kind = "south"
	North Kind = "north"
)

// What happened to a connector.
type What string

// What can happen. A connector has to be started, stopped or restarted after the first five; Items and Groups need no
// new connection.
const (
	Created      What = "created"
	Updated      What = "updated" // settings and all the rest
	Deleted      What = "deleted"
	Enabled      What = "enabled"
	Disabled     What = "disabled"
	Items        What = "items"         // items, groups, or which group an item is in
	GroupCreated What = "group-created" // a new group, which nothing is in yet
	Links        What = "links"         // transformer links of a North
)

// Change says what was changed.
type Change struct {
	Kind Kind
	ID   string
	What What
}

// Reported says whether the cloud has to be told the new configuration (protocol/control-plane.md, section 7.1).
func (c Change) Reported() bool { return c.What != GroupCreated }

// OnChange has f called after each change, once it is durable and can be seen. f must not block, nor change anything
// here.
func (s *Service) OnChange(f func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listen = append(s.listen, f)
}

func (s *Service) announce(changes ...Change) {
	s.mu.RLock()
	listeners := s.listen
	s.mu.RUnlock()
	for _, c := range changes {
		for _, f := range listeners {
			f(c)
		}
	}
}
