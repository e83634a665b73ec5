// Package platform holds what differs between Windows and Linux behind plain functions, and the one way to write
// a file that must survive a power cut. It is the only home of build tags and imports no other package of ours,
// so that launcher and agent can both stand on it.
package platform
