// Package montage puts stretches of other sound into a track, sample by sample.
package montage

import (
	"fmt"
	"math"
	"strings"

	"github.com/reweave/reweave/pkg/media"
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
	// Start is when the other file's track begins, in seconds of its clock, and Samples how
	// long it is, in samples of the result ([Montage.Measure]).
	Start   float64
	Samples int64
	// Name is what the other file is called, and Source what its track is.
	Name   string
	Source media.Stream
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
	// late and short are how many samples of silence it begins and ends with, for want of
	// sound; what there is fades in and out over soft.
	late, short, soft int64
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
			all = append(all, cut{from: at - owed, to: from + soft, fade: owed})
			owed = soft
		} else {
			begin -= owed // nothing of the film's lies between it and the one before
		}
		if end < 0 { // all of its sound comes later: it is silence, wherever that is cut
			begin, end = begin-end, 0
		}
		c := cut{input: k + 1, from: begin, to: end, fade: owed, late: min(max(0, -begin), end-begin), short: min(max(0, end-s.Samples), end-begin)}
		c.soft = max(0, min(m.samples(fade), (end-begin-c.late-c.short)/2))
		all = append(all, c)
		at, owed = to, soft
	}
	return append(all, cut{from: at - owed, to: -1, fade: owed})
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
	fmt.Fprintf(&g, "[0:a:%d]%s,asplit=%d", m.Track, m.form(media.Stream{}), own)
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
			fmt.Fprintf(&g, ";[%d:a:%d]%s,", c.input, m.Track, m.form(m.Splices[c.input-1].Source))
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
		g.WriteString(c.fades())
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

// fades are those of a piece that doesn't begin, or end, with its sound: it doesn't click.
func (c cut) fades() (filters string) {
	if c.soft == 0 { // there is no sound at all
		return ""
	}
	if c.late > 0 {
		filters = fmt.Sprintf(",afade=t=in:ss=%d:ns=%d", c.late, c.soft)
	}
	if c.short > 0 {
		filters += fmt.Sprintf(",afade=t=out:ss=%d:ns=%d", c.to-c.from-c.short-c.soft, c.soft)
	}
	return filters
}

// form is the form that all sounds take: that of the track. One channel is heard from both
// of two as loud as it was, as editors have it, where ffmpeg would take off 3 dB.
func (m Montage) form(s media.Stream) string {
	first := ""
	if s.Channels == 1 && m.Channels == 2 {
		first = "pan=stereo|c0=c0|c1=c0,"
	}
	return first + fmt.Sprintf("aresample=%d:async=1,aformat=sample_fmts=fltp:sample_rates=%[1]d:channel_layouts=%s", m.Rate, layoutOf(m.Channels))
}

// layoutOf names the usual layout of a number of channels.
func layoutOf(channels int) string {
	if l, ok := map[int]string{1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}[channels]; ok {
		return l
	}
	return fmt.Sprintf("%dc", channels)
}
