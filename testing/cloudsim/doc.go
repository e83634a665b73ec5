// Package cloudsim is a local OIAnalytics: it answers every endpoint that an agent calls
// (protocol/control-plane.md, section 1.1), validates activation codes, hands out commands, keeps what it received and
// shows it on a page. A person uses it as the program oibus-cloudsim; a test starts it in its own process, makes it
// answer wrongly on purpose, and waits for what should happen. It promises to keep every status update of a command in
// the order of arrival, and bounded memory whatever an agent sends. It guards against the failure that no test can see
// afterwards: a command lost, repeated, or reported in two ways.
package cloudsim
