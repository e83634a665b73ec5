package agent

// installed are the types of connectors that this agent can run, for the page.
func installed() (souths, norths []string) {
	for _, t := range southTypes {
		souths = append(souths, t.ID)
	}
	for _, t := range northTypes {
		norths = append(norths, t.ID)
	}
	return souths, norths
}
