// Package montage puts stretches of other sound into a track, sample by sample.
package montage

import (
	"fmt"
	"math"
	"strings"
)

// Montage is an audio track of which stretches come from other files. Everything is cut at
// samples, and only within the stretches: outside of them no sample changes. The track is
// ffmpeg's first input, the splices are the others.
type Montage struct {
	Rate, Channels int
	// Track is its number among the sound tracks of all inputs.
	Track int
	// Start is when the track begins, in seconds of the film's clock.
	Start   float64
	Splices []Splice
}

// Splice is a stretch of the film whose sound comes from another file.
type Splice struct {
	// From and To are the stretch, in seconds of the film's clock; At is when it begins
	// in seconds of the other file's clock, and Length how long it is.
	From, To, At, Length float64
	// Start is when the other file's track begins, in seconds of its clock.
	Start float64
}

// fade is how long one sound turns into the other at a seam, in seconds: long enough to
// make no click, too short to be heard.
const fade = 0.005

// samples converts seconds.
func (m Montage) samples(seconds float64) int64 { return int64(math.Round(seconds * float64(m.Rate))) }

// Begin returns when the result begins, in seconds of the film's clock.
func (m Montage) Begin() float64 { return min(m.Start, m.Splices[0].From) }

// cut is a piece of one of the inputs: samples from to to, to being -1 for its end. Where
// from is below 0 it begins with silence.
type cut struct {
	input    int
	from, to int64
	// fade is how many samples it shares with the piece before.
	fade int64
}

// cuts returns the pieces, in order. Where a piece and the next one meet, the film's own
// sound goes on into the stretch for as long as one fades into the other.
func (m Montage) cuts() (all []cut) {
	at := int64(0) // of the track, what is not used yet
	owed := int64(0)
	for k, s := range m.Splices {
		from, to := m.samples(s.From-m.Start), m.samples(s.To-m.Start)
		length := m.samples(s.Length)
		soft := min(m.samples(fade), length/4)
		begin := m.samples(s.At - s.Start)
		end := begin + length
		if from > at {
			all = append(all, cut{0, at - owed, from + soft, owed})
			owed = soft
		} else {
			begin -= owed // nothing of the film's lies between it and the one before
		}
		all = append(all, cut{k + 1, begin, end, owed})
		at, owed = to, soft
	}
	return append(all, cut{0, at - owed, -1, owed})
}

// Graph returns the filters from the inputs to [out].
func (m Montage) Graph() string {
	all := m.cuts()
	var g strings.Builder
	own := 0
	for _, c := range all {
		if c.input == 0 {
			own++
		}
	}
	fmt.Fprintf(&g, "[0:a:%d]%s,asplit=%d", m.Track, m.form(), own)
	for n := range own {
		fmt.Fprintf(&g, "[own%d]", n)
	}
	own = 0
	for n, c := range all {
		in := fmt.Sprintf("[own%d]", own)
		if c.input == 0 {
			own++
			fmt.Fprintf(&g, ";%s", in)
		} else {
			fmt.Fprintf(&g, ";[%d:a:%d]%s,", c.input, m.Track, m.form())
		}
		from, to := c.from, c.to
		if from < 0 { // it begins later than its pictures, or than what it replaces
			fmt.Fprintf(&g, "adelay=delays=%dS:all=1,", -from)
			if to >= 0 {
				to -= from
			}
			from = 0
		}
		fmt.Fprintf(&g, "atrim=start_sample=%d", from)
		if to >= 0 {
			fmt.Fprintf(&g, ":end_sample=%d", to)
		}
		g.WriteString(",asetpts=N/SR/TB")
		if to >= 0 {
			fmt.Fprintf(&g, ",apad=whole_len=%d", to-from)
		}
		fmt.Fprintf(&g, "[p%d]", n)
	}
	last := "[p0]"
	for n, c := range all[1:] {
		next := fmt.Sprintf("[j%d]", n)
		if c.fade > 0 {
			fmt.Fprintf(&g, ";%s[p%d]acrossfade=ns=%d:c1=tri:c2=tri%s", last, n+1, c.fade, next)
		} else {
			fmt.Fprintf(&g, ";%s[p%d]concat=n=2:v=0:a=1%s", last, n+1, next)
		}
		last = next
	}
	return g.String() + ";" + last + "anull[out]"
}

// form is the form that all sounds take: that of the track.
func (m Montage) form() string {
	return fmt.Sprintf("aresample=%d:async=1,aformat=sample_fmts=fltp:sample_rates=%[1]d:channel_layouts=%s", m.Rate, layoutOf(m.Channels))
}

// layoutOf names the usual layout of a number of channels.
func layoutOf(channels int) string {
	if l, ok := map[int]string{1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}[channels]; ok {
		return l
	}
	return fmt.Sprintf("%dc", channels)
}
