package mux

import (
	"fmt"
	"os"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/reweave/reweave/pkg/media"
)

// sampleTimes reads the presentation times of the first video track off the sample tables
// of an MP4 or MOV file (ISO/IEC 14496-12, 8.6.1), in decode order and before edit lists.
func sampleTimes(file string) (times []int64, tb media.Rational, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, tb, err
	}
	defer f.Close()
	box, err := mp4.DecodeFile(f, mp4.WithDecodeMode(mp4.DecModeLazyMdat))
	if err != nil {
		return nil, tb, fmt.Errorf("read sample tables: %w", err)
	}
	if box.Moov == nil {
		return nil, tb, fmt.Errorf("read sample tables: there is no moov box")
	}
	for _, t := range box.Moov.Traks {
		if t.Mdia == nil || t.Mdia.Hdlr == nil || t.Mdia.Hdlr.HandlerType != "vide" {
			continue
		}
		tb = media.Rational{Num: 1, Den: int64(t.Mdia.Mdhd.Timescale)}
		return trackTimes(t.Mdia.Minf.Stbl), tb, nil
	}
	return nil, tb, fmt.Errorf("read sample tables: there is no video track")
}

// trackTimes adds up decoding times (stts) and composition offsets (ctts).
func trackTimes(b *mp4.StblBox) []int64 {
	var times []int64
	var dts int64
	for i, n := range b.Stts.SampleCount {
		for range n {
			times = append(times, dts)
			dts += int64(b.Stts.SampleTimeDelta[i])
		}
	}
	if b.Ctts == nil {
		return times
	}
	k := 0
	for i := range b.Ctts.NrSampleCount() {
		for range b.Ctts.SampleCount(i) {
			if k < len(times) {
				times[k] += int64(b.Ctts.SampleOffset[i])
			}
			k++
		}
	}
	return times
}
