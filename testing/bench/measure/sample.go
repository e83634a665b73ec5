package measure

import (
	"math"
	"slices"
	"time"
)

// Sample is measurements of one thing, in one unit.
type Sample []float64

// Milliseconds adds a duration.
func (s *Sample) Milliseconds(d time.Duration) { *s = append(*s, float64(d)/float64(time.Millisecond)) }

// Percentile is the smallest measurement that at least p percent of them do not exceed, 0 when there is none.
func (s Sample) Percentile(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(p / 100 * float64(len(s))))
	return sorted[min(max(rank, 1), len(s))-1]
}

// Median is the percentile 50.
func (s Sample) Median() float64 { return s.Percentile(50) }

// Max is the largest measurement, 0 when there is none.
func (s Sample) Max() float64 { return s.Percentile(100) }
