package upgrade

import "oibus/launcher/release"

// Superseded returns the order to run the factory release when the operating system's package has brought one that is
// newer than the version that runs. Each is tried once.
func (m *Machine) Superseded() (Order, bool) {
	s, factory := m.State(), m.Factory()
	if s.Attempt != nil || s.Running.IsFactory() || s.Factory == factory.Version {
		return Order{}, false
	}
	newer, err := release.CompareVersions(factory.Version, s.Running.Version)
	if err != nil || newer <= 0 {
		return Order{}, false
	}
	return Order{Source: FromFactory, Key: "factory " + factory.Version, Version: factory.Version, Target: &factory}, true
}
