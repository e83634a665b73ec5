// Package fault breaks what a plant breaks: processes that are killed, power that is cut, disks that fill up, files that
// rot, networks that lie. It promises that each of these ends as issue and design say: no command lost or executed
// twice, no state lost that the cloud was told of, always an agent that answers and says what happened. It guards
// against the failure that only years of running would show.
//
// The long runs have Sweep in their name and are skipped unless OIBUS_SWEEP is set; a sample of each runs always. What
// is random is seeded: the seed is logged, and OIBUS_SEED repeats it.
package fault
