// Package measure holds what the benchmarks share: statistics of samples, the table of results with its budgets, what
// the system tells of a process, and the limits of the machine itself. It promises figures that say how they were
// taken. It guards against a number that looks good because of what it leaves out.
package measure
