// Package conformance plays the recorded exchanges of the reference agent (../shared/golden for dialect N,
// ../shared/golden-R for dialect R) against the real program, with the simulator as OIAnalytics, and compares what
// came out of it. It promises that every recording is either compared, field by field, or named with the reason why
// it waits; that each deliberate difference stands in one table (differences.go) with its reason; and that a
// difference which is not in the table, or a row of the table that no longer happens, fails. It guards against a cloud
// that notices it does not talk to the reference any more.
//
// How it works: a recording (recording.go) and what our agent did (observe.go) are both turned into an Observation, that
// into a tree (view.go), the tree is freed of what is random (normalise.go), and two trees are compared (compare.go) and
// judged by the table (judge.go). table.go and later.go say what is played, scripts.go what has to be arranged around
// it; source.go and services.go are the database and the REST service that the recorded agent had. Several agents play
// at a time, because an agent polls once a second.
package conformance
