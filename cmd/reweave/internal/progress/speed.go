package progress

import (
	"fmt"
	"time"
)

// window is how far back a speed looks: long enough to be calm, short enough to
// follow a change of scene.
const window = 15 * time.Second

// sample is a number of frames at a time.
type sample struct {
	at     time.Time
	frames int
}

// speed measures frames per second over the last [window].
type speed struct{ samples []sample }

func (s *speed) add(at time.Time, frames int) {
	s.samples = append(s.samples, sample{at, frames})
	drop := 0
	for drop < len(s.samples)-2 && at.Sub(s.samples[drop+1].at) >= window {
		drop++
	}
	s.samples = s.samples[drop:]
}

// fps returns the speed, or 0 while it is unknown.
func (s *speed) fps() float64 {
	if len(s.samples) < 2 {
		return 0
	}
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	took := last.at.Sub(first.at).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(last.frames-first.frames) / took
}

// formatFPS writes a speed with as many digits as it deserves.
func formatFPS(fps float64) string {
	if fps < 10 {
		return fmt.Sprintf("%.1f fps", fps)
	}
	return fmt.Sprintf("%.0f fps", fps)
}

// FormatDuration writes a duration as "45s", "3m12s" or "1h02m".
func FormatDuration(d time.Duration) string {
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return fmt.Sprintf("%dh%02dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm%02ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}

// FormatBytes writes a size in binary units, such as "12.3 MiB".
func FormatBytes(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/(1<<10), "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
