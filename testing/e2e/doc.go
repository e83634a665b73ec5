// Package e2e runs the real programs as a site does: the launcher with its agent, a simulated OIAnalytics, files,
// signals, proxies, certificates, a browser. It promises that what a person or a script relies on works from the first
// start to a clean stop, exit codes and texts included. It guards against parts that are each right and do not work
// together.
package e2e
