// Package logging is where every word of the agent goes: log/slog handlers, the journal on disk, the console, and the
// forwarding to OIAnalytics, Loki and syslog.
//
//	slog ─┬─ queue ── writer ── journal.jsonl ─┬─ forwarder OIAnalytics ─ cursor
//	      │  bounded                           ├─ forwarder Loki ──────── cursor
//	      │                                    ├─ forwarder syslog ────── cursor
//	      └─ console                           └─ Search, Follow
//
// It promises that whoever logs never waits for a disk or a network for longer than a moment, that what was written
// to the journal is forwarded at least once however long the other side is away, until the journal itself has rotated,
// and that every line that could not be kept or forwarded is counted and the count is told. It guards against the
// failures of the reference (protocol/control-plane.md, W-47, W-48, W-79): lost batches, empty batches, logs lost by a
// restart, and a logger restart that never ends. There is no restart here: Apply changes levels and targets in place.
//
// Decisions where the reference has several sinks and this package one journal:
//
//   - The sinks "file" and "database" are one journal. file.maxFileSize and file.numberOfFiles bound it (one current
//     file and at most numberOfFiles rotated ones). It records at the most verbose level among file, database, oia,
//     loki and syslog. database.level filters what Search, Follow and the suggestions show, and
//     database.maxNumberOfLogs bounds how many entries back they look.
//   - A level text that is none of silent, error, warn, info, debug, trace acts as info: neither silent nor a flood.
//   - A forwarder starts with what is logged from its activation on, never with older history. Active is: level not
//     silent and somewhere to send to (an address; for OIAnalytics a sender, that is, a registration). Its cursor is
//     then kept over restarts, outages and times without a sender, and forgotten when its level becomes silent or its
//     address empty.
//   - A line of the journal is one flat JSON object of texts and whole numbers. An unknown key is ignored, so an older
//     agent reads what a newer one wrote.
package logging
