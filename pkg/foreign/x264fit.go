package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/Eyevinn/mp4ff/avc"
)

// x264Names are x264's names for profiles.
var x264Names = map[uint32]string{66: "baseline", 77: "main", 100: "high", 110: "high10", 122: "high422", 244: "high444"}

// x264Fitting are settings for a film that tells none: what its parameter sets tell, at the
// quality that they tell or one that hardly loses. first is its first packet.
func x264Fitting(b *base, o Options, sps *avc.SPS, pps *avc.PPS, first []byte) []string {
	params := slices.Concat([]string{"open-gop=0", levelOf(sps)}, b.groupingOf(sps, pps), b.x264Header(nil, sps, first))
	if pps != nil {
		params = append(params, pictureParams(sps, pps)...)
	} else {
		params = append(params, fmt.Sprintf("ref=%d", max(1, sps.NumRefFrames)))
	}
	crf := "16"
	switch {
	case sps.QPPrimeYZeroTransformBypassFlag:
		params = append(params, "qp=0") // lossless
	case pps == nil || pps.PicInitQpMinus26 <= -26: // a quality that x264 takes for lossless
	case pps.PicInitQpMinus26 == 0: // x264 with a rate to keep, and most other encoders
		params = append(params, "stitchable=1") // x264 then writes this, whatever the quality
	default: // x264 begins with the quality that it was asked for
		crf = strconv.Itoa(26 + pps.PicInitQpMinus26)
	}
	args := []string{"-c:v", "libx264", "-preset", or(o.Preset, "medium"), "-crf", or(o.CRF, crf), "-x264-params", strings.Join(params, ":")}
	if name := x264Names[sps.Profile]; name != "" {
		args = append(args, "-profile:v", name)
	}
	return args
}

// levelOf is x264's setting for the film's level. Level 1b is told by a flag of its own in
// the profiles that are older than it (ITU-T H.264, A.3.1).
func levelOf(sps *avc.SPS) string {
	if sps.Level == 11 && sps.ProfileCompatibility&0x10 != 0 && (sps.Profile == 66 || sps.Profile == 77) {
		return "level=1b"
	}
	return fmt.Sprintf("level=%d", sps.Level)
}

// groupingOf are the settings by which x264 groups pictures as the film's SPS tells, or
// as the film's pictures do.
func (b *base) groupingOf(sps *avc.SPS, pps *avc.PPS) []string {
	v := sps.VUI
	switch {
	case b.intra():
		return []string{"keyint=1"}
	case sps.PicOrderCntType == 2:
		return []string{"bframes=0"}
	case sps.PicOrderCntType != 0 || v == nil || !v.BitstreamRestrictionFlag || v.MaxNumReorderFrames == 0:
		return b.grouping("b-pyramid=none")
	}
	// x264 counts pictures with so many bits that it can tell apart those of a whole run
	// of B-pictures, and as many again where some of them are referred to.
	per, pyramid := 4, "b-pyramid=none"
	if v.MaxNumReorderFrames > 1 {
		per, pyramid = 8, "b-pyramid=normal"
		if pps != nil && sps.NumRefFrames < max(4, pps.NumRefIdxI0DefaultActiveMinus1+1) {
			pyramid = "b-pyramid=strict" // as for Blu-ray Disc
		}
	}
	for _, n := range []int{3, 1, 8, 16} {
		if bits := sps.Log2MaxPicOrderCntLsbMinus4 + 4; per*(n+2) < 1<<bits && (bits == 4 || per*(n+2) >= 1<<(bits-1)) {
			return []string{pyramid, fmt.Sprintf("bframes=%d", n)}
		}
	}
	return []string{pyramid}
}

