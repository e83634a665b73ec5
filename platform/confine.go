package platform

// Confine takes from this process what foreign code in it must not have: more memory than limit bytes, a place before
// other processes on the processors, and, where the system can, files, network and other processes. Call it once, early.
// It does as much as it can; the error says what was not possible.
func Confine(limit uint64) error { return confine(limit) }
