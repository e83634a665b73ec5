// Package harness runs the real programs for tests: it starts and ends an agent or a launcher, waits for what should
// happen with a deadline, speaks with the REST API, and registers with a simulator. It promises that no process
// outlives its test and that nothing waits for a fixed time. It guards against tests that pass on a fast machine only.
package harness