// pictureParams are the settings that x264 writes into the PPS.
func pictureParams(sps *avc.SPS, pps *avc.PPS) []string {
	// With these settings x264 takes 2 off the offset of chroma for its psychovisual
	// optimizations.
	offset := pps.ChromaQpIndexOffset + 2
	if sps.ChromaFormatIDC == 3 {
		offset -= full
	}
	params := []string{
		fmt.Sprintf("ref=%d", pps.NumRefIdxI0DefaultActiveMinus1+1),
		flag("cabac", pps.EntropyCodingModeFlag), flag("weightp", pps.WeightedPredFlag), flag("weightb", pps.WeightedBipredIDC > 0),
		flag("8x8dct", pps.Transform8x8ModeFlag), flag("constrained-intra", pps.ConstrainedIntraPredFlag),
		"subme=7", "psy-rd=1.0,0", fmt.Sprintf("chroma-qp-offset=%d", offset),
	}
	if sps.SeqScalingMatrixPresentFlag || pps.PicScalingMatrixPresentFlag {
		params = append(params, "cqm=jvt") // the only matrices but the flat ones that x264 knows by name
	}
	return params
}

// x264Header are settings that x264 tells in no SEI, for what a film's SPS tells of its
// pictures' fields, its clock and its signal, with units that part pictures where the
// first packet has one.
func (b *base) x264Header(told map[string]string, sps *avc.SPS, first []byte) (params []string) {
	add := func(when bool, param string) {
		if when {
			params = append(params, param)
		}
	}
	for _, n := range nals(first) {
		if avc.GetNaluType(n[0]) == avc.NALU_AUD {
			params = append(params, "aud=1")
			break
		}
	}
	if told == nil {
		switch b.film.Source.Video.Picture.FieldOrder {
		case "tt", "tb":
			params = append(params, "tff=1")
		case "bb", "bt":
			params = append(params, "bff=1")
		default:
			add(!sps.FrameMbsOnlyFlag, "fake-interlaced=1")
		}
	}
	v := sps.VUI
	if v == nil {
		return params
	}
	add(v.FixedFrameRateFlag, "force-cfr=1")
	add(v.PicStructPresentFlag && sps.FrameMbsOnlyFlag, "pic-struct=1")
	if v.OverscanInfoPresentFlag {
		params = append(params, "overscan="+map[bool]string{true: "crop", false: "show"}[v.OverscanAppropriateFlag])
	}
	if names := strings.Fields("component pal ntsc secam mac"); v.VideoSignalTypePresentFlag && int(v.VideoFormat) < len(names) {
		params = append(params, "videoformat="+names[v.VideoFormat])
	}
	if told == nil && v.NalHrdParametersPresentFlag {
		params = append(append(params, buffer(v.NalHrdParameters)...), fmt.Sprintf("keyint=%d", b.longest())) // on which the lengths of its fields depend
	}
	return params
}

// longest is the most pictures from one sync sample to the next.
func (b *base) longest() int {
	most, begin := 1, 0
	for i, s := range b.samples {
		if s.sync {
			begin = i
		}
		most = max(most, i-begin+1)
	}
	return most
}

// buffer are the settings of a buffer as the SPS tells of it (ITU-T H.264, E.2.2).
func buffer(h *avc.HrdParameters) []string {
	if h == nil || len(h.CpbEntries) != 1 {
		return nil
	}
	e := h.CpbEntries[0]
	kilo := func(bits uint) uint { return (bits + 999) / 1000 } // what was rounded down
	rate, size := kilo((e.BitRateValueMinus1+1)<<(6+h.BitRateScale)), kilo((e.CpbSizeValueMinus1+1)<<(4+h.CpbSizeScale))
	params := []string{fmt.Sprintf("vbv-maxrate=%d", rate), fmt.Sprintf("vbv-bufsize=%d", size)}
	if e.CbrFlag {
		return append(params, "nal-hrd=cbr", fmt.Sprintf("bitrate=%d", rate))
	}
	return append(params, "nal-hrd=vbr")
}

func flag(name string, on bool) string {
	if on {
		return name + "=1"
	}
	return name + "=0"
}
